/* SPDX-License-Identifier: Apache-2.0 */
/* The figures are those of RFC 8448 section 3; SHA-384 against the library's HKDF. */
#include "tls/hkdf.h"
#include "tls/algo.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above. */
#include <cmocka.h>
#include <openssl/kdf.h>

/* The server's handshake traffic secret. */
static const uint8_t secret[32] = { 0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5,
        0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4, 0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42,
        0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38 };

static void derives_the_keys_of_the_standard(void **state)
{
        static const uint8_t want_key[16] = { 0x3f, 0xce, 0x51, 0x60, 0x09, 0xc2, 0x17, 0x27, 0xd0,
                0xf2, 0xe4, 0xe8, 0x6e, 0xe4, 0x03, 0xbc };
        static const uint8_t want_iv[12] = { 0x5d, 0x31, 0x3e, 0xb2, 0x67, 0x12, 0x76, 0xee, 0x13,
                0x00, 0x0b, 0x30 };
        uint8_t key[16], iv[12];
        (void)state;
        assert_true(hkdf_expand_label(algo_sha256(), secret, 32, "key", key, sizeof(key)));
        assert_true(hkdf_expand_label(algo_sha256(), secret, 32, "iv", iv, sizeof(iv)));
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
        assert_true(hkdf_expand_label(algo_sha384(), wide, 48, "traffic upd", wide, 48));
        assert_memory_equal(wide, want, 48);
}

static void refuses_what_is_too_long(void **state)
{
        uint8_t key[64] = { 1 };
        (void)state;
        assert_false(hkdf_expand_label(algo_sha256(), secret, 32, "key", key, 33));
        assert_false(hkdf_expand_label(algo_sha256(), secret, 32, "seventeen letters", key, 16));
        assert_int_equal(key[0], 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(derives_the_keys_of_the_standard),
                cmocka_unit_test(a_secret_may_become_its_successor),
                cmocka_unit_test(refuses_what_is_too_long),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
