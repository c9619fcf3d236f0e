/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing at no more than 2/3 full; a removal closes the gap behind it, so there are no tombstones.
 *
 * Most clients count their sids up, so that four neighbours share half a cache line, and what they miss of
 * the caches; where it lies is hashed with a secret. Any other sid is hashed as a whole. The
 * hash stays in the slot: neither a search nor a rebuild looks at subscriptions that it does not mean. */
#include "peer/subs.h"
#include "account/sub.h"
#include "base/mem.h"
#include "base/slab.h"
#include <stdbool.h>

enum { DIGITS_MAX = 9, GROUP_BITS = 3 };

#define NEIGHBOURS 4U /* numbers side by side; a power of two, at most SUBS_GROUP */

/* The one way to write a number: leading zeros would bring many sids to one hash. */
static bool is_number(struct slice sid, uint32_t *number)
{
        uint32_t sum = 0;
        if (sid.len == 0 || sid.len > DIGITS_MAX || (sid.ptr[0] == '0' && sid.len > 1))
                return false;
        for (size_t i = 0; i < sid.len; i++) {
                uint32_t digit = (uint32_t)(unsigned char)sid.ptr[i] - '0';
                if (digit > 9)
                        return false;
                sum = sum * 10 + digit;
        }
        *number = sum;
        return true;
}

/* The low GROUP_BITS are the place in the group. Runs of neighbours lengthen what is probed, so that those
 * of whole groups cost more than they save. */
static uint32_t hash_of(struct slice sid)
{
        uint32_t number;
        if (!is_number(sid, &number))
                return slice_hash(sid);
        return (slice_hash_number(number / NEIGHBOURS) & ~(NEIGHBOURS - 1)) | number % NEIGHBOURS;
}

static uint32_t home_of(uint32_t cap, uint32_t hash)
{
        if (cap < SUBS_GROUP)
                return hash & (cap - 1);
        uint32_t groups = cap / SUBS_GROUP;
        uint32_t group = (uint32_t)((uint64_t)(hash >> GROUP_BITS) * groups >> (32 - GROUP_BITS));
        return group * SUBS_GROUP + hash % SUBS_GROUP;
}

static uint32_t after(const struct subs *subs, uint32_t i)
{
        return i + 1 == subs->cap ? 0 : i + 1;
}

uint32_t subs_hash(const struct subs *subs, struct slice sid)
{
        uint32_t hash = hash_of(sid);
        if (subs->n > 0)
                __builtin_prefetch(&subs->slots[home_of(subs->cap, hash)], 1);
        return hash;
}

struct sub *subs_find(const struct subs *subs, struct slice sid)
{
        return subs_find_hashed(subs, sid, hash_of(sid));
}

struct sub *subs_find_hashed(const struct subs *subs, struct slice sid, uint32_t hash)
{
        if (subs->n == 0)
                return NULL;
        for (uint32_t i = home_of(subs->cap, hash); subs->slots[i].name; i = after(subs, i)) {
                if (subs->slots[i].hash != hash)
                        continue;
                struct sub *sub = slab_at(subs->slots[i].name);
                if (slice_eq(sub_sid(sub), sid))
                        return sub;
        }
        return NULL;
}

static void place(struct subs *subs, struct subs_slot slot)
{
        uint32_t i = home_of(subs->cap, slot.hash);
        while (subs->slots[i].name)
                i = after(subs, i);
        subs->slots[i] = slot;
}

static void rebuild(struct subs *subs, uint32_t cap)
{
        struct subs old = *subs;
        subs->cap = cap;
        subs->slots = xcalloc(cap, sizeof subs->slots[0]);
        for (uint32_t i = 0; i < old.cap; i++)
                if (old.slots[i].name)
                        place(subs, old.slots[i]);
        xfree(old.slots);
}

/* Half as much again, in whole groups. */
static uint32_t larger(uint32_t cap)
{
        if (cap < 4 * SUBS_GROUP)
                return cap ? cap * 2 : SUBS_FIRST;
        return cap / SUBS_GROUP / 2 * 3 * SUBS_GROUP;
}

void subs_put(struct subs *subs, struct sub *sub)
{
        subs_put_hashed(subs, sub, hash_of(sub_sid(sub)));
}

void subs_put_hashed(struct subs *subs, struct sub *sub, uint32_t hash)
{
        if (((uint64_t)subs->n + 1) * 3 > (uint64_t)subs->cap * 2)
                rebuild(subs, larger(subs->cap));
        place(subs, (struct subs_slot){ hash, slab_name(sub) });
        subs->n++;
}

/* Move what lies behind the hole and is at home before it, until nothing has to. */
static void close_gap(struct subs *subs, uint32_t hole)
{
        for (uint32_t i = after(subs, hole); subs->slots[i].name; i = after(subs, i)) {
                uint32_t home = home_of(subs->cap, subs->slots[i].hash);
                uint32_t from_home = i >= home ? i - home : i + subs->cap - home;
                uint32_t from_hole = i >= hole ? i - hole : i + subs->cap - hole;
                if (from_home < from_hole)
                        continue;
                subs->slots[hole] = subs->slots[i];
                hole = i;
        }
        subs->slots[hole] = (struct subs_slot){ 0 };
}

void subs_take(struct subs *subs, struct sub *sub)
{
        uint32_t name = slab_name(sub), i = home_of(subs->cap, hash_of(sub_sid(sub)));
        while (subs->slots[i].name != name)
                i = after(subs, i);
        close_gap(subs, i);
        if (--subs->n == 0)
                subs_fini(subs);
        else if (subs->cap > 4 * SUBS_GROUP && subs->n < subs->cap / 8)
                rebuild(subs, subs->cap / SUBS_GROUP / 2 * SUBS_GROUP);
}

struct sub *subs_next(const struct subs *subs, uint32_t *at)
{
        while (*at < subs->cap) {
                uint32_t name = subs->slots[(*at)++].name;
                if (name)
                        return slab_at(name);
        }
        return NULL;
}

void subs_fini(struct subs *subs)
{
        xfree(subs->slots);
        *subs = (struct subs){ 0 };
}
