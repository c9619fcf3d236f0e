/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/nkey.h"
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(round_trips),
                cmocka_unit_test(refuses_what_is_damaged),
                cmocka_unit_test(matches_the_known_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
