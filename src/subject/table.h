/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: hash table of links, one writer, readers without locks.
 *
 * Open addressing over buckets of one cache line: five hashes, five pointers, and a count of the
 * entries that had to go past this bucket because it was full (`crowd`); a search ends at the first
 * bucket that nothing went past, so that removal needs no tombstones. An entry never moves inside a
 * table: a reader cannot miss one that is there during the whole search. Growth builds a new table,
 * swaps the pointer and retires the old one. The bucket grows with the hash, so growing is one
 * sequential pass over both tables.
 *
 * A table that is full with TABLE_PART_BUCKETS is divided, so that nobody ever waits for more to be moved
 * than one part holds: an index of parts, each for the hashes that begin with its `depth` bits.
 *
 *   index_bits 2:   00 ──┬─► part of depth 1 (0…)
 *                   01 ──┘
 *                   10 ────► part of depth 2 (10…)
 *                   11 ────► part of depth 2 (11…)
 *
 * A full part becomes two, two with little in them become one; the index doubles when it has to. */
#pragma once
#include "base/macros.h"
#include "base/rcu.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab;
struct trie_link;

#define TABLE_LANES 5
#ifndef TABLE_PART_BUCKETS      /* tests divide small tables */
#define TABLE_PART_BUCKETS 2047 /* 128 KiB with what stands before them: a size of the slab */
#endif

struct table_bucket {
        _Atomic uint32_t hash[TABLE_LANES];
        _Atomic uint32_t crowd;
        struct trie_link *_Atomic link[TABLE_LANES]; /* NULL: free */
};

/* The memory of all parts of one writer: huge pages, used again and again while tables grow. */
struct table_store {
        pthread_mutex_t lock; /* parts come back from the reclaim thread */
        struct slab *slab;    /* made with the first part */
        size_t bytes;         /* of all tables and indexes; writer only */
};

struct table {
        struct rcu_node rcu;
        struct table_bucket *buckets; /* inside this block, aligned to cache lines */
        struct table_store *store;    /* a part's */
        uint32_t bucket_n;
        uint32_t used;      /* writer only; of an index: in all parts */
        uint8_t depth;      /* leading bits of the hash that all entries share; 0: not a part */
        uint8_t index_bits; /* > 0: this is the head of an index */
};

struct table_index {
        struct table head;
        struct table *_Atomic parts[]; /* 1 << index_bits, each once or several times in a row */
};

/* A walk over the entries of one hash. */
struct table_probe {
        uint32_t hash, bucket, lane, left;
};

/* Round up to a cache line. */
static inline void *table_align(void *ptr)
{
        return (void *)(((uintptr_t)ptr + CACHE_LINE_BYTES - 1) &
                        ~(uintptr_t)(CACHE_LINE_BYTES - 1));
}

static inline const struct table_index *table_index_of(const struct table *table)
{
        return CONTAINER_OF(table, const struct table_index, head);
}

/* Where entries of this hash are: the table itself, or one of its parts. */
static inline const struct table *table_part(const struct table *table, uint32_t hash)
{
        if (LIKELY(table->index_bits == 0))
                return table;
        return rcu_deref(table_index_of(table)->parts[hash >> (32 - table->index_bits)]);
}

static inline uint32_t table_home(const struct table *part, uint32_t hash)
{
        return (uint32_t)(((uint64_t)(uint32_t)(hash << part->depth) * part->bucket_n) >> 32);
}

/* Ask for the memory that a search for this hash will read. */
static inline void table_prefetch(const struct table *table, uint32_t hash)
{
        const struct table *part = table_part(table, hash);
        __builtin_prefetch(&part->buckets[table_home(part, hash)], 1);
}

static inline struct table_probe table_probe(const struct table *part, uint32_t hash)
{
        return (struct table_probe){ hash, table_home(part, hash), 0, part->bucket_n };
}

/* Reader or writer: next link stored under this hash, NULL: no more. The caller compares the key.
 */
static inline struct trie_link *table_next(const struct table *part, struct table_probe *probe)
{
        while (probe->left > 0) {
                struct table_bucket *b = &part->buckets[probe->bucket];
                while (probe->lane < TABLE_LANES) {
                        uint32_t lane = probe->lane++;
                        if (atomic_load_explicit(&b->hash[lane], memory_order_relaxed) !=
                                probe->hash)
                                continue;
                        struct trie_link *link = rcu_deref(b->link[lane]);
                        if (link != NULL)
                                return link;
                }
                if (atomic_load_explicit(&b->crowd, memory_order_relaxed) == 0)
                        return NULL;
                probe->lane = 0;
                probe->left--;
                probe->bucket = probe->bucket + 1 == part->bucket_n ? 0 : probe->bucket + 1;
        }
        return NULL;
}

void table_store_init(struct table_store *store);
/* All tables are empty, no reader can reach one: waits until the last part has come back. */
void table_store_fini(struct table_store *store);

/* Writer. *slot is the published pointer; NULL while the table is empty. */
void table_add(struct table_store *store, struct table *_Atomic *slot, uint32_t hash,
        struct trie_link *link);
void table_drop(struct table_store *store, struct table *_Atomic *slot, uint32_t hash,
        const struct trie_link *link);
void table_replace(struct table *_Atomic *slot, uint32_t hash, const struct trie_link *old,
        struct trie_link *link);

/* Visit every link, in no order, until fn returns false: then false. One that comes or goes meanwhile may be
 * missed or seen. NULL is fine. */
typedef bool (*table_fn)(void *ctx, struct trie_link *link);
bool table_each_rcu(const struct table *table, table_fn fn, void *ctx);
