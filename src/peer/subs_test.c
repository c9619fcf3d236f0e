/* SPDX-License-Identifier: Apache-2.0 */
/* The table against a plain array of presence bits, with sids that collide often. */
#include "peer/subs.h"
#include "account/sub.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { SIDS = 300, ROUNDS = 20000 };

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
                snprintf(sid, sizeof sid, "%u", k);
                assert_ptr_equal(subs_find(&subs, slice_str(sid)), model[k]);
                if (model[k] == NULL) {
                        model[k] = sub_new(NULL, 0, SLICE_LIT("a.b"), SLICE_NULL, slice_str(sid));
                        subs_put(&subs, model[k]);
                        held++;
                } else if (x & 1) {
                        subs_take(&subs, model[k]);
                        sub_free(model[k]);
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
                if (model[k]) {
                        subs_take(&subs, model[k]);
                        sub_free(model[k]);
                }
        assert_null(subs.slots);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(finds_exactly_what_is_there) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
