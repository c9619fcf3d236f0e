/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/closed.h"
#include "base/mem.h"
#include "peer/peer_info.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct peer_info *record(uint64_t id, uint32_t sub_n)
{
        struct peer_info *info = xnew(struct peer_info);
        info->id = id;
        info->subscriptions = sub_n;
        info->subs = sub_n ? xcalloc(sub_n, sizeof info->subs[0]) : NULL;
        for (; info->sub_n < sub_n; info->sub_n++) {
                info->subs[info->sub_n].subject = xstrdup("123456789");
                info->subs[info->sub_n].sid = xstrdup("1");
        }
        return info;
}

static void test_order_and_wrap(void **unused)
{
        struct closed_ring *ring = closed_ring_new(3, 1000);
        (void)unused;
        assert_int_equal(closed_ring_count(ring), 0);
        for (uint64_t id = 1; id <= 8; id++) {
                closed_ring_add(ring, record(id, 0));
                uint64_t left = id < 3 ? id : 3;
                assert_int_equal(closed_ring_count(ring), left);
                assert_int_equal(closed_ring_total(ring), id);
                for (uint64_t at = 0; at < left; at++)
                        assert_int_equal(closed_ring_at(ring, at)->id, id - left + 1 + at);
        }
        closed_ring_free(ring);
}

static void test_default_size(void **unused)
{
        struct closed_ring *ring = closed_ring_new(0, 1000);
        (void)unused;
        for (uint64_t id = 1; id <= CLOSED_RING_DEFAULT + 1; id++)
                closed_ring_add(ring, record(id, 0));
        assert_int_equal(closed_ring_count(ring), 10000);
        assert_int_equal(closed_ring_at(ring, 0)->id, 2);
        closed_ring_free(ring);
}

/* The oldest lists go first, the records and their counts stay. */
static void test_budget_of_lists(void **unused)
{
        size_t one = sizeof(struct sub_info) + 10 + 2;
        struct closed_ring *ring = closed_ring_new(4, 5 * one);
        (void)unused;
        closed_ring_add(ring, record(1, 3));
        closed_ring_add(ring, record(2, 2));
        assert_int_equal(closed_ring_at(ring, 0)->sub_n, 3);
        closed_ring_add(ring, record(3, 1));
        assert_int_equal(closed_ring_at(ring, 0)->sub_n, 0);
        assert_null(closed_ring_at(ring, 0)->subs);
        assert_int_equal(closed_ring_at(ring, 0)->subscriptions, 3);
        assert_int_equal(closed_ring_at(ring, 1)->sub_n, 2);
        closed_ring_add(ring, record(4, 6)); /* alone too much */
        for (size_t at = 0; at < 4; at++)
                assert_int_equal(closed_ring_at(ring, at)->sub_n, 0);
        for (uint64_t id = 5; id <= 20; id++) /* overwritten ones give their share back */
                closed_ring_add(ring, record(id, 1));
        for (size_t at = 0; at < 4; at++)
                assert_int_equal(closed_ring_at(ring, at)->sub_n, 1);
        closed_ring_free(ring);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order_and_wrap),
                cmocka_unit_test(test_default_size),
                cmocka_unit_test(test_budget_of_lists),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
