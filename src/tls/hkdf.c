/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC (RFC 2104) over one digest context: the library's own looks its digest up for each call and
 * makes four contexts. */
#include "tls/hkdf.h"
#include "base/mem.h"
#include <string.h>

enum { BLOCK_MAX_BYTES = 128, LABEL_MAX_BYTES = 80, INNER = 0x36, OUTER = 0x5c };

struct hmac {
        EVP_MD_CTX *digest;
        const EVP_MD *hash;
        uint8_t pad[BLOCK_MAX_BYTES]; /* the key, zeros, and then one of the two masks on it */
        size_t block_n;
};

static bool pass(struct hmac *hmac, uint8_t mask, struct slice text, uint8_t *dst)
{
        for (size_t i = 0; i < sizeof(hmac->pad); i++) /* so many that it becomes vectors */
                hmac->pad[i] ^= mask;
        return EVP_DigestInit_ex(hmac->digest, hmac->hash, NULL) == 1 &&
               EVP_DigestUpdate(hmac->digest, hmac->pad, hmac->block_n) == 1 &&
               EVP_DigestUpdate(hmac->digest, text.ptr, text.len) == 1 &&
               EVP_DigestFinal_ex(hmac->digest, dst, NULL) == 1;
}

bool hkdf_extract(const EVP_MD *hash, struct slice salt, struct slice key, uint8_t *dst)
{
        struct hmac hmac = { .hash = hash, .block_n = (size_t)EVP_MD_get_block_size(hash) };
        uint8_t inner[EVP_MAX_MD_SIZE], outer[EVP_MAX_MD_SIZE];
        size_t n = (size_t)EVP_MD_get_size(hash);
        if (hmac.block_n > sizeof(hmac.pad) || salt.len > hmac.block_n)
                return false;
        hmac.digest = EVP_MD_CTX_new();
        memcpy(hmac.pad, salt.ptr, salt.len);
        bool ok = hmac.digest && pass(&hmac, INNER, key, inner) &&
                  pass(&hmac, INNER ^ OUTER, slice_of((char *)inner, n), outer);
        if (ok)
                memcpy(dst, outer, n);
        EVP_MD_CTX_free(hmac.digest); /* wipes what it held */
        mem_wipe(hmac.pad, sizeof(hmac.pad));
        mem_wipe(inner, sizeof(inner));
        mem_wipe(outer, sizeof(outer));
        return ok;
}

static uint8_t *put(uint8_t *at, struct slice bytes)
{
        if (bytes.len > 0)
                memcpy(at, bytes.ptr, bytes.len);
        return at + bytes.len;
}

bool hkdf_expand_label(const EVP_MD *hash, struct slice secret, const struct hkdf_label *label,
        uint8_t *dst, size_t dst_n)
{
        uint8_t info[4 + LABEL_MAX_BYTES + 1], block[EVP_MAX_MD_SIZE], *at = info;
        size_t label_n = label->prefix.len + label->label.len;
        if (label_n > LABEL_MAX_BYTES || label->context.len > LABEL_MAX_BYTES - label_n ||
                dst_n > (size_t)EVP_MD_get_size(hash))
                return false;
        *at++ = 0;
        *at++ = (uint8_t)dst_n;
        *at++ = (uint8_t)label_n;
        at = put(put(at, label->prefix), label->label);
        *at++ = (uint8_t)label->context.len;
        at = put(at, label->context);
        *at++ = 1; /* the first block */
        bool ok = hkdf_extract(hash, secret, slice_of((char *)info, (size_t)(at - info)), block);
        if (ok)
                memcpy(dst, block, dst_n);
        mem_wipe(block, sizeof(block));
        return ok;
}
