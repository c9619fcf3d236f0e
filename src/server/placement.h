/* SPDX-License-Identifier: Apache-2.0 */
/* placement.h: which loop a new connection goes to; it stays there for its life.
 *
 * Spreading connections one by one uses every core at once, and makes nearly every message cross from one
 * loop to another: a parcel, a wake-up, and a second thread that competes with the first. So a loop is filled
 * with a group of connections before the next one gets any, unless it is busy already. The group is small where
 * there are many loops, and where TLS makes each connection costly.
 *
 * Pure: the caller brings the numbers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct placement_load {
        unsigned conn_n;       /* connections it has or is about to get */
        unsigned busy_percent; /* of the recent past */
};

/* By how many connections a loop may be ahead of the one that has fewest. */
unsigned placement_group(unsigned loop_n, bool tls);

/* The index of the loop; last: the one chosen before. n > 0. */
unsigned placement_choose(
        const struct placement_load *loads, unsigned n, unsigned last, unsigned group);

/* n connections have to go. Replaces the number that each loop has by the number it gives, in proportion;
 * all of them when there are no more than n. */
void placement_trim(uint64_t *conn_n, unsigned loop_n, uint64_t n);
