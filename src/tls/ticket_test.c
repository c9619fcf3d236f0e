/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ticket.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka needs the three above it. */
#include <cmocka.h>

#define DAY_NS (24ULL * 3600 * NS_PER_SEC)
#define START_NS (5 * NS_PER_SEC)

static void keys_change_daily_and_are_kept_for_a_week(void **state)
{
        struct tickets *tickets = tickets_new();
        struct ticket_key first, same, next, found;
        tickets_current(tickets, START_NS, &first);
        tickets_current(tickets, START_NS + DAY_NS - 1, &same);
        assert_memory_equal(first.name, same.name, TICKET_NAME_BYTES);
        assert_memory_equal(first.cipher, same.cipher, TICKET_KEY_BYTES);
        for (uint64_t day = 1; day < 8; day++) {
                tickets_current(tickets, START_NS + day * DAY_NS, &next);
                assert_memory_not_equal(first.name, next.name, TICKET_NAME_BYTES);
                assert_memory_not_equal(first.cipher, next.cipher, TICKET_KEY_BYTES);
                assert_memory_not_equal(first.mac, next.mac, TICKET_KEY_BYTES);
                assert_true(tickets_find(tickets, START_NS + day * DAY_NS, first.name, &found));
                assert_memory_equal(found.mac, first.mac, TICKET_KEY_BYTES);
        }
        assert_false(tickets_find(tickets, START_NS + 8 * DAY_NS, first.name, &found));
        tickets_unref(tickets);
}

static void a_key_too_old_is_not_used_even_when_nothing_replaced_it(void **state)
{
        struct tickets *tickets = tickets_new();
        struct ticket_key key, found;
        tickets_current(tickets, START_NS, &key);
        assert_true(tickets_find(tickets, START_NS + 8 * DAY_NS - 1, key.name, &found));
        assert_false(tickets_find(tickets, START_NS + 8 * DAY_NS, key.name, &found));
        tickets_unref(tickets);
}

static void sets_share_nothing(void **state)
{
        struct tickets *one = tickets_new(), *two = tickets_new();
        struct ticket_key key, found;
        tickets_current(one, START_NS, &key);
        tickets_current(two, START_NS, &found);
        assert_memory_not_equal(key.mac, found.mac, TICKET_KEY_BYTES);
        assert_false(tickets_find(two, START_NS, key.name, &found));
        uint8_t zero[TICKET_NAME_BYTES] = { 0 };
        assert_false(tickets_find(two, START_NS, zero, &found)); /* an empty place is no key */
        tickets_unref(one);
        tickets_unref(two);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_change_daily_and_are_kept_for_a_week),
                cmocka_unit_test(a_key_too_old_is_not_used_even_when_nothing_replaced_it),
                cmocka_unit_test(sets_share_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
