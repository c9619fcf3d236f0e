/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_connect.c: a CONNECT's JSON. Refused: nothing changes. Taken: taking it again changes
 * nothing more. The text for the log never shows the password that was read. */
#include "fuzz.h"
#include "base/buf.h"
#include "proto/connect.h"
#include "proto/redact.h"

#define SECRET_BYTES 12 /* shorter ones occur by chance */

/* A secret written without escapes must not be found in the redacted text. */
static void check_redaction(struct slice json, struct slice secret)
{
        struct buf out = { 0 };

        proto_redact_connect(json, &out);
        if (secret.len >= SECRET_BYTES && !memmem("[REDACTED]", 10, secret.ptr, secret.len) &&
                !memchr(json.ptr, '\\', json.len)) {
                const char *first = memmem(json.ptr, json.len, secret.ptr, secret.len);
                size_t rest = first ? json.len - (size_t)(first + 1 - json.ptr) : 0;

                if (first && !memmem(first + 1, rest, secret.ptr, secret.len))
                        PROPERTY(!memmem(out.ptr, out.len, secret.ptr, secret.len));
        }
        buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice json = slice_of((const char *)data, size);
        struct connect_options o, again;
        struct errbuf eb;

        connect_options_init(&o);
        connect_options_init(&again);
        if (connect_options_parse(&o, json, &eb) == 0) {
                PROPERTY(connect_options_parse(&again, json, &eb) == 0);
                PROPERTY(connect_options_parse(&again, json, &eb) == 0);
                PROPERTY(strcmp(o.user, again.user) == 0 && strcmp(o.pass, again.pass) == 0);
                PROPERTY(o.protocol == again.protocol && o.verbose == again.verbose);
        } else {
                PROPERTY(o.verbose && o.pedantic && o.echo && !o.storage && !*o.user);
        }
        check_redaction(json, slice_str(o.pass));
        connect_options_forget_secrets(&o);
        connect_options_fini(&o);
        connect_options_fini(&again);
        return 0;
}
