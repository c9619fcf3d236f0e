/* SPDX-License-Identifier: Apache-2.0 */
/* entries[0] is the newest; an array is moved by one place at each failure, which costs less than the
 * handshake that failed. */
#include "monitor/failures.h"
#include "base/mem.h"
#include <string.h>

struct failure_ring {
        struct failure_entry *entries;
        size_t n, max;
};

struct failure_ring *failure_ring_new(size_t max)
{
        struct failure_ring *ring = xnew(struct failure_ring);
        ring->max = max > 0 ? max : 1;
        ring->entries = xcalloc(ring->max, sizeof ring->entries[0]);
        return ring;
}

void failure_ring_free(struct failure_ring *ring)
{
        if (ring == NULL)
                return;
        for (size_t i = 0; i < ring->n; i++)
                xfree(ring->entries[i].last);
        xfree(ring->entries);
        xfree(ring);
}

static bool alike(const struct tls_failure *a, const struct tls_failure *b)
{
        const struct tls_verdict *x = &a->verdict, *y = &b->verdict;
        return x->reason == y->reason && strcmp(a->ip, b->ip) == 0 &&
               strcmp(a->listener, b->listener) == 0 && strcmp(x->sha256, y->sha256) == 0 &&
               strcmp(x->sni, y->sni) == 0;
}

void failure_ring_add(struct failure_ring *ring, struct tls_failure *failure)
{
        struct failure_entry entry = { failure, failure->at_ns, 1 };
        size_t at = 0;
        while (at < ring->n && !alike(ring->entries[at].last, failure))
                at++;
        if (at < ring->n) {
                entry.first_ns = ring->entries[at].first_ns;
                entry.count = ring->entries[at].count + 1;
                xfree(ring->entries[at].last);
        } else if (ring->n < ring->max) {
                ring->n++;
        } else {
                at = ring->n - 1;
                xfree(ring->entries[at].last);
        }
        memmove(&ring->entries[1], &ring->entries[0], at * sizeof ring->entries[0]);
        ring->entries[0] = entry;
}

size_t failure_ring_count(const struct failure_ring *ring)
{
        return ring->n;
}

const struct failure_entry *failure_ring_at(const struct failure_ring *ring, size_t index)
{
        return &ring->entries[index];
}
