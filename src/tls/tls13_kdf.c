/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithm has no state: all that it needs comes with each derivation. */
#include "base/macros.h"
#include "base/mem.h"
#include "base/slice.h"
#include "tls/algo.h"
#include "tls/hkdf.h"
#include "tls/provider_internal.h"
#include "tls/takeover.h"
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <string.h>
#include <strings.h>

static struct slice octets(const OSSL_PARAM *params, const char *key)
{
        const void *at = NULL;
        size_t n = 0;
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, key);
        if (param == NULL || !OSSL_PARAM_get_octet_string_ptr(param, &at, &n) || at == NULL)
                return SLICE_NULL;
        return slice_of(at, n);
}

static const EVP_MD *hash_of(const OSSL_PARAM *params)
{
        const char *name = NULL;
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
        if (param == NULL || !OSSL_PARAM_get_utf8_string_ptr(param, &name) || name == NULL)
                return NULL;
        if (strcasecmp(name, "SHA2-256") == 0 || strcasecmp(name, "SHA256") == 0)
                return algo_sha256();
        if (strcasecmp(name, "SHA2-384") == 0 || strcasecmp(name, "SHA384") == 0)
                return algo_sha384();
        return NULL;
}

static struct hkdf_label label_of(const OSSL_PARAM *params)
{
        return (struct hkdf_label){ .prefix = octets(params, OSSL_KDF_PARAM_PREFIX),
                .label = octets(params, OSSL_KDF_PARAM_LABEL),
                .context = octets(params, OSSL_KDF_PARAM_DATA) };
}

static bool expand(const EVP_MD *hash, const OSSL_PARAM *params, uint8_t *dst, size_t n)
{
        const struct hkdf_label label = label_of(params);
        if (!hkdf_expand_label(hash, octets(params, OSSL_KDF_PARAM_KEY), &label, dst, n))
                return false;
        takeover_secret(label.label, slice_of((char *)dst, n));
        return true;
}

/* RFC 8446 section 7.1: the secret before, derived once more, is the salt of the next; zeros stand in for
 * what there is not. */
static bool extract(const EVP_MD *hash, const OSSL_PARAM *params, uint8_t *dst, size_t n)
{
        static const char zeros[EVP_MAX_MD_SIZE];
        uint8_t salt[EVP_MAX_MD_SIZE] = { 0 }, nothing[EVP_MAX_MD_SIZE];
        struct slice before = octets(params, OSSL_KDF_PARAM_SALT);
        struct slice key = octets(params, OSSL_KDF_PARAM_KEY);
        struct hkdf_label label = label_of(params);
        if (n != (size_t)EVP_MD_get_size(hash))
                return false;
        bool ok = true;
        if (before.ptr != NULL) {
                label.context = slice_of((char *)nothing, n);
                ok = EVP_Digest("", 0, nothing, NULL, hash, NULL) == 1 &&
                     hkdf_expand_label(hash, before, &label, salt, n);
        }
        ok = ok &&
             hkdf_extract(hash, slice_of((char *)salt, n), key.ptr ? key : slice_of(zeros, n), dst);
        mem_wipe(salt, sizeof(salt));
        return ok;
}

static int derive(void *ctx, unsigned char *dst, size_t n, const OSSL_PARAM params[])
{
        int mode = -1;
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
        const EVP_MD *hash = hash_of(params);
        (void)ctx;
        if (hash == NULL || param == NULL || !OSSL_PARAM_get_int(param, &mode))
                return 0;
        if (mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
                return expand(hash, params, dst, n);
        return mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY && extract(hash, params, dst, n);
}

static void *new_ctx(void *provider)
{
        return provider;
}

static void free_ctx(void *ctx)
{
        (void)ctx;
}

const OSSL_DISPATCH tls13_kdf_functions[] = {
        { OSSL_FUNC_KDF_NEWCTX, (void (*)(void))new_ctx },
        { OSSL_FUNC_KDF_FREECTX, (void (*)(void))free_ctx },
        { OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive },
        { 0, NULL },
};
