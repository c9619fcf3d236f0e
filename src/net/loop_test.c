/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a loop: letters and stops that come late. */
#include "net/loop.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct letter {
        struct mail mail;
        struct loop *loop;
        unsigned *count;
};

static void on_stop(struct mail *mail)
{
        struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
        assert_ptr_equal(loop_current(), letter->loop);
        (*letter->count)++;
        loop_stop(letter->loop);
        xfree(letter);
}

static void post_stop(struct loop *loop, unsigned *count)
{
        struct letter *letter = xnew(struct letter);
        letter->loop = loop;
        letter->count = count;
        letter->mail.deliver = on_stop;
        loop_post(loop, &letter->mail);
}

static void run(void *ctx)
{
        loop_run(ctx);
}

/* A second order to stop may arrive when the loop has ended: it is delivered, and the loop still goes. */
static void late_letters_are_delivered(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                unsigned count = 0;
                struct loop *loop = loop_new(0);
                struct thread *thread = thread_start("loop", THREAD_LOOP, run, loop);
                post_stop(loop, &count);
                thread_join(thread);
                post_stop(loop, &count);
                loop_free(loop);
                assert_int_equal(count, 2);
        }
}

static void a_loop_that_never_ran_can_go(void **state)
{
        (void)state;
        unsigned count = 0;
        struct loop *loop = loop_new(0);
        post_stop(loop, &count);
        loop_free(loop);
        assert_int_equal(count, 1);
}

static unsigned fired;

static void on_timer(struct timer *timer)
{
        (void)timer;
        fired++;
        loop_stop(loop_current());
}

/* The loop sleeps until the earliest deadline and wakes for it. */
static void timers_end_the_sleep(void **state)
{
        (void)state;
        struct loop *loop = loop_new(0);
        struct timer timer = { .fn = on_timer };
        fired = 0;
        loop_timer_start(loop, &timer, 5 * NS_PER_MS);
        loop_run(loop);
        assert_int_equal(fired, 1);
        loop_free(loop);
}

static uint64_t read_ns;

static void on_quiet(struct mail *mail)
{
        (void)mail;
        read_ns = clock_mono_ns();
}

static void on_awaited(struct mail *mail)
{
        on_quiet(mail);
        loop_await(loop_current(), false);
        loop_stop(loop_current());
}

struct quiet {
        struct mail mail;
        struct loop *loop;
        _Atomic bool over;
};

static void post_into_the_sleep(void *ctx)
{
        struct quiet *quiet = ctx;
        while (!atomic_load(&quiet->loop->shared.sleeping))
                if (atomic_load(&quiet->over))
                        return;
        loop_post_quiet(quiet->loop, &quiet->mail);
}

/* A quiet letter is read when something else wakes the loop: whether it came before the sleep or in it. */
static void quiet_letters_wake_nobody(void **state)
{
        (void)state;
        for (int round = 0; round < 6; round++) {
                struct quiet quiet = { .mail.deliver = on_quiet, .loop = loop_new(0) };
                struct timer timer = { .fn = on_timer };
                struct thread *thread = NULL;
                uint64_t start_ns = clock_mono_ns();
                fired = 0;
                read_ns = 0;
                loop_timer_start(quiet.loop, &timer, 30 * NS_PER_MS);
                if (round % 2)
                        thread = thread_start("post", THREAD_TEST, post_into_the_sleep, &quiet);
                else
                        loop_post_quiet(quiet.loop, &quiet.mail);
                loop_run(quiet.loop);
                atomic_store(&quiet.over, true);
                if (thread)
                        thread_join(thread);
                assert_int_equal(fired, 1);
                assert_true(thread || read_ns > 0);
                assert_true(read_ns == 0 || read_ns >= start_ns + 20 * NS_PER_MS);
                loop_free(quiet.loop);
        }
}

/* Unless it is waited for: whether it came before or comes when the loop sleeps. */
static void awaited_letters_wake_the_loop(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                struct loop *loop = loop_new(0);
                struct timer timer = { .fn = on_timer };
                struct mail mail = { .deliver = on_awaited };
                fired = 0;
                loop_timer_start(loop, &timer, 60 * NS_PER_SEC);
                if (round % 2)
                        loop_post_quiet(loop, &mail);
                loop_await(loop, true);
                struct thread *thread = thread_start("loop", THREAD_LOOP, run, loop);
                while (round % 4 == 0 && !atomic_load(&loop->shared.sleeping))
                        sched_yield();
                if (round % 2 == 0)
                        loop_post_quiet(loop, &mail);
                thread_join(thread);
                assert_int_equal(fired, 0);
                loop_timer_stop(loop, &timer);
                loop_free(loop);
        }
}

static void on_end(struct mail *mail)
{
        on_quiet(mail);
        loop_stop(loop_current());
}

/* Or when somebody asks for it, whatever the loop is about to do. */
static void a_wake_up_delivers_them(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                struct loop *loop = loop_new(0);
                struct timer timer = { .fn = on_timer };
                struct mail mail = { .deliver = on_end };
                fired = 0;
                loop_timer_start(loop, &timer, 60 * NS_PER_SEC);
                struct thread *thread = thread_start("loop", THREAD_LOOP, run, loop);
                while (round % 2 && !atomic_load(&loop->shared.sleeping))
                        sched_yield();
                loop_post_quiet(loop, &mail);
                loop_wake(loop);
                thread_join(thread);
                assert_int_equal(fired, 0);
                loop_timer_stop(loop, &timer);
                loop_free(loop);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(late_letters_are_delivered),
                cmocka_unit_test(a_loop_that_never_ran_can_go),
                cmocka_unit_test(timers_end_the_sleep),
                cmocka_unit_test(quiet_letters_wake_nobody),
                cmocka_unit_test(awaited_letters_wake_the_loop),
                cmocka_unit_test(a_wake_up_delivers_them),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
