/* SPDX-License-Identifier: Apache-2.0 */
/* Row 30 of the TLS checklist: TestRateCounter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/macros.h"
#include "base/rate.h"

static void exactly_the_limit_passes(void **state)
{
        const uint64_t start = 5 * NS_PER_SEC;
        struct rate_counter *rate = rate_counter_new(10, NS_PER_SEC);
        for (int i = 0; i < 10; i++)
                assert_true(rate_counter_allow(rate, start + (uint64_t)i));
        for (int i = 0; i < 5; i++)
                assert_false(rate_counter_allow(rate, start + NS_PER_SEC));
        assert_int_equal(rate_counter_take_blocked(rate), 5);
        assert_int_equal(rate_counter_take_blocked(rate), 0);
        for (int i = 0; i < 10; i++)
                assert_true(rate_counter_allow(rate, start + NS_PER_SEC + 1));
        assert_false(rate_counter_allow(rate, start + NS_PER_SEC + 2));
        rate_counter_free(rate);
        rate_counter_free(NULL);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(exactly_the_limit_passes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
