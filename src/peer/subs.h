/* SPDX-License-Identifier: Apache-2.0 */
/* subs.h: a peer's subscriptions by sid. Those whose sids count up stand in a row, all others in a hash
 * table: open addressing, 8 bytes a slot. Nothing while there is none.
 * Owner: the peer's loop. */
#pragma once
#include "base/slice.h"
#include "peer/sid_row.h"
#include <stddef.h>
#include <stdint.h>

struct sub;

struct subs_slot {
        uint32_t hash; /* of the sid */
        uint32_t name; /* the subscription in its slab; 0: free */
};

struct subs {
        struct sid_row row;
        struct subs_slot *slots;
        uint32_t slot_n, cap; /* taken, of cap: SUBS_FIRST, a multiple of SUBS_GROUP, or 0 */
        uint32_t n;           /* in both */
};

enum {
        SUBS_FIRST = 4,
        SUBS_GROUP = 8, /* slots in a cache line */
};

/* A sid as it is looked up, private. */
struct subs_key {
        uint32_t number; /* SID_NO_NUMBER: it is something else */
        uint32_t hash;
};

struct sub *subs_find(const struct subs *subs, struct slice sid); /* NULL: none */
void subs_take(struct subs *subs, struct sub *sub);               /* it is there */
/* With the key at hand. Whoever asks for it early has the table's memory on its way. */
struct subs_key subs_key(const struct subs *subs, struct slice sid);
struct sub *subs_find_key(const struct subs *subs, struct slice sid, struct subs_key key);
/* Its sid is not there yet. */
void subs_put_key(struct subs *subs, struct sub *sub, struct subs_key key);
/* Walk: for (uint32_t at = 0; (sub = subs_next(subs, &at));) */
struct sub *subs_next(const struct subs *subs, uint32_t *at);
void subs_fini(struct subs *subs); /* the table, not the subscriptions */
