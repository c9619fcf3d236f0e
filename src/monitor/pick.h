/* SPDX-License-Identifier: Apache-2.0 */
/* pick.h: the first N of many, in order, without sorting the many.
 *
 * A bounded heap with its last member on top: what comes behind the top is turned away at the cost
 * of one comparison, so a page of 1024 out of a million costs little memory and little time. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct pick_item {
        uint64_t key; /* ascending */
        uint64_t tie; /* ascending among equal keys */
        void *value;
};

struct pick {
        struct pick_item *items;
        size_t n, cap;
        size_t max; /* how many are wanted */
};

void pick_init(struct pick *pick, size_t max);
void pick_fini(struct pick *pick);
void pick_offer(struct pick *pick, struct pick_item item);
/* Afterwards items[0 .. n) are in order and nothing may be offered any more. */
void pick_sort(struct pick *pick);
