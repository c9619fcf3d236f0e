/* SPDX-License-Identifier: Apache-2.0 */
#include "client/replies.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define R SLICE_LIT("_INBOX.r")

static void one_answer_each(void **state)
{
        struct replies replies;
        (void)state;
        replies_init(&replies, 1, -1);
        assert_false(replies_take(&replies, R, 1));
        replies_note(&replies, R, 1);
        assert_false(replies_take(&replies, SLICE_LIT("_INBOX.q"), 1));
        assert_true(replies_take(&replies, R, 1));
        assert_false(replies_take(&replies, R, 1));
        replies_note(&replies, R, 2);
        replies_note(&replies, R, 3); /* the same message twice is one permission */
        assert_true(replies_take(&replies, R, 3));
        assert_false(replies_take(&replies, R, 3));
        assert_int_equal(replies.n, 0);
        replies_fini(&replies);
}

static void counts_answers(void **state)
{
        struct replies replies;
        (void)state;
        replies_init(&replies, 3, -1);
        replies_note(&replies, R, 1);
        for (int i = 0; i < 3; i++)
                assert_true(replies_take(&replies, R, 1));
        assert_false(replies_take(&replies, R, 1));
        replies_fini(&replies);
        replies_init(&replies, -1, -1);
        replies_note(&replies, R, 1);
        for (int i = 0; i < 1000; i++)
                assert_true(replies_take(&replies, R, 1));
        replies_fini(&replies);
}

static void forgets_with_time(void **state)
{
        struct replies replies;
        (void)state;
        replies_init(&replies, -1, 100);
        replies_note(&replies, R, 1000);
        assert_true(replies_take(&replies, R, 1100));
        assert_false(replies_take(&replies, R, 1101));
        assert_false(replies_take(&replies, R, 1000)); /* it is gone */
        replies_note(&replies, R, 2000);
        replies_note(&replies, R, 2090); /* noted anew, the time starts anew */
        assert_true(replies_take(&replies, R, 2180));
        replies_note(&replies, SLICE_LIT("a"), 2185);
        replies_note(&replies, SLICE_LIT("b"), 2200);
        assert_int_equal(replies.n, 2); /* the oldest went when the newest came */
        replies_fini(&replies);
}

static void is_bounded(void **state)
{
        struct replies replies;
        char text[32];
        (void)state;
        replies_init(&replies, -1, -1);
        for (int i = 0; i < REPLIES_MAX + 1000; i++) {
                snprintf(text, sizeof text, "_INBOX.%d", i);
                replies_note(&replies, slice_str(text), (uint64_t)i);
        }
        assert_int_equal(replies.n, REPLIES_MAX);
        assert_false(replies_take(&replies, SLICE_LIT("_INBOX.999"), 1));
        assert_true(replies_take(&replies, SLICE_LIT("_INBOX.1000"), 1));
        assert_true(replies_take(&replies, slice_str(text), 1));
        replies_fini(&replies);
        assert_int_equal(replies.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_answer_each),
                cmocka_unit_test(counts_answers),
                cmocka_unit_test(forgets_with_time),
                cmocka_unit_test(is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
