/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC (RFC 2104) over one digest context: the library's own looks its digest up for each call and
 * makes four contexts. */
#include "tls/hkdf.h"
#include "base/mem.h"
#include <string.h>

enum { BLOCK_MAX_BYTES = 128, INNER = 0x36, OUTER = 0x5c };

struct hmac {
        EVP_MD_CTX *digest;
        const EVP_MD *hash;
        uint8_t pad[BLOCK_MAX_BYTES]; /* the key, zeros, and then one of the two masks on it */
        size_t block_n;
};

static bool pass(struct hmac *hmac, uint8_t mask, const uint8_t *text, size_t n, uint8_t *dst)
{
        for (size_t i = 0; i < hmac->block_n; i++)
                hmac->pad[i] ^= mask;
        return EVP_DigestInit_ex(hmac->digest, hmac->hash, NULL) == 1 &&
               EVP_DigestUpdate(hmac->digest, hmac->pad, hmac->block_n) == 1 &&
               EVP_DigestUpdate(hmac->digest, text, n) == 1 &&
               EVP_DigestFinal_ex(hmac->digest, dst, NULL) == 1;
}

static bool hmac_once(const EVP_MD *hash, const uint8_t *key, size_t key_n, const uint8_t *text,
        size_t n, uint8_t dst[EVP_MAX_MD_SIZE])
{
        struct hmac hmac = { .hash = hash, .block_n = (size_t)EVP_MD_get_block_size(hash) };
        uint8_t inner[EVP_MAX_MD_SIZE];
        if (hmac.block_n > sizeof(hmac.pad) || key_n > hmac.block_n)
                return false;
        hmac.digest = EVP_MD_CTX_new();
        memcpy(hmac.pad, key, key_n);
        bool ok = hmac.digest && pass(&hmac, INNER, text, n, inner) &&
                  pass(&hmac, INNER ^ OUTER, inner, (size_t)EVP_MD_get_size(hash), dst);
        EVP_MD_CTX_free(hmac.digest); /* wipes what it held */
        mem_wipe(hmac.pad, sizeof(hmac.pad));
        mem_wipe(inner, sizeof(inner));
        return ok;
}

bool hkdf_expand_label(const EVP_MD *hash, const uint8_t *secret, size_t secret_n,
        const char *label, uint8_t *dst, size_t dst_n)
{
        static const char prefix[] = "tls13 ";
        enum { PREFIX_BYTES = sizeof(prefix) - 1 };
        uint8_t info[4 + PREFIX_BYTES + HKDF_LABEL_MAX_BYTES + 1], block[EVP_MAX_MD_SIZE];
        size_t label_n = strlen(label), at = 0;
        if (label_n > HKDF_LABEL_MAX_BYTES || dst_n > (size_t)EVP_MD_get_size(hash))
                return false;
        info[at++] = 0;
        info[at++] = (uint8_t)dst_n;
        info[at++] = (uint8_t)(PREFIX_BYTES + label_n);
        memcpy(info + at, prefix, PREFIX_BYTES);
        memcpy(info + at + PREFIX_BYTES, label, label_n);
        at += PREFIX_BYTES + label_n;
        info[at++] = 0; /* no context */
        info[at++] = 1; /* the first block */
        bool ok = hmac_once(hash, secret, secret_n, info, at, block);
        if (ok)
                memcpy(dst, block, dst_n);
        mem_wipe(block, sizeof(block));
        return ok;
}
