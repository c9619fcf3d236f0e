/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm is never early, can be moved and set again, and is silent once it is closed. */
#include "net/alarm.h"
#include "base/clock.h"
#include "base/macros.h"
#include "net/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { TIMES = 20 };

struct seen {
        struct loop *loop;
        struct alarm *alarm;
        uint64_t due_ns;
        unsigned n;
};

static void on_alarm(void *ctx)
{
        struct seen *seen = ctx;
        uint64_t now = clock_mono_ns();
        assert_true(now >= seen->due_ns);
        assert_ptr_equal(loop_current(), seen->loop);
        if (++seen->n == TIMES) {
                alarm_close(seen->alarm);
                loop_stop(seen->loop);
                return;
        }
        seen->due_ns = now + 300 * NS_PER_US;
        alarm_set(seen->alarm, seen->due_ns);
}

static void comes_again_and_again_and_never_early(void **state)
{
        (void)state;
        struct seen seen = { .loop = loop_new(0) };
        seen.alarm = alarm_open(seen.loop, on_alarm, &seen);
        alarm_set(seen.alarm, clock_mono_ns() + 1000 * NS_PER_SEC);
        seen.due_ns = clock_mono_ns() + NS_PER_MS;
        alarm_set(seen.alarm, seen.due_ns);
        loop_run(seen.loop);
        loop_free(seen.loop);
        assert_int_equal(seen.n, TIMES);
}

static void the_past_is_as_soon_as_possible(void **state)
{
        (void)state;
        struct seen seen = { .loop = loop_new(0), .n = TIMES - 1 };
        seen.alarm = alarm_open(seen.loop, on_alarm, &seen);
        alarm_set(seen.alarm, 0);
        loop_run(seen.loop);
        loop_free(seen.loop);
        assert_int_equal(seen.n, TIMES);
}

static void on_never(void *ctx)
{
        (void)ctx;
        fail();
}

static void a_closed_one_is_silent(void **state)
{
        (void)state;
        struct seen seen = { .loop = loop_new(0), .n = TIMES - 1 };
        struct alarm *other = alarm_open(seen.loop, on_never, NULL);
        alarm_set(other, 0);
        alarm_close(other);
        alarm_close(NULL);
        seen.alarm = alarm_open(seen.loop, on_alarm, &seen);
        alarm_set(seen.alarm, clock_mono_ns() + NS_PER_MS);
        loop_run(seen.loop);
        loop_free(seen.loop);
        assert_int_equal(seen.n, TIMES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(comes_again_and_again_and_never_early),
                cmocka_unit_test(the_past_is_as_soon_as_possible),
                cmocka_unit_test(a_closed_one_is_silent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
