/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/secret.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void equal_only_when_equal(void **state)
{
        static const char *const texts[] = { "", "a", "b", "aa", "ab", "secret", "secres",
                "secretsecret", "\xff", "S3Cr3T0k3n!" };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(texts); i++)
                for (size_t k = 0; k < ARRAY_N(texts); k++)
                        assert_int_equal(secret_eq(texts[i], texts[k]), i == k);
}

static void knows_the_form_of_a_hash(void **state)
{
        static const struct {
                const char *text;
                bool hash;
        } cases[] = {
                { "$2a$11$", true },
                { "$2b$04$x", true },
                { "$2x$04$x", true },
                { "$2y$99$", true },
                { "", false },
                { "$", false },
                { "$2", false },
                { "$2a", false },
                { "$2a$1$", false },
                { "$2c$11$", false },
                { "$1a$11$", false },
                { "$2a$1x$", false },
                { "$2a$11", false },
                { "x$2a$11$", false },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                assert_int_equal(secret_is_bcrypt(cases[i].text), cases[i].hash);
}

/* Hashes of "foobar"-like words made by other programs; every variant letter is the same algorithm. */
static void checks_hashes(void **state)
{
        static const char hash[] = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        char other[sizeof hash];
        (void)state;
        assert_true(secret_bcrypt_eq(hash, "U*U"));
        assert_false(secret_bcrypt_eq(hash, "U*"));
        assert_false(secret_bcrypt_eq(hash, "U*U*"));
        assert_false(secret_bcrypt_eq(hash, ""));
        for (const char *variant = "abxy"; *variant; variant++) {
                memcpy(other, hash, sizeof other);
                other[2] = *variant;
                assert_true(secret_bcrypt_eq(other, "U*U"));
        }
        for (size_t len = 0; len < sizeof hash - 1; len++) {
                memcpy(other, hash, sizeof other);
                other[len] = '\0';
                assert_false(secret_bcrypt_eq(other, "U*U"));
        }
        memcpy(other, hash, sizeof other);
        other[59] = other[59] == 'W' ? 'X' : 'W';
        assert_true(secret_bcrypt_eq(hash, "U*U"));
        memcpy(other, hash, sizeof other);
        other[4] = '9'; /* a cost that does not exist */
        assert_false(secret_bcrypt_eq(other, "U*U"));
}

static void looks_at_72_bytes(void **state)
{
        static const char hash[] = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
        (void)state;
        assert_true(secret_bcrypt_eq(hash, "0123456789abcdefghijklmnopqrstuvwxyz"
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
        assert_true(secret_bcrypt_eq(hash, "0123456789abcdefghijklmnopqrstuvwxyz"
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                           "chars after 72 are ignored"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_only_when_equal),
                cmocka_unit_test(knows_the_form_of_a_hash),
                cmocka_unit_test(checks_hashes),
                cmocka_unit_test(looks_at_72_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
