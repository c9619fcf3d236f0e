/* SPDX-License-Identifier: Apache-2.0 */
/* The figures are those of RFC 8448 section 3; SHA-384 against the library's HKDF. */
#include "tls/hkdf.h"
#include "tls/algo.h"
#include "tls/provider.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above. */
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>

/* The server's handshake traffic secret. */
static const uint8_t secret[32] = { 0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5,
        0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4, 0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42,
        0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38 };

static const uint8_t wide_key[48] = { 5, 4, 3, 2, 1, [47] = 9 };

static bool expand(const EVP_MD *hash, const uint8_t *from, size_t from_n, const char *label,
        uint8_t *dst, size_t n)
{
        const struct hkdf_label text = { SLICE_LIT("tls13 "), slice_str(label), SLICE_NULL };
        return hkdf_expand_label(hash, slice_of((const char *)from, from_n), &text, dst, n);
}

static void derives_the_keys_of_the_standard(void **state)
{
        static const uint8_t want_key[16] = { 0x3f, 0xce, 0x51, 0x60, 0x09, 0xc2, 0x17, 0x27, 0xd0,
                0xf2, 0xe4, 0xe8, 0x6e, 0xe4, 0x03, 0xbc };
        static const uint8_t want_iv[12] = { 0x5d, 0x31, 0x3e, 0xb2, 0x67, 0x12, 0x76, 0xee, 0x13,
                0x00, 0x0b, 0x30 };
        uint8_t key[16], iv[12];
        (void)state;
        assert_true(expand(algo_sha256(), secret, 32, "key", key, sizeof(key)));
        assert_true(expand(algo_sha256(), secret, 32, "iv", iv, sizeof(iv)));
        assert_memory_equal(key, want_key, sizeof(key));
        assert_memory_equal(iv, want_iv, sizeof(iv));
}

/* "traffic upd" as RFC 5869 has it, by the library. */
static void library_expand(const char *hash, const uint8_t *from, size_t n, uint8_t *dst)
{
        static const char label[] = "tls13 traffic upd";
        uint8_t info[64] = { 0, (uint8_t)n, sizeof(label) - 1 };
        size_t len = n;
        memcpy(info + 3, label, sizeof(label) - 1);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
        assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_hkdf_mode(ctx, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY), 1);
        assert_int_equal(EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_get_digestbyname(hash)), 1);
        assert_int_equal(EVP_PKEY_CTX_set1_hkdf_key(ctx, from, (int)n), 1);
        assert_int_equal(EVP_PKEY_CTX_add1_hkdf_info(ctx, info, 3 + sizeof(label)), 1);
        assert_int_equal(EVP_PKEY_derive(ctx, dst, &len), 1);
        EVP_PKEY_CTX_free(ctx);
}

static void a_secret_may_become_its_successor(void **state)
{
        uint8_t wide[48], want[48];
        (void)state;
        memset(wide, 7, sizeof(wide));
        library_expand("SHA384", wide, 48, want);
        assert_true(expand(algo_sha384(), wide, 48, "traffic upd", wide, 48));
        assert_memory_equal(wide, want, 48);
}

static void refuses_what_is_too_long(void **state)
{
        uint8_t key[64] = { 1 };
        char long_label[80] = { 0 };
        memset(long_label, 'x', 75); /* 81 with the prefix */
        (void)state;
        assert_false(expand(algo_sha256(), secret, 32, "key", key, 33));
        assert_false(expand(algo_sha256(), secret, 32, long_label, key, 16));
        assert_int_equal(key[0], 1);
}

/* With the library's own TLS13-KDF as the judge, in every way that a handshake asks. */
static void derive(const char *query, const char *hash, int mode, const char *key, const char *salt,
        size_t n, uint8_t *dst)
{
        OSSL_PARAM params[8], *at = params;
        *at++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
        *at++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0);
        if (key)
                *at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, n);
        if (salt)
                *at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, n);
        *at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)"tls13 ", 6);
        *at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)"derived", 7);
        if (mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
                *at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, (void *)key, n);
        *at = OSSL_PARAM_construct_end();
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", query);
        EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
        memset(dst, 0, EVP_MAX_MD_SIZE);
        assert_int_equal(EVP_KDF_derive(ctx, dst, n, params), 1);
        EVP_KDF_CTX_free(ctx);
        EVP_KDF_free(kdf);
}

static void agrees_with_the_library(void **state)
{
        static const struct {
                const char *hash;
                size_t n;
        } hashes[] = { { "SHA256", 32 }, { "SHA2-384", 48 } };
        static const struct {
                int mode;
                const char *key, *salt;
        } ways[] = {
                { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, NULL, NULL },
                { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, NULL, (const char *)wide_key },
                { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, (const char *)wide_key, NULL },
                { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, (const char *)wide_key, (const char *)wide_key },
                { EVP_KDF_HKDF_MODE_EXPAND_ONLY, (const char *)wide_key, NULL },
        };
        uint8_t ours[EVP_MAX_MD_SIZE], theirs[EVP_MAX_MD_SIZE];
        (void)state;
        assert_string_equal(provider_query(), "?midge.handshake=yes");
        for (size_t i = 0; i < 10; i++) {
                const char *hash = hashes[i / 5].hash;
                size_t n = hashes[i / 5].n;
                derive("?midge.handshake=yes", hash, ways[i % 5].mode, ways[i % 5].key,
                        ways[i % 5].salt, n, ours);
                derive("provider=default", hash, ways[i % 5].mode, ways[i % 5].key,
                        ways[i % 5].salt, n, theirs);
                assert_memory_equal(ours, theirs, sizeof(ours));
        }
}

static void leaves_the_library_what_is_its_own(void **state)
{
        (void)state;
        EVP_MD *md = EVP_MD_fetch(NULL, "SHA512", "?midge.handshake=yes");
        assert_non_null(md);
        EVP_MD_free(md);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(derives_the_keys_of_the_standard),
                cmocka_unit_test(a_secret_may_become_its_successor),
                cmocka_unit_test(refuses_what_is_too_long),
                cmocka_unit_test(agrees_with_the_library),
                cmocka_unit_test(leaves_the_library_what_is_its_own),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
