/* SPDX-License-Identifier: Apache-2.0 */
/* Against sorting everything and cutting. */
#include "monitor/pick.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ALL = 1000 };

static int compare(const void *a, const void *b)
{
        const struct pick_item *x = a, *y = b;
        if (x->key != y->key)
                return x->key < y->key ? -1 : 1;
        return x->tie < y->tie ? -1 : x->tie > y->tie;
}

static void test_like_sorting(void **unused)
{
        static const size_t wanted[] = { 0, 1, 2, 7, 64, 65, 999, ALL, ALL + 1, SIZE_MAX };
        struct pick_item all[ALL];
        uint64_t state = 88172645463325252u;
        (void)unused;
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
                struct pick pick;
                size_t expect = wanted[i] < ALL ? wanted[i] : ALL;
                pick_init(&pick, wanted[i]);
                for (uint64_t at = 0; at < ALL; at++) {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        all[at] = (struct pick_item){ state % 50, ALL - at, &all[at] };
                        pick_offer(&pick, all[at]);
                }
                pick_sort(&pick);
                assert_int_equal(pick.n, expect);
                qsort(all, ALL, sizeof all[0], compare);
                for (size_t at = 0; at < expect; at++) {
                        assert_true(pick.items[at].key == all[at].key);
                        assert_true(pick.items[at].tie == all[at].tie);
                }
                pick_fini(&pick);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_like_sorting) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
