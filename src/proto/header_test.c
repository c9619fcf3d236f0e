/* SPDX-License-Identifier: Apache-2.0 */
/* Reference page 3.8; TestSliceHeader, TestRemoveHeaderIfPresentDuplicates and their neighbours. */
#include "proto/header.h"
#include "base/buf.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_get(void **state)
{
        static const struct {
                const char *block, *key, *value; /* value NULL: absent */
        } cases[] = {
                { "", "a", NULL },
                { "NATS/1.0\r\n\r\n", "a", NULL },
                { "NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", "a", "1" },
                { "NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", "b", "2" },
                { "NATS/1.0\r\na: 1\r\n\r\n", "A", NULL },
                { "NATS/1.0\r\na: 1\r\na: 2\r\n\r\n", "a", "1" },
                { "NATS/1.0\r\na:    1 2 \r\n\r\n", "a", "1 2 " },
                { "NATS/1.0\r\na:\r\n\r\n", "a", "" },
                { "NATS/1.0\r\na : 1\r\n\r\n", "a", NULL },
                { "NATS/1.0\r\na: 1", "a", "1" },
                { "NATS/1.0\r\na", "a", NULL },
                { "NATS/1.0\r\na:", "a", "" },
                { "NATS/1.0\na: 1\r\n\r\n", "a", NULL },
                { "NATS/1.0: x\r\n\r\n", "NATS/1.0", NULL },
                { "NATS/1.0\r\nx: a: 9\r\na: 1\r\n\r\n", "a", "1" },
                { "NATS/1.0\r\nKey-Subject: foo\r\nKey: 24\r\n\r\n", "Key", "24" },
                { "NATS/1.0\r\nPrevious-Nats-Msg-Id: user\r\nNats-Msg-Id: control\r\n\r\n",
                        "Nats-Msg-Id", "control" },
        };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct slice value = SLICE_LIT("untouched");
                bool found = header_get(slice_str(cases[i].block), slice_str(cases[i].key), &value);

                assert_int_equal(found, cases[i].value != NULL);
                assert_true(slice_eq_str(value, found ? cases[i].value : "untouched"));
        }
}

static void test_remove(void **state)
{
        static const struct {
                const char *block, *key, *left;
        } cases[] = {
                { "NATS/1.0\r\na: 1\r\na: 2\r\nc: 3\r\na: 4\r\na: 5\r\n\r\n", "a",
                        "NATS/1.0\r\nc: 3\r\n\r\n" },
                { "NATS/1.0\r\na: 1\r\n\r\n", "a", "" },
                { "NATS/1.0\r\n\r\n", "a", "NATS/1.0\r\n\r\n" },
                { "NATS/1.0 503\r\na: 1\r\n\r\n", "a", "NATS/1.0 503\r\n\r\n" },
                { "NATS/1.0\r\nX-Note: Nats-Msg-Id is below\r\nNats-Msg-Id: 1\r\nc: 3\r\n\r\n",
                        "Nats-Msg-Id", "NATS/1.0\r\nX-Note: Nats-Msg-Id is below\r\nc: 3\r\n\r\n" },
                { "NATS/1.0\r\nb-a: 1\r\na-b: 2\r\n\r\n", "a",
                        "NATS/1.0\r\nb-a: 1\r\na-b: 2\r\n\r\n" },
                { "NATS/1.0\r\nb: 0\r\na: no end", "a", "NATS/1.0\r\nb: 0\r\n" },
                { "NATS/1.0\r\na: 1\r\na: no end", "a", "" },
                { "", "a", "" },
        };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char block[128];
                size_t len = strlen(cases[i].block);

                memcpy(block, cases[i].block, len);
                len = header_remove(block, len, slice_str(cases[i].key));
                assert_int_equal(len, strlen(cases[i].left));
                assert_memory_equal(block, cases[i].left, len);
        }
}

static void test_set(void **state)
{
        static const struct {
                const char *block, *key, *value, *want;
        } cases[] = {
                { "", "a", "1", "NATS/1.0\r\na: 1\r\n\r\n" },
                { "NATS/1.0\r\n\r\n", "a", "1", "NATS/1.0\r\na: 1\r\n\r\n" },
                { "NATS/1.0\r\na: 1\r\nb: 2\r\na: 3\r\n\r\n", "a", "9",
                        "NATS/1.0\r\nb: 2\r\na: 9\r\n\r\n" },
                { "NATS/1.0 503\r\n\r\n", "a", "", "NATS/1.0 503\r\na: \r\n\r\n" },
                { "NATS/1.0\r\na: 1\r\n\r\n", "a", "x\r\nEvil: 1",
                        "NATS/1.0\r\na: x  Evil: 1\r\n\r\n" },
                /* No blank line: a forged value must not stay in front of the one that is set. */
                { "NATS/1.0 1\r\nx: y\r\na: forged\r\n", "a", "1",
                        "NATS/1.0 1\r\nx: y\r\na: 1\r\n\r\n" },
                { "NATS/1.0\r\nx: y\r\na: forged", "a", "1", "NATS/1.0\r\nx: y\r\na: 1\r\n\r\n" },
                { "junk", "a", "1", "junk\r\na: 1\r\n\r\n" },
                { "\r\n", "a", "1", "NATS/1.0\r\na: 1\r\n\r\n" },
        };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };

                buf_append_str(&out, "before|");
                header_set(slice_str(cases[i].block), slice_str(cases[i].key),
                        slice_str(cases[i].value), &out);
                assert_false(out.failed);
                assert_int_equal(out.len, strlen(cases[i].want) + 7);
                assert_memory_equal(out.ptr + 7, cases[i].want, out.len - 7);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get),
                cmocka_unit_test(test_remove),
                cmocka_unit_test(test_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
