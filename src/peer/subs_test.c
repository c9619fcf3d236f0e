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
                        subs_put(&subs, model[k]);
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
}

/* Grow to MANY and shrink again: never much more than two slots a sid, and next to nothing for a few. */
static void slots_follow_the_count(void **state)
{
        (void)state;
        static struct sub *all[MANY];
        struct subs subs = { 0 };
        char sid[16];
        assert_int_equal(sizeof(struct subs_slot), 8);
        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(sid, sizeof sid, "%u", i + 1);
                all[i] = make(slice_str(sid));
                subs_put(&subs, all[i]);
                assert_true(subs.cap <= 4 || subs.cap < (subs.n + 8) * 3);
                assert_true(subs.n < 1000 || subs.cap * 4 <= subs.n * 9 + 64);
                assert_true((uint64_t)subs.n * 3 <= (uint64_t)subs.cap * 2);
        }
        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(sid, sizeof sid, "%u", i + 1);
                assert_ptr_equal(subs_find(&subs, slice_str(sid)), all[i]);
        }
        assert_null(subs_find(&subs, SLICE_LIT("0")));
        assert_null(subs_find(&subs, SLICE_LIT("01")));
        assert_null(subs_find(&subs, SLICE_LIT("")));
        for (uint32_t i = 0; i < MANY; i++) {
                drop(&subs, all[i]);
                assert_true(subs.cap <= 32 || subs.cap <= subs.n * 8 + 7);
        }
        assert_null(subs.slots);
        assert_int_equal(subs.cap, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(finds_exactly_what_is_there, setup, teardown),
                cmocka_unit_test_setup_teardown(slots_follow_the_count, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
