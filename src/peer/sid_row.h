/* SPDX-License-Identifier: Apache-2.0 */
/* sid_row.h: subscriptions whose sids are numbers that count up, as most clients make them: an array
 * from the first of them on, at least half of it taken when it grows. Four bytes each, side by side, where a
 * hash table costs a miss of the caches and three times the memory.
 * Owner: the peer's loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SID_NO_NUMBER UINT32_MAX /* never in a row */

struct sid_row {
        uint32_t *names; /* in their slab; 0: none */
        uint32_t base;   /* the number of names[0] */
        uint32_t len;    /* looked at; zeros up to cap */
        uint32_t cap;
        uint32_t n; /* taken */
};

/* 0: none. */
static inline uint32_t sid_row_find(const struct sid_row *row, uint32_t number)
{
        uint32_t at = number - row->base; /* far beyond len when number is below base */
        return at < row->len ? row->names[at] : 0;
}

/* Would another one, which is not there, find its place here? */
static inline bool sid_row_accepts(const struct sid_row *row, uint32_t number)
{
        if (number == SID_NO_NUMBER)
                return false;
        uint32_t at = number - row->base;
        return row->n == 0 || at < row->len || (number > row->base && at / 2 <= row->n);
}

void sid_row_put(struct sid_row *row, uint32_t number, uint32_t name); /* accepted */
void sid_row_take(struct sid_row *row, uint32_t number);               /* it is there */
/* After a number was taken out: false when the others stand so thin that the owner should put them elsewhere
 * and end the row. */
bool sid_row_shrink(struct sid_row *row);

void sid_row_fini(struct sid_row *row);
