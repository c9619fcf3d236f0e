/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: hash table of links, one writer, readers without locks.
 *
 * Open addressing over buckets of one cache line: five hashes, five pointers, and a count of the
 * entries that had to go past this bucket because it was full (`crowd`); a search ends at the first
 * bucket that nothing went past, so that removal needs no tombstones. An entry never moves inside a
 * table: a reader cannot miss one that is there during the whole search. Growth builds a new table,
 * swaps the pointer and retires the old one. The bucket grows with the hash, so growing is one
 * sequential pass over both tables. */
#pragma once
#include "base/macros.h"
#include "base/rcu.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct trie_link;

#define TABLE_LANES 5

struct table_bucket {
        _Atomic uint32_t hash[TABLE_LANES];
        _Atomic uint32_t crowd;
        struct trie_link *_Atomic link[TABLE_LANES]; /* NULL: free */
};

struct table {
        struct rcu_node rcu;
        struct table_bucket *buckets; /* inside this block, aligned to cache lines */
        uint32_t bucket_n;
        uint32_t used; /* writer only */
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

static inline uint32_t table_home(const struct table *table, uint32_t hash)
{
        return (uint32_t)(((uint64_t)hash * table->bucket_n) >> 32);
}

static inline struct table_probe table_probe(const struct table *table, uint32_t hash)
{
        return (struct table_probe){ hash, table_home(table, hash), 0, table->bucket_n };
}

/* Reader or writer: next link stored under this hash, NULL: no more. The caller compares the key.
 */
static inline struct trie_link *table_next(const struct table *table, struct table_probe *probe)
{
        while (probe->left > 0) {
                struct table_bucket *b = &table->buckets[probe->bucket];
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
                probe->bucket = probe->bucket + 1 == table->bucket_n ? 0 : probe->bucket + 1;
        }
        return NULL;
}

/* Writer. *slot is the published pointer; NULL while the table is empty. */
void table_add(struct table *_Atomic *slot, uint32_t hash, struct trie_link *link);
void table_drop(struct table *_Atomic *slot, uint32_t hash, const struct trie_link *link);
void table_replace(struct table *_Atomic *slot, uint32_t hash, const struct trie_link *old,
        struct trie_link *link);

size_t table_bytes(const struct table *table); /* heap used; 0 for NULL */
