/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/macros.h"
#include "base/rand.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void spells_durations(void **state)
{
        static const struct {
                int64_t ns;
                const char *text;
        } rows[] = {
                { 0, "0s" },
                { 1, "1ns" },
                { -1, "-1ns" },
                { 999, "999ns" },
                { 1000, "1\xc2\xb5s" },
                { 1100, "1.1\xc2\xb5s" },
                { 345000, "345\xc2\xb5s" },
                { 1001, "1.001\xc2\xb5s" },
                { 12345000, "12.345ms" },
                { 2200000, "2.2ms" },
                { 999999999, "999.999999ms" },
                { 1000000000, "1s" },
                { 62500000000, "1m2.5s" },
                { 60000000000, "1m0s" },
                { 10800000000000, "3h0m0s" },
                { 245000000001000, "68h3m20.000001s" },
                { INT64_MAX, "2562047h47m16.854775807s" },
                { INT64_MIN, "-2562047h47m16.854775808s" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                char text[40];
                clock_duration(rows[i].ns, text, sizeof text);
                assert_string_equal(text, rows[i].text);
        }
}

static void spells_instants(void **state)
{
        static const struct {
                uint64_t ns;
                const char *text;
        } rows[] = {
                { 0, "1970-01-01T00:00:00Z" },
                { 1, "1970-01-01T00:00:00.000000001Z" },
                { 1787323811123400000, "2026-08-21T14:50:11.1234Z" },
                { 951827696500000000, "2000-02-29T12:34:56.5Z" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                char text[40];
                clock_rfc3339(rows[i].ns, text, sizeof text);
                assert_string_equal(text, rows[i].text);
        }
}

static void spells_uptimes(void **state)
{
        static const struct {
                uint64_t seconds;
                const char *text;
        } rows[] = {
                { 0, "0s" },
                { 22, "22s" },
                { 60, "1m0s" },
                { 4 * 3600 + 4 * 60 + 22, "4h4m22s" },
                { 32 * 86400 + 4 * 3600 + 4 * 60 + 22, "32d4h4m22s" },
                { 22ULL * 365 * 86400 + 32 * 86400 + 4 * 3600 + 4 * 60 + 22, "22y32d4h4m22s" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                char text[40];
                clock_uptime(rows[i].seconds, text, sizeof text);
                assert_string_equal(text, rows[i].text);
        }
}

static void clocks_advance(void **state)
{
        uint64_t before = clock_mono_ns(), now;
        while ((now = clock_mono_ns()) == before)
                ;
        assert_true(now > before);
        assert_true(clock_wall_ns() > 1700000000ULL * NS_PER_SEC);
}

static void a_moment_has_one_wall_time(void **state)
{
        uint64_t then = clock_mono_ns(), first = clock_wall_of(then), wall = clock_wall_ns();
        assert_true(first <= wall + 20 * NS_PER_MS && wall <= first + 5 * NS_PER_SEC);
        for (int i = 0; i < 100; i++)
                assert_true(clock_wall_of(then) == first);
        assert_true(clock_wall_of(then - NS_PER_SEC) == first - NS_PER_SEC);
}

static void spans_are_never_negative(void **state)
{
        assert_true(clock_span_ns(3, 10) == 7);
        assert_true(clock_span_ns(10, 3) == 0);
}

static void chance_is_uniform(void **state)
{
        unsigned hits[10] = { 0 };
        for (int i = 0; i < 100000; i++) {
                uint32_t n = rand_below(10);
                assert_true(n < 10);
                hits[n]++;
        }
        for (int i = 0; i < 10; i++)
                assert_in_range(hits[i], 9000, 11000); /* ten standard deviations */
        uint64_t a[4] = { 0 }, b[4] = { 0 };
        rand_secure(a, sizeof a);
        rand_secure(b, sizeof b);
        assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(spells_durations),
                cmocka_unit_test(spells_instants),
                cmocka_unit_test(spells_uptimes),
                cmocka_unit_test(clocks_advance),
                cmocka_unit_test(a_moment_has_one_wall_time),
                cmocka_unit_test(spans_are_never_negative),
                cmocka_unit_test(chance_is_uniform),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
