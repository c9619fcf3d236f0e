/* SPDX-License-Identifier: Apache-2.0 */
/* subs.h: a peer's subscriptions by sid: open addressing, 8 bytes a slot, nothing while there is none.
 * Owner: the peer's loop. */
#pragma once
#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>

struct sub;

struct subs_slot {
        uint32_t hash; /* of the sid */
        uint32_t name; /* the subscription in its slab; 0: free */
};

struct subs {
        struct subs_slot *slots;
        uint32_t n, cap; /* cap is SUBS_FIRST, a multiple of SUBS_GROUP, or 0 */
};

enum {
        SUBS_FIRST = 4,
        SUBS_GROUP = 8, /* slots in a cache line */
};

struct sub *subs_find(const struct subs *subs, struct slice sid); /* NULL: none */
void subs_put(struct subs *subs, struct sub *sub);                /* its sid is not there yet */
void subs_take(struct subs *subs, struct sub *sub);               /* it is there */
/* The same with the hash at hand. Whoever asks for it early has the table's memory on its way. */
uint32_t subs_hash(const struct subs *subs, struct slice sid);
struct sub *subs_find_hashed(const struct subs *subs, struct slice sid, uint32_t hash);
void subs_put_hashed(struct subs *subs, struct sub *sub, uint32_t hash);
/* Walk: for (uint32_t at = 0; (sub = subs_next(subs, &at));) */
struct sub *subs_next(const struct subs *subs, uint32_t *at);
void subs_fini(struct subs *subs); /* the table, not the subscriptions */
