/* SPDX-License-Identifier: Apache-2.0 */
/* stat.h: counters written by one thread each and summed by readers (relaxed). */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

enum stat_id {
#define STAT(id, help) STAT_##id,
#include "base/stat.def"
#undef STAT
        STAT_COUNT
};

struct stats {
        _Atomic uint64_t v[STAT_COUNT];
};

/* Writer thread only: a plain load and store, no locked instruction. */
static inline void stat_add(struct stats *stats, enum stat_id id, uint64_t n)
{
        uint64_t old = atomic_load_explicit(&stats->v[id], memory_order_relaxed);
        atomic_store_explicit(&stats->v[id], old + n, memory_order_relaxed);
}

static inline uint64_t stat_get(const struct stats *stats, enum stat_id id)
{
        return atomic_load_explicit(&stats->v[id], memory_order_relaxed);
}
