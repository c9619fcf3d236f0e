/* SPDX-License-Identifier: Apache-2.0 */
/* The table: linear probing at no more than 2/3 full; a removal closes the gap behind it, so there are no
 * tombstones.
 *
 * Numbers that came out of order or left too many gaps for the row are still often near each other, so that
 * four neighbours share half a cache line, and what they miss of the caches; where it lies is hashed with a
 * secret. Any other sid is hashed as a whole. The hash stays in the slot: neither a search nor a rebuild
 * looks at subscriptions that it does not mean. */
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
static uint32_t number_hash(uint32_t number)
{
        return (slice_hash_number(number / NEIGHBOURS) & ~(NEIGHBOURS - 1)) | number % NEIGHBOURS;
}

static struct subs_key key_of(struct slice sid)
{
        uint32_t number;
        if (is_number(sid, &number))
                return (struct subs_key){ number, number_hash(number) };
        return (struct subs_key){ SID_NO_NUMBER, slice_hash(sid) };
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

struct subs_key subs_key(const struct subs *subs, struct slice sid)
{
        struct subs_key key = key_of(sid);
        if (subs->slot_n > 0)
                __builtin_prefetch(&subs->slots[home_of(subs->cap, key.hash)], 1);
        return key;
}

struct sub *subs_find(const struct subs *subs, struct slice sid)
{
        return subs_find_key(subs, sid, key_of(sid));
}

static struct sub *find_slot(const struct subs *subs, struct slice sid, uint32_t hash)
{
        for (uint32_t i = home_of(subs->cap, hash); subs->slots[i].name; i = after(subs, i)) {
                if (subs->slots[i].hash != hash)
                        continue;
                struct sub *sub = slab_at(subs->slots[i].name);
                if (slice_eq(sub_sid(sub), sid))
                        return sub;
        }
        return NULL;
}

struct sub *subs_find_key(const struct subs *subs, struct slice sid, struct subs_key key)
{
        uint32_t name = sid_row_find(&subs->row, key.number);
        if (name)
                return slab_at(name);
        return subs->slot_n > 0 ? find_slot(subs, sid, key.hash) : NULL;
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

static void put_slot(struct subs *subs, struct subs_slot slot)
{
        if (((uint64_t)subs->slot_n + 1) * 3 > (uint64_t)subs->cap * 2)
                rebuild(subs, larger(subs->cap));
        place(subs, slot);
        subs->slot_n++;
}

void subs_put_key(struct subs *subs, struct sub *sub, struct subs_key key)
{
        if (LIKELY(sid_row_accepts(&subs->row, key.number)))
                sid_row_put(&subs->row, key.number, slab_name(sub));
        else
                put_slot(subs, (struct subs_slot){ key.hash, slab_name(sub) });
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

static void take_slot(struct subs *subs, uint32_t hash, uint32_t name)
{
        uint32_t i = home_of(subs->cap, hash);
        while (subs->slots[i].name != name)
                i = after(subs, i);
        close_gap(subs, i);
        if (--subs->slot_n == 0) {
                xfree(subs->slots);
                subs->slots = NULL;
                subs->cap = 0;
        } else if (subs->cap > 4 * SUBS_GROUP && subs->slot_n < subs->cap / 8) {
                rebuild(subs, subs->cap / SUBS_GROUP / 2 * SUBS_GROUP);
        }
}

/* The few that are left of the row go to the table. */
static void leave_row(struct subs *subs)
{
        for (uint32_t i = 0; i < subs->row.len; i++)
                if (subs->row.names[i])
                        put_slot(subs, (struct subs_slot){ number_hash(subs->row.base + i),
                                               subs->row.names[i] });
        sid_row_fini(&subs->row);
}

void subs_take(struct subs *subs, struct sub *sub)
{
        struct subs_key key = key_of(sub_sid(sub));
        uint32_t name = slab_name(sub);
        subs->n--;
        if (sid_row_find(&subs->row, key.number) != name) {
                take_slot(subs, key.hash, name);
                return;
        }
        sid_row_take(&subs->row, key.number);
        if (!sid_row_shrink(&subs->row))
                leave_row(subs);
}

struct sub *subs_next(const struct subs *subs, uint32_t *at)
{
        uint32_t name = 0;
        while (*at < subs->row.len && name == 0)
                name = subs->row.names[(*at)++];
        while (name == 0 && *at - subs->row.len < subs->cap)
                name = subs->slots[(*at)++ - subs->row.len].name;
        return name ? slab_at(name) : NULL;
}

void subs_fini(struct subs *subs)
{
        sid_row_fini(&subs->row);
        xfree(subs->slots);
        *subs = (struct subs){ 0 };
}
