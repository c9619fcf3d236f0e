/* SPDX-License-Identifier: Apache-2.0 */
/* The table against a plain array of presence bits, with sids that collide often. */
#include "peer/subs.h"
#include "account/sub.h"
#include "base/slab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { SIDS = 300, ROUNDS = 20000, MANY = 100000 };

static struct slab *slab;

static int setup(void **state)
{
        (void)state;
        slab = slab_new();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        slab_free(slab);
        return 0;
}

static struct sub *make(struct slice sid)
{
        struct sub *sub = sub_new(slab, NULL, 0, SLICE_LIT("a.b"), SLICE_NULL, sid);
        assert_non_null(sub);
        return sub;
}

static void put(struct subs *subs, struct sub *sub)
{
        subs_put_key(subs, sub, subs_key(subs, sub_sid(sub)));
}

static void drop(struct subs *subs, struct sub *sub)
{
        subs_take(subs, sub);
        sub_free(sub);
}

/* Numbers, numbers with a leading zero, words: every way to hash a sid. */
static const char *const makes[] = { "", "0", "s" };

static void finds_exactly_what_is_there(void **state)
{
        (void)state;
        struct subs subs = { 0 };
        struct sub *model[SIDS] = { 0 };
        uint32_t x = 99, held = 0;
        for (int round = 0; round < ROUNDS; round++) {
                char sid[16];
                x = x * 1664525u + 1013904223u;
                unsigned k = (x >> 8) % SIDS;
                snprintf(sid, sizeof sid, "%s%u", makes[k % 3], k / 3);
                assert_ptr_equal(subs_find(&subs, slice_str(sid)), model[k]);
                if (model[k] == NULL) {
                        model[k] = make(slice_str(sid));
                        put(&subs, model[k]);
                        held++;
                } else if (x & 1) {
                        drop(&subs, model[k]);
                        model[k] = NULL;
                        held--;
                }
                assert_int_equal(subs.n, held);
        }
        uint32_t seen = 0, at = 0;
        for (struct sub *sub; (sub = subs_next(&subs, &at)); seen++)
                assert_ptr_equal(subs_find(&subs, sub_sid(sub)), sub);
        assert_int_equal(seen, held);
        for (unsigned k = 0; k < SIDS; k++)
                if (model[k])
                        drop(&subs, model[k]);
        assert_null(subs.slots);
        assert_null(subs.row.names);
}

static struct sub *all[MANY];

static void put_all(struct subs *subs, const char *letters, uint32_t step)
{
        char sid[32];
        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(sid, sizeof sid, "%s%u", letters, (i + 1) * step);
                all[i] = make(slice_str(sid));
                put(subs, all[i]);
                assert_true(subs->cap <= 4 || subs->cap < (subs->slot_n + 8) * 3);
                assert_true(subs->slot_n < 1000 || subs->cap * 4 <= subs->slot_n * 9 + 64);
                assert_true((uint64_t)subs->slot_n * 3 <= (uint64_t)subs->cap * 2);
                assert_true(subs->row.cap <= 4 || subs->row.cap <= subs->row.n * 3);
        }
        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(sid, sizeof sid, "%s%u", letters, (i + 1) * step);
                assert_ptr_equal(subs_find(subs, slice_str(sid)), all[i]);
        }
        assert_int_equal(subs->n, MANY);
        assert_null(subs_find(subs, SLICE_LIT("0")));
        assert_null(subs_find(subs, SLICE_LIT("01")));
        assert_null(subs_find(subs, SLICE_LIT("")));
        assert_null(subs_find(subs, SLICE_LIT("999999999")));
}

static void drop_all(struct subs *subs)
{
        for (uint32_t i = 0; i < MANY; i++) {
                drop(subs, all[i]);
                assert_true(subs->cap <= 32 || subs->cap <= subs->slot_n * 8 + 7);
                assert_true(subs->row.cap <= 32 || subs->row.cap <= subs->row.n * 8 + 7);
        }
        assert_null(subs->slots);
        assert_null(subs->row.names);
        assert_int_equal(subs->cap, 0);
        assert_int_equal(subs->n, 0);
}

/* Grow to MANY and shrink again: never much more than two slots a sid, and next to nothing for a few. */
static void slots_follow_the_count(void **state)
{
        (void)state;
        struct subs subs = { 0 };
        assert_int_equal(sizeof(struct subs_slot), 8);
        put_all(&subs, "s", 1);
        assert_int_equal(subs.slot_n, MANY);
        drop_all(&subs);
        put_all(&subs, "", 40);
        assert_true(subs.slot_n >= MANY - 2);
        drop_all(&subs);
}

static void sids_that_count_up_stand_in_a_row(void **state)
{
        (void)state;
        struct subs subs = { 0 };
        put_all(&subs, "", 1);
        assert_int_equal(subs.row.n, MANY);
        assert_int_equal(subs.slot_n, 0);
        uint32_t at = 0;
        for (uint32_t i = 0; i < MANY; i++)
                assert_ptr_equal(subs_next(&subs, &at), all[i]);
        assert_null(subs_next(&subs, &at));
        drop_all(&subs);
        put_all(&subs, "", 2); /* every other one: just enough */
        assert_int_equal(subs.row.n, MANY);
        drop_all(&subs);
}

static struct sub *put_number(struct subs *subs, uint32_t number)
{
        char sid[16];
        snprintf(sid, sizeof sid, "%u", number);
        struct sub *sub = make(slice_str(sid));
        put(subs, sub);
        return sub;
}

/* What an inbox for each request does beside one subscription that stays. */
static void a_row_does_not_follow_sids_that_leave(void **state)
{
        (void)state;
        struct subs subs = { 0 };
        struct sub *first = put_number(&subs, 1);
        for (uint32_t i = 2; i < MANY; i++) {
                drop(&subs, put_number(&subs, i));
                assert_true(subs.row.cap <= 8);
                assert_true(subs.cap <= 8);
                assert_ptr_equal(subs_find(&subs, SLICE_LIT("1")), first);
        }
        drop(&subs, first);
        first = put_number(&subs, MANY); /* a new row begins where the numbers are */
        assert_int_equal(subs.row.base, MANY);
        drop(&subs, first);
}

/* Numbers below the row, and far beyond it, and those that the row reaches later. */
static void a_number_is_found_wherever_it_went(void **state)
{
        (void)state;
        static const uint32_t order[] = { 100, 99, 999999999, 105, 101, 102, 0, 103, 104, 106 };
        enum { N = sizeof order / sizeof order[0] };
        struct subs subs = { 0 };
        struct sub *made[N];
        char sid[16];
        for (unsigned i = 0; i < N; i++)
                made[i] = put_number(&subs, order[i]);
        assert_int_equal(subs.n, N);
        assert_true(subs.slot_n > 0 && subs.row.n > 0);
        for (unsigned i = 0; i < N; i++) {
                snprintf(sid, sizeof sid, "%u", order[i]);
                assert_ptr_equal(subs_find(&subs, slice_str(sid)), made[i]);
        }
        for (unsigned i = 0; i < N; i++) {
                drop(&subs, made[i]);
                snprintf(sid, sizeof sid, "%u", order[i]);
                assert_null(subs_find(&subs, slice_str(sid)));
                assert_int_equal(subs.n, N - 1 - i);
        }
        assert_null(subs.slots);
        assert_null(subs.row.names);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(finds_exactly_what_is_there, setup, teardown),
                cmocka_unit_test_setup_teardown(slots_follow_the_count, setup, teardown),
                cmocka_unit_test_setup_teardown(sids_that_count_up_stand_in_a_row, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_row_does_not_follow_sids_that_leave, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_number_is_found_wherever_it_went, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
