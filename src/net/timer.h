/* SPDX-License-Identifier: Apache-2.0 */
/* timer.h: thousands of timeouts in one binary heap, owned by one loop.
 * Deadlines are absolute, in nanoseconds of the monotonic clock. Arming, moving and cancelling cost
 * O(log n); an idle heap costs no wake-up because the loop sleeps until the earliest deadline. */
#pragma once
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

struct timer;
typedef void (*timer_fn)(struct timer *timer);

struct timer {
        uint64_t due_ns;
        timer_fn fn;  /* called once when due; may arm the timer again */
        uint32_t pos; /* index in the heap + 1; 0: not armed */
};

struct timer_heap {
        struct timer **at; /* at[0] is the earliest */
        uint32_t n, cap;
};

void timer_heap_init(struct timer_heap *heap);
void timer_heap_fini(struct timer_heap *heap); /* armed timers are forgotten, not called */

static inline bool timer_is_armed(const struct timer *timer)
{
        return timer->pos != 0;
}

void timer_heap_arm(
        struct timer_heap *heap, struct timer *timer, uint64_t due_ns); /* moves it when armed */
void timer_heap_cancel(struct timer_heap *heap, struct timer *timer);
/* Call every timer due at now_ns, earliest first. Returns how many. */
unsigned timer_heap_run(struct timer_heap *heap, uint64_t now_ns);
/* The earliest deadline, or UINT64_MAX. */
uint64_t timer_heap_next(const struct timer_heap *heap);
