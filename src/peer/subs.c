/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing at no more than 3/4 full; a removal closes the gap behind it, so there are no tombstones. */
#include "peer/subs.h"
#include "account/sub.h"
#include "base/mem.h"

enum { SUBS_FIRST = 4 };

static uint32_t home_of(const struct subs *subs, const struct sub *sub)
{
        return slice_hash(sub_sid(sub)) & (subs->cap - 1);
}

struct sub *subs_find(const struct subs *subs, struct slice sid)
{
        if (subs->n == 0)
                return NULL;
        for (uint32_t i = slice_hash(sid) & (subs->cap - 1); subs->slots[i];
                i = (i + 1) & (subs->cap - 1))
                if (slice_eq(sub_sid(subs->slots[i]), sid))
                        return subs->slots[i];
        return NULL;
}

static void place(struct subs *subs, struct sub *sub)
{
        uint32_t i = home_of(subs, sub);
        while (subs->slots[i])
                i = (i + 1) & (subs->cap - 1);
        subs->slots[i] = sub;
}

void subs_put(struct subs *subs, struct sub *sub)
{
        if ((subs->n + 1) * 4 > subs->cap * 3) {
                struct subs old = *subs;
                subs->cap = old.cap ? old.cap * 2 : SUBS_FIRST;
                subs->slots = xcalloc(subs->cap, sizeof subs->slots[0]);
                for (uint32_t i = 0; i < old.cap; i++)
                        if (old.slots[i])
                                place(subs, old.slots[i]);
                xfree(old.slots);
        }
        place(subs, sub);
        subs->n++;
}

void subs_take(struct subs *subs, struct sub *sub)
{
        uint32_t mask = subs->cap - 1, hole = home_of(subs, sub);
        while (subs->slots[hole] != sub)
                hole = (hole + 1) & mask;
        for (uint32_t i = (hole + 1) & mask; subs->slots[i]; i = (i + 1) & mask) {
                uint32_t home = home_of(subs, subs->slots[i]);
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        subs->slots[hole] = subs->slots[i];
                        hole = i;
                }
        }
        subs->slots[hole] = NULL;
        if (--subs->n == 0)
                subs_fini(subs);
}

struct sub *subs_next(const struct subs *subs, uint32_t *at)
{
        while (*at < subs->cap) {
                struct sub *sub = subs->slots[(*at)++];
                if (sub)
                        return sub;
        }
        return NULL;
}

void subs_fini(struct subs *subs)
{
        xfree(subs->slots);
        *subs = (struct subs){ 0 };
}
