/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/encode_client.h"
#include "base/buf.h"
#include "proto/verb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_text(const char *got, size_t len, const char *want)
{
        assert_int_equal(len, strlen(want));
        assert_memory_equal(got, want, len);
}

static void test_size(void **state)
{
        static const struct {
                uint64_t n;
                const char *text;
        } cases[] = { { 0, "0" }, { 7, "7" }, { 10, "10" }, { 1048576, "1048576" },
                { UINT64_MAX, "18446744073709551615" } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char dst[ENCODE_SIZE_MAX];

                assert_text(dst, encode_size(dst, cases[i].n), cases[i].text);
        }
}

static void test_msg_line(void **state)
{
        static const struct {
                const char *subject, *sid, *reply, *header_size, *total_size, *text;
        } cases[] = {
                { "a", "1", "", "", "0", "MSG a 1 0\r\n" },
                { "a.b", "sid", "_INBOX.1", "", "005", "MSG a.b sid _INBOX.1 005\r\n" },
                { "a", "1", "", "12", "17", "HMSG a 1 12 17\r\n" },
                { "a", "1", "in.1", "12", "017", "HMSG a 1 in.1 12 017\r\n" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char dst[128];
                struct slice subject = slice_str(cases[i].subject), sid = slice_str(cases[i].sid);
                struct buf tail = { 0 };
                char *end = encode_msg_line(dst, cases[i].header_size[0] != '\0', subject, sid);

                encode_msg_tail(&tail, slice_str(cases[i].reply), slice_str(cases[i].header_size),
                        slice_str(cases[i].total_size));
                end = encode_put(end, buf_slice(&tail));
                assert_text(dst, (size_t)(end - dst), cases[i].text);
                assert_true(
                        (size_t)(end - dst) <= encode_msg_line_max(subject, sid, buf_slice(&tail)));
                buf_fini(&tail);
        }
}

static void test_err(void **state)
{
        struct slice text = SLICE_LIT("Unknown Protocol Operation");
        char dst[64];
        size_t len = encode_err(dst, text);

        assert_text(dst, len, "-ERR 'Unknown Protocol Operation'\r\n");
        assert_int_equal(len, encode_err_max(text));
}

static void test_no_responders(void **state)
{
        struct slice reply = SLICE_LIT("in.2"), sid = SLICE_LIT("2"), subject = SLICE_LIT("nobody");
        char dst[256];
        size_t len = encode_no_responders(dst, reply, sid, subject);

        assert_text(
                dst, len, "HMSG in.2 2 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n");
        assert_true(len <= encode_no_responders_max(reply, sid, subject));
}

static void test_verb_text(void **state)
{
        assert_string_equal(verb_text(VERB_CONNECT), "CONNECT");
        assert_string_equal(verb_text(VERB_A_DEL), "A-");
        assert_string_equal(verb_text(VERB_COUNT), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_msg_line),
                cmocka_unit_test(test_err),
                cmocka_unit_test(test_no_responders),
                cmocka_unit_test(test_verb_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
