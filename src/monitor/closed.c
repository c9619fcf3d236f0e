/* SPDX-License-Identifier: Apache-2.0 */
/* slots[seq % max] holds record number seq, for seq in [first, total). Records before `bare` have
 * lost their subscription lists. */
#include "monitor/closed.h"
#include "base/mem.h"
#include "peer/peer_info.h"
#include <string.h>

struct closed_ring {
        struct peer_info **slots;
        size_t max;
        uint64_t total; /* number of the next record */
        uint64_t bare;
        size_t subs_bytes, subs_bytes_max;
};

static uint64_t first(const struct closed_ring *ring)
{
        return ring->total > ring->max ? ring->total - ring->max : 0;
}

static struct peer_info **slot(const struct closed_ring *ring, uint64_t seq)
{
        return &ring->slots[seq % ring->max];
}

static size_t text_bytes(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

static size_t subs_bytes(const struct peer_info *record)
{
        size_t bytes = record->sub_n * sizeof record->subs[0];
        for (uint32_t i = 0; i < record->sub_n; i++)
                bytes += text_bytes(record->subs[i].subject) + text_bytes(record->subs[i].queue) +
                         text_bytes(record->subs[i].sid);
        return bytes;
}

struct closed_ring *closed_ring_new(int max, size_t subs_bytes_max)
{
        struct closed_ring *ring = xnew(struct closed_ring);
        ring->max = max > 0 ? (size_t)max : CLOSED_RING_DEFAULT;
        ring->subs_bytes_max = subs_bytes_max;
        ring->slots = xcalloc(ring->max, sizeof ring->slots[0]);
        return ring;
}

void closed_ring_free(struct closed_ring *ring)
{
        if (ring == NULL)
                return;
        for (size_t i = 0; i < ring->max; i++)
                peer_info_free(ring->slots[i]);
        xfree(ring->slots);
        xfree(ring);
}

static void trim_subs(struct closed_ring *ring)
{
        if (ring->bare < first(ring))
                ring->bare = first(ring);
        while (ring->subs_bytes > ring->subs_bytes_max && ring->bare < ring->total) {
                struct peer_info *record = *slot(ring, ring->bare++);
                ring->subs_bytes -= subs_bytes(record);
                peer_info_drop_subs(record);
        }
}

void closed_ring_add(struct closed_ring *ring, struct peer_info *record)
{
        struct peer_info **at = slot(ring, ring->total);
        if (*at) {
                ring->subs_bytes -= subs_bytes(*at);
                peer_info_free(*at);
        }
        *at = record;
        ring->total++;
        ring->subs_bytes += subs_bytes(record);
        trim_subs(ring);
}

size_t closed_ring_count(const struct closed_ring *ring)
{
        return (size_t)(ring->total - first(ring));
}

uint64_t closed_ring_total(const struct closed_ring *ring)
{
        return ring->total;
}

const struct peer_info *closed_ring_at(const struct closed_ring *ring, size_t index)
{
        return *slot(ring, first(ring) + index);
}
