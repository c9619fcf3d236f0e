/* SPDX-License-Identifier: Apache-2.0 */
/* The heap against a sorted array of random deadlines, with moves and cancels. */
#include "net/timer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { N = 500 };
static uint64_t fired[N];
static unsigned fired_n;
static struct timer_heap heap;
static struct timer timers[N];

static void on_fire(struct timer *timer)
{
        fired[fired_n++] = timer->due_ns;
}

static void fires_in_order(void **state)
{
        (void)state;
        uint32_t x = 12345;
        unsigned cancelled = 0;
        timer_heap_init(&heap);
        fired_n = 0;
        for (int i = 0; i < N; i++) {
                x = x * 1664525u + 1013904223u;
                timers[i] = (struct timer){ .fn = on_fire };
                timer_heap_arm(&heap, &timers[i], x % 10000);
        }
        for (int i = 0; i < N; i += 3) {
                x = x * 1664525u + 1013904223u;
                timer_heap_arm(&heap, &timers[i], x % 10000);
        }
        for (int i = 0; i < N; i += 7) {
                timer_heap_cancel(&heap, &timers[i]);
                assert_false(timer_is_armed(&timers[i]));
                cancelled++;
        }
        unsigned early = timer_heap_run(&heap, 5000);
        for (unsigned i = 0; i < fired_n; i++)
                assert_true(fired[i] <= 5000);
        assert_int_equal(early + timer_heap_run(&heap, 10000), N - cancelled);
        for (unsigned i = 1; i < fired_n; i++)
                assert_true(fired[i - 1] <= fired[i]);
        assert_true(timer_heap_next(&heap) == UINT64_MAX);
        timer_heap_fini(&heap);
}

static void again(struct timer *timer)
{
        if (++fired_n < 3)
                timer_heap_arm(&heap, timer, timer->due_ns + 10);
}

static void may_rearm_itself(void **state)
{
        (void)state;
        struct timer timer = { .fn = again };
        timer_heap_init(&heap);
        fired_n = 0;
        timer_heap_arm(&heap, &timer, 10);
        assert_int_equal(timer_heap_run(&heap, 15), 1);
        assert_true(timer_heap_next(&heap) == 20);
        assert_int_equal(timer_heap_run(&heap, 100), 2);
        assert_int_equal(fired_n, 3);
        timer_heap_fini(&heap);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fires_in_order),
                cmocka_unit_test(may_rearm_itself),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
