/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fold.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct fold_rule rule = { 60 * NS_PER_SEC, 3 };

static void a_few_are_told_and_the_rest_counted(void **state)
{
        struct fold fold = { 0 };
        uint64_t held = 99, now = 5 * NS_PER_SEC;
        (void)state;
        for (int i = 0; i < 3; i++) {
                assert_true(fold_tell(&fold, &rule, 7, now++, &held));
                assert_int_equal(held, 0);
        }
        for (int i = 0; i < 40; i++)
                assert_false(fold_tell(&fold, &rule, 7, now++, &held));
        assert_true(fold_tell(&fold, &rule, 7, now + 60 * NS_PER_SEC, &held));
        assert_int_equal(held, 40);
        assert_true(fold_tell(&fold, &rule, 7, now + 60 * NS_PER_SEC, &held));
        assert_int_equal(held, 0);
}

static void keys_do_not_disturb_each_other(void **state)
{
        struct fold fold = { 0 };
        uint64_t held;
        (void)state;
        for (uint64_t key = 1; key <= FOLD_KEYS; key++)
                assert_true(fold_tell(&fold, &rule, key, key, &held));
        for (uint64_t key = 1; key <= FOLD_KEYS; key++)
                for (int i = 0; i < 3; i++)
                        assert_int_equal(fold_tell(&fold, &rule, key, 1000, &held), i < 2);
}

static void the_quietest_makes_room(void **state)
{
        struct fold fold = { 0 };
        uint64_t held, sets = FOLD_KEYS / FOLD_WAYS;
        (void)state;
        for (uint64_t i = 0; i < FOLD_WAYS;
                i++) /* all of one set; the second was last seen first */
                fold_tell(&fold, &(struct fold_rule){ NS_PER_SEC, 1 }, 1 + i * sets,
                        i == 1 ? 10 : 20 + i, &held);
        fold_tell(&fold, &rule, 1 + FOLD_WAYS * sets, 30, &held);
        const struct fold_rule once = { NS_PER_SEC, 1 };
        assert_false(fold_tell(&fold, &once, 1, 31, &held));
        assert_true(fold_tell(&fold, &once, 1 + sets, 32, &held)); /* was forgotten */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_few_are_told_and_the_rest_counted),
                cmocka_unit_test(keys_do_not_disturb_each_other),
                cmocka_unit_test(the_quietest_makes_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
