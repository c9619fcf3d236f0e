/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hist.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct hist hist, other;

static void percentiles_are_close(void **state)
{
        (void)state;
        static const double percents[] = { 1, 50, 90, 99, 99.9 };
        hist_init(&hist);
        hist_init(&other);
        for (uint64_t i = 1; i <= 100000; i++)
                hist_add(i % 2 ? &hist : &other, i * 17);
        hist_merge(&hist, &other);
        assert_int_equal(hist.n, 100000);
        assert_int_equal(hist.min, 17);
        assert_int_equal(hist.max, 1700000);
        for (unsigned i = 0; i < sizeof percents / sizeof percents[0]; i++) {
                double want = percents[i] * 1000 * 17,
                       got = (double)hist_percentile(&hist, percents[i]);
                assert_true(got > want * 0.98 && got < want * 1.02);
        }
}

static void extremes_fit(void **state)
{
        (void)state;
        hist_init(&hist);
        assert_int_equal(hist_percentile(&hist, 50), 0);
        hist_add(&hist, 0);
        assert_int_equal(hist_percentile(&hist, 100), 0);
        hist_add(&hist, UINT64_MAX);
        assert_true(hist_percentile(&hist, 100) > UINT64_MAX / 64 * 63);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(percentiles_are_close),
                cmocka_unit_test(extremes_fit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
