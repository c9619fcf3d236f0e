/* SPDX-License-Identifier: Apache-2.0 */
#include "net/spin.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct feed {
        struct spin spin;
        uint64_t now_ns;
};

static struct feed fresh(void)
{
        struct feed feed = { .now_ns = NS_PER_SEC };
        spin_init(&feed.spin);
        feed.spin.idle_ns = feed.now_ns;
        return feed;
}

/* n events, each after a pause, each taking a microsecond; how many of the pauses were spun. */
static unsigned events(struct feed *feed, unsigned n, uint64_t pause_ns)
{
        unsigned spun = 0;
        for (unsigned i = 0; i < n; i++) {
                spun += spin_wanted(&feed->spin, feed->now_ns);
                uint64_t came_ns = feed->now_ns + pause_ns;
                feed->now_ns = came_ns + NS_PER_US;
                spin_event(&feed->spin, came_ns, feed->now_ns);
        }
        return spun;
}

static void does_not_spin_at_first(void **state)
{
        (void)state;
        struct feed feed = fresh();
        assert_false(spin_wanted(&feed.spin, feed.now_ns));
        assert_int_equal(events(&feed, 32, 0), 0);
}

static void close_events_make_it_spin(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 100, 20 * NS_PER_US);
        assert_true(spin_wanted(&feed.spin, feed.now_ns));
        assert_int_equal(events(&feed, 1000, 20 * NS_PER_US), 1000);
}

static void a_spin_ends_after_its_time(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 100, 20 * NS_PER_US);
        assert_true(spin_wanted(&feed.spin, feed.now_ns + SPIN_NS - 1));
        assert_false(spin_wanted(&feed.spin, feed.now_ns + SPIN_NS));
}

static void rare_events_never_make_it_spin(void **state)
{
        (void)state;
        struct feed feed = fresh();
        assert_int_equal(events(&feed, 10000, SPIN_TRY_NS + NS_PER_US), 0);
        assert_int_equal(events(&feed, 1000, NS_PER_SEC), 0);
}

/* The pauses of a sleeping loop, with the wake-up in them, look shorter than the limit of a trial, but are
 * too long to be spun: trials become rare. */
static void vain_trials_become_rare(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 50000, 80 * NS_PER_US);
        assert_true(events(&feed, 10000, 80 * NS_PER_US) < 100);
}

static void it_rests_when_events_become_rare(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 5000, 10 * NS_PER_US);
        assert_true(events(&feed, 100, NS_PER_MS) <= 2);
        assert_false(spin_wanted(&feed.spin, feed.now_ns));
        /* It was worth it, so that the next attempt needs little proof. */
        assert_true(events(&feed, 200, 10 * NS_PER_US) > 100);
}

static void one_long_pause_does_not_end_it(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 5000, NS_PER_US);
        events(&feed, 1, 300 * NS_PER_US);
        assert_true(spin_wanted(&feed.spin, feed.now_ns));
}

/* A look that comes back at once goes on; a core that somebody else needs is left to them, and if that happens
 * again and again, attempts become rare. */
static void it_rests_when_others_need_the_core(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 5000, 10 * NS_PER_US);
        spin_yielded(&feed.spin, SPIN_YIELD_NS);
        assert_true(spin_wanted(&feed.spin, feed.now_ns));
        spin_yielded(&feed.spin, SPIN_YIELD_NS + 1);
        assert_false(spin_wanted(&feed.spin, feed.now_ns));
        unsigned attempts = 0;
        for (int i = 0; i < 20000; i++) {
                events(&feed, 1, 10 * NS_PER_US);
                attempts += feed.spin.spinning;
                spin_yielded(&feed.spin, NS_PER_MS);
        }
        assert_in_range(attempts, 2, 20);
}

/* As measured with one requester on two idle cores: one turn of 20 to 60 us in some fifty events. */
static void short_turns_of_others_do_not_end_it(void **state)
{
        (void)state;
        struct feed feed = fresh();
        events(&feed, 5000, 10 * NS_PER_US);
        assert_true(feed.spin.spinning);
        for (int i = 0; i < 1000; i++) {
                events(&feed, 50, 10 * NS_PER_US);
                spin_yielded(&feed.spin, (20 + (uint64_t)i % 40) * NS_PER_US);
                assert_true(feed.spin.spinning);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(does_not_spin_at_first),
                cmocka_unit_test(close_events_make_it_spin),
                cmocka_unit_test(a_spin_ends_after_its_time),
                cmocka_unit_test(rare_events_never_make_it_spin),
                cmocka_unit_test(vain_trials_become_rare),
                cmocka_unit_test(it_rests_when_events_become_rare),
                cmocka_unit_test(one_long_pause_does_not_end_it),
                cmocka_unit_test(it_rests_when_others_need_the_core),
                cmocka_unit_test(short_turns_of_others_do_not_end_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
