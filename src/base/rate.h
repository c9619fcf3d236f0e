/* SPDX-License-Identifier: Apache-2.0 */
/* rate.h: at most so many a second, counted for all threads together. Any thread; one short lock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct rate_counter;

/* limit: how many may pass within interval_ns, counted from the first one. */
struct rate_counter *rate_counter_new(int64_t limit, uint64_t interval_ns);
void rate_counter_free(struct rate_counter *rate); /* NULL is fine */

/* One more at now_ns (monotonic): may it pass? */
bool rate_counter_allow(struct rate_counter *rate, uint64_t now_ns);
/* How many were refused since the last call. */
uint64_t rate_counter_take_blocked(struct rate_counter *rate);
