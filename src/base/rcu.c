/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.c: liburcu's read sections, and a reclaim thread of our own.
 * Retired nodes gather in a stack without locks; the reclaim thread takes the whole stack, waits
 * for one grace period and runs the callbacks, oldest first. It pauses a moment before each round,
 * because a grace period interrupts every core and serves a thousand nodes as well as one. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define RCU_TSAN 1
#endif
#ifndef RCU_TSAN
#define _LGPL_SOURCE /* liburcu: read sections inline; its plain accesses are no news of ours */
#endif
#include "base/rcu.h"
#include "base/thread.h"
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <urcu/urcu-memb.h>

enum { GATHER_NS = 2000000 };

static struct {
        struct rcu_node *_Atomic newest;
        pthread_once_t once;
        pthread_mutex_t lock;
        pthread_cond_t wake; /* to the reclaim thread: work, or hurry */
        pthread_cond_t done; /* from it: a barrier was reached */
        unsigned hurry;      /* barriers under way; under lock */
        struct thread *thread;
} reclaim = {
        .once = PTHREAD_ONCE_INIT,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .done = PTHREAD_COND_INITIALIZER,
};

/* ThreadSanitizer does not see the barriers inside liburcu: tell it that what happened in a read
 * section came before the callbacks of the grace period that waited for the section. */
#ifdef RCU_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char grace_token;
#define grace_release() __tsan_release(&grace_token)
#define grace_acquire() __tsan_acquire(&grace_token)
#else
#define grace_release() ((void)0)
#define grace_acquire() ((void)0)
#endif

static void await_work(void)
{
        struct timespec until;
        pthread_mutex_lock(&reclaim.lock);
        while (atomic_load(&reclaim.newest) == NULL)
                pthread_cond_wait(&reclaim.wake, &reclaim.lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += GATHER_NS;
        if (until.tv_nsec >= (long)NS_PER_SEC) {
                until.tv_sec++;
                until.tv_nsec -= (long)NS_PER_SEC;
        }
        while (reclaim.hurry == 0) {
                if (pthread_cond_timedwait(&reclaim.wake, &reclaim.lock, &until) != 0)
                        break;
        }
        pthread_mutex_unlock(&reclaim.lock);
}

static struct rcu_node *take_oldest_first(void)
{
        struct rcu_node *newest = atomic_exchange(&reclaim.newest, NULL);
        struct rcu_node *oldest = NULL;
        while (newest != NULL) {
                struct rcu_node *next = newest->next;
                newest->next = oldest;
                oldest = newest;
                newest = next;
        }
        return oldest;
}

static void reclaim_run(void *ctx)
{
        rcu_thread_start(); /* callbacks may read */
        for (;;) {
                await_work();
                struct rcu_node *node = take_oldest_first();
                urcu_memb_synchronize_rcu();
                grace_acquire();
                while (node != NULL) {
                        struct rcu_node *next = node->next;
                        node->fn(node);
                        node = next;
                }
        }
}

/* The thread lives as long as the process: objects are retired until the very end. */
static void reclaim_start(void)
{
        thread_cond_init(&reclaim.wake);
        reclaim.thread = thread_start("midge-rcu", THREAD_NONE, reclaim_run, NULL);
}

void rcu_thread_start(void)
{
        urcu_memb_register_thread();
}

void rcu_thread_stop(void)
{
        urcu_memb_unregister_thread();
}

void rcu_enter(void)
{
        urcu_memb_read_lock();
}

void rcu_exit(void)
{
        grace_release();
        urcu_memb_read_unlock();
}

void rcu_defer(struct rcu_node *node, rcu_fn fn)
{
        pthread_once(&reclaim.once, reclaim_start);
        node->fn = fn;
        struct rcu_node *old = atomic_load_explicit(&reclaim.newest, memory_order_relaxed);
        do {
                node->next = old;
        } while (!atomic_compare_exchange_weak(&reclaim.newest, &old, node));
        if (old != NULL)
                return; /* whoever pushed the first one wakes the thread */
        pthread_mutex_lock(&reclaim.lock);
        pthread_cond_signal(&reclaim.wake);
        pthread_mutex_unlock(&reclaim.lock);
}

struct barrier {
        struct rcu_node node;
        bool reached; /* under reclaim.lock */
};

static void barrier_reached(struct rcu_node *node)
{
        struct barrier *barrier = CONTAINER_OF(node, struct barrier, node);
        pthread_mutex_lock(&reclaim.lock);
        barrier->reached = true;
        reclaim.hurry--;
        pthread_cond_broadcast(&reclaim.done);
        pthread_mutex_unlock(&reclaim.lock);
}

void rcu_barrier_wait(void)
{
        struct barrier barrier = { 0 };
        pthread_once(&reclaim.once, reclaim_start);
        pthread_mutex_lock(&reclaim.lock);
        reclaim.hurry++;
        pthread_cond_signal(&reclaim.wake);
        pthread_mutex_unlock(&reclaim.lock);

        rcu_defer(&barrier.node, barrier_reached);

        pthread_mutex_lock(&reclaim.lock);
        while (!barrier.reached)
                pthread_cond_wait(&reclaim.done, &reclaim.lock);
        pthread_mutex_unlock(&reclaim.lock);
}
