/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_nkey.c: the text of a key, or of a signature. What is taken is the one text of its bytes. */
#include "fuzz.h"
#include "base/text.h"
#include "cred/nkey.h"

static void check_key(enum nkey_kind kind, struct slice text)
{
        uint8_t key[NKEY_BYTES];
        char again[NKEY_TEXT_SIZE];
        if (nkey_decode(kind, text, key) < 0)
                return;
        nkey_encode(kind, key, again);
        PROPERTY(slice_eq_str(text, again));
}

static void check_sig(struct slice text)
{
        uint8_t sig[NKEY_SIG_BYTES];
        char url[100], padded[100];
        if (nkey_sig_decode(text, sig) < 0)
                return;
        text_base64url(sig, sizeof sig, url);
        text_base64(sig, sizeof sig, padded);
        PROPERTY(slice_eq_str(text, url) || slice_eq_str(text, padded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice text = slice_of((const char *)data, size);
        check_key(NKEY_USER, text);
        check_key(NKEY_ACCOUNT, text);
        check_key(NKEY_SERVER, text);
        check_sig(text);
        return 0;
}
