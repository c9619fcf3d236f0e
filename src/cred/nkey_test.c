/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/nkey.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct {
        enum nkey_kind kind;
        char letter;
} kinds[] = {
        { NKEY_ACCOUNT, 'A' },
        { NKEY_CLUSTER, 'C' },
        { NKEY_SERVER, 'N' },
        { NKEY_OPERATOR, 'O' },
        { NKEY_USER, 'U' },
        { NKEY_CURVE, 'X' },
};

static void round_trips(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_N(kinds); i++) {
                char text[NKEY_TEXT_SIZE], again[NKEY_TEXT_SIZE];
                uint8_t key[NKEY_BYTES];
                nkey_fresh_name(kinds[i].kind, text);
                assert_int_equal(strlen(text), NKEY_TEXT_LEN);
                assert_int_equal(text[0], kinds[i].letter);
                assert_int_equal(nkey_decode(kinds[i].kind, slice_str(text), key), 0);
                nkey_encode(kinds[i].kind, key, again);
                assert_string_equal(again, text);
        }
}

/* 2026-23 of the lessons: keys of every length and every single wrong letter. */
static void refuses_what_is_damaged(void **state)
{
        (void)state;
        char text[NKEY_TEXT_SIZE];
        uint8_t key[NKEY_BYTES];
        nkey_fresh_name(NKEY_USER, text);
        assert_int_equal(nkey_decode(NKEY_ACCOUNT, slice_str(text), key), ERR_INVALID);
        for (size_t len = 0; len < NKEY_TEXT_LEN; len++)
                assert_int_equal(nkey_decode(NKEY_USER, slice_of(text, len), key), ERR_INVALID);
        for (size_t i = 0; i < NKEY_TEXT_LEN; i++) {
                char old = text[i];
                text[i] = old == 'A' ? 'B' : 'A';
                assert_int_equal(nkey_decode(NKEY_USER, slice_str(text), key), ERR_INVALID);
                text[i] = '1';
                assert_int_equal(nkey_decode(NKEY_USER, slice_str(text), key), ERR_INVALID);
                text[i] = old;
        }
}

/* Prefix, key and CRC of an all-zero account key are all zero bits. */
static void matches_the_known_text(void **state)
{
        (void)state;
        const uint8_t zero[NKEY_BYTES] = { 0 };
        char text[NKEY_TEXT_SIZE];
        nkey_encode(NKEY_ACCOUNT, zero, text);
        assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

/* RFC 8032, section 7.1, test 2: one byte, 0x72. */
static void verifies_signatures(void **state)
{
        static const uint8_t key[NKEY_BYTES] = { 0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a,
                0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4,
                0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c };
        static const uint8_t good[NKEY_SIG_BYTES] = { 0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca,
                0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16,
                0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda, 0x08, 0x5a, 0xc1,
                0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c, 0x38,
                0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c,
                0x00 };
        uint8_t sig[NKEY_SIG_BYTES], other[NKEY_BYTES];
        (void)state;
        assert_true(nkey_verify(key, SLICE_LIT("\x72"), good));
        assert_false(nkey_verify(key, SLICE_LIT("\x73"), good));
        assert_false(nkey_verify(key, SLICE_LIT("\x72\x72"), good));
        assert_false(nkey_verify(key, SLICE_NULL, good));
        for (size_t i = 0; i < sizeof good; i++) {
                memcpy(sig, good, sizeof sig);
                sig[i] ^= 1;
                assert_false(nkey_verify(key, SLICE_LIT("\x72"), sig));
        }
        for (size_t i = 0; i < sizeof key; i++) {
                memcpy(other, key, sizeof other);
                other[i] ^= 1;
                assert_false(nkey_verify(other, SLICE_LIT("\x72"), good));
        }
}

static void reads_both_forms_of_a_signature(void **state)
{
        uint8_t sig[NKEY_SIG_BYTES], again[NKEY_SIG_BYTES];
        char text[100];
        (void)state;
        for (size_t i = 0; i < sizeof sig; i++)
                sig[i] = (uint8_t)(251 * i + 255);
        text_base64url(sig, sizeof sig, text);
        assert_int_equal(nkey_sig_decode(slice_str(text), again), 0);
        assert_memory_equal(again, sig, sizeof sig);
        for (size_t len = 0; len < strlen(text); len++)
                assert_int_equal(nkey_sig_decode(slice_of(text, len), again), ERR_INVALID);
        text_base64(sig, sizeof sig, text);
        assert_int_equal(nkey_sig_decode(slice_str(text), again), 0);
        assert_memory_equal(again, sig, sizeof sig);
        text_base64(sig, sizeof sig - 1, text);
        assert_int_equal(nkey_sig_decode(slice_str(text), again), ERR_INVALID);
}

static void nonces_differ(void **state)
{
        char one[NKEY_NONCE_SIZE], two[NKEY_NONCE_SIZE];
        (void)state;
        nkey_nonce(one);
        nkey_nonce(two);
        assert_int_equal(strlen(one), NKEY_NONCE_SIZE - 1);
        assert_string_not_equal(one, two);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(round_trips),
                cmocka_unit_test(refuses_what_is_damaged),
                cmocka_unit_test(matches_the_known_text),
                cmocka_unit_test(verifies_signatures),
                cmocka_unit_test(reads_both_forms_of_a_signature),
                cmocka_unit_test(nonces_differ),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
