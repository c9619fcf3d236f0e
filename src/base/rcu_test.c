/* SPDX-License-Identifier: Apache-2.0 */
/* rcu_test.c: order and completeness of callbacks, and the race that ThreadSanitizer and
 * AddressSanitizer judge: readers follow a pointer that a writer keeps replacing. */
#include "base/rcu.h"
#include "base/mem.h"
#include "base/thread.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

enum { READERS = 3, SWAPS = 2000 };

struct thing {
        struct rcu_node node;
        uint64_t a, b; /* always b == ~a while anybody may see it */
};

static struct thing *_Atomic current;
static _Atomic int readers_seen;
static _Atomic bool stop;
static _Atomic uint64_t freed;

static struct thing *thing_new(uint64_t a)
{
        struct thing *thing = xnew(struct thing);
        thing->a = a;
        thing->b = ~a;
        return thing;
}

static void thing_free(struct rcu_node *node)
{
        struct thing *thing = CONTAINER_OF(node, struct thing, node);
        thing->a = thing->b = 0; /* a reader that is still here sees it, and so does TSan */
        xfree(thing);
        atomic_fetch_add(&freed, 1);
}

static void read_things(void *ctx)
{
        rcu_thread_start();
        atomic_fetch_add(&readers_seen, 1);
        while (!atomic_load(&stop)) {
                rcu_enter();
                struct thing *thing = rcu_deref(current);
                rcu_enter(); /* sections nest */
                ASSERT(thing->b == ~thing->a);
                rcu_exit();
                ASSERT(thing->b == ~thing->a);
                rcu_exit();
        }
        rcu_thread_stop();
}

static void readers_survive_swaps(void **state)
{
        struct thread *threads[READERS];
        rcu_thread_start();
        atomic_store(&freed, 0);
        rcu_assign(current, thing_new(0));
        for (int i = 0; i < READERS; i++)
                threads[i] = thread_start("reader", THREAD_TEST, read_things, NULL);
        while (atomic_load(&readers_seen) < READERS)
                ;
        for (uint64_t i = 1; i <= SWAPS; i++) {
                struct thing *old = rcu_deref(current);
                rcu_assign(current, thing_new(i));
                rcu_defer(&old->node, thing_free);
                if (i % 100 == 0)
                        rcu_barrier_wait();
        }
        rcu_barrier_wait();
        assert_int_equal(atomic_load(&freed), SWAPS);
        atomic_store(&stop, true);
        for (int i = 0; i < READERS; i++)
                thread_join(threads[i]);
        xfree(rcu_deref(current));
        rcu_thread_stop();
}

struct numbered {
        struct rcu_node node;
        int number;
};

static int next_number; /* reclaim thread; the test reads it after a barrier */

static void run_numbered(struct rcu_node *node)
{
        struct numbered *numbered = CONTAINER_OF(node, struct numbered, node);
        ASSERT(numbered->number == next_number);
        next_number++;
        xfree(numbered);
}

static void callbacks_run_in_order(void **state)
{
        rcu_thread_start();
        for (int i = 0; i < 1000; i++) {
                struct numbered *numbered = xnew(struct numbered);
                numbered->number = i;
                rcu_defer(&numbered->node, run_numbered);
        }
        rcu_barrier_wait();
        assert_int_equal(next_number, 1000);
        rcu_barrier_wait(); /* with nothing to wait for */
        rcu_thread_stop();
}

struct flagged {
        struct rcu_node node;
        _Atomic bool ran;
};

static void set_flag(struct rcu_node *node)
{
        atomic_store(&CONTAINER_OF(node, struct flagged, node)->ran, true);
}

static void wait_for_barrier(void *ctx)
{
        rcu_barrier_wait();
        atomic_store((_Atomic bool *)ctx, true);
}

/* While a section is open nothing retired in it may run, however hard somebody waits. */
static void open_section_holds_back(void **state)
{
        struct flagged flagged = { .ran = false };
        _Atomic bool through = false;
        rcu_thread_start();
        rcu_enter();
        rcu_defer(&flagged.node, set_flag);
        struct thread *waiter =
                thread_start("waiter", THREAD_TEST, wait_for_barrier, (void *)&through);
        for (int i = 0; i < 20000; i++) {
                ASSERT(!atomic_load(&flagged.ran) && !atomic_load(&through));
                sched_yield();
        }
        rcu_exit();
        thread_join(waiter);
        assert_true(atomic_load(&flagged.ran) && atomic_load(&through));
        rcu_thread_stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(readers_survive_swaps),
                cmocka_unit_test(callbacks_run_in_order),
                cmocka_unit_test(open_section_holds_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
