/* SPDX-License-Identifier: Apache-2.0 */
#include "server/placement.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void groups_shrink_with_loops_and_under_tls(void **state)
{
        (void)state;
        assert_int_equal(placement_group(1, false), 128);
        assert_int_equal(placement_group(2, false), 128);
        assert_int_equal(placement_group(4, false), 64);
        assert_int_equal(placement_group(16, false), 16);
        assert_int_equal(placement_group(256, false), 16);
        assert_int_equal(placement_group(1, true), 4);
        assert_int_equal(placement_group(64, true), 4);
}

/* Three idle loops, groups of two. */
static void fills_one_loop_before_the_next(void **state)
{
        (void)state;
        static const unsigned want[] = { 0, 0, 1, 1, 2, 2, 2, 2, 0, 0, 1, 1, 1, 1, 0, 0 };
        struct placement_load loads[3] = { { 0 } };
        unsigned last = 0;
        for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
                last = placement_choose(loads, 3, last, 2);
                assert_int_equal(last, want[i]);
                loads[last].conn_n++;
        }
}

/* What two programs opened together shares a loop, whoever was there before and has left. */
static void those_who_left_do_not_count(void **state)
{
        (void)state;
        struct placement_load loads[2] = { { 0 } };
        for (unsigned i = 0; i < 9; i++)
                assert_int_equal(placement_choose(loads, 2, 0, 4), 0);
        loads[0].conn_n = 3;
        assert_int_equal(placement_choose(loads, 2, 0, 4), 0);
        loads[0].conn_n = 4;
        assert_int_equal(placement_choose(loads, 2, 0, 4), 1);
        loads[1].conn_n = 7;
        assert_int_equal(placement_choose(loads, 2, 1, 4), 1);
        loads[1].conn_n = 8;
        assert_int_equal(placement_choose(loads, 2, 1, 4), 0);
}

static void a_busy_loop_gets_no_more(void **state)
{
        (void)state;
        struct placement_load loads[3] = { { 1, 50 }, { 9, 49 }, { 5, 0 } };
        assert_int_equal(placement_choose(loads, 3, 0, 128), 2);
        assert_int_equal(placement_choose(loads, 3, 1, 128), 1);
        assert_int_equal(placement_choose(loads, 3, 1, 4), 2);
}

static void busy_loops_share_evenly(void **state)
{
        (void)state;
        struct placement_load loads[2] = { { 3, 99 }, { 3, 90 } };
        unsigned got[2] = { 0 }, last = 0;
        for (unsigned i = 0; i < 10; i++) {
                last = placement_choose(loads, 2, last, 128);
                loads[last].conn_n++;
                got[last]++;
        }
        assert_int_equal(got[0], 5);
        assert_int_equal(got[1], 5);
}

static void one_loop_gets_all(void **state)
{
        (void)state;
        const struct placement_load busy = { 100000, 100 }, idle = { 0, 0 };
        assert_int_equal(placement_choose(&busy, 1, 0, 16), 0);
        assert_int_equal(placement_choose(&idle, 1, 7, 16), 0);
}

static void expect_trim(uint64_t n, const uint64_t *have, const uint64_t *want)
{
        uint64_t conn_n[3] = { have[0], have[1], have[2] };
        placement_trim(conn_n, 3, n);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(conn_n[i], want[i]);
}

static void loops_give_in_proportion(void **state)
{
        (void)state;
        expect_trim(2, (uint64_t[]){ 4, 0, 0 }, (uint64_t[]){ 2, 0, 0 });
        expect_trim(2, (uint64_t[]){ 0, 0, 4 }, (uint64_t[]){ 0, 0, 2 });
        expect_trim(3, (uint64_t[]){ 10, 10, 10 }, (uint64_t[]){ 1, 1, 1 });
        expect_trim(4, (uint64_t[]){ 1, 1, 4 }, (uint64_t[]){ 0, 1, 3 });
        expect_trim(9, (uint64_t[]){ 1, 2, 3 }, (uint64_t[]){ 1, 2, 3 });
        expect_trim(0, (uint64_t[]){ 1, 2, 3 }, (uint64_t[]){ 0, 0, 0 });
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(groups_shrink_with_loops_and_under_tls),
                cmocka_unit_test(fills_one_loop_before_the_next),
                cmocka_unit_test(those_who_left_do_not_count),
                cmocka_unit_test(a_busy_loop_gets_no_more),
                cmocka_unit_test(busy_loops_share_evenly),
                cmocka_unit_test(one_loop_gets_all),
                cmocka_unit_test(loops_give_in_proportion),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
