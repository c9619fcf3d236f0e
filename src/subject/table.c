/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: the writer's half; the readers' is inline in table.h.
 * At most four lanes of five are taken on average, so that a free one is always near. */
#include "subject/table.h"
#include "base/mem.h"
#include "base/thread.h"
#include <stdbool.h>

/* Capacity in entries at which a table is full, and below which it is wastefully large. */
static uint32_t table_high(uint32_t bucket_n)
{
        return bucket_n * 4;
}

static uint32_t table_low(uint32_t bucket_n)
{
        return bucket_n > 4 ? bucket_n : 0;
}

size_t table_bytes(const struct table *table)
{
        if (table == NULL)
                return 0;
        return sizeof(struct table) + CACHE_LINE_BYTES +
               (size_t)table->bucket_n * sizeof(struct table_bucket);
}

static struct table *table_new(uint32_t bucket_n)
{
        struct table sizes = { .bucket_n = bucket_n };
        struct table *table = xcalloc(1, table_bytes(&sizes));
        table->buckets = table_align(table + 1);
        table->bucket_n = bucket_n;
        return table;
}

static void table_reclaim(struct rcu_node *node)
{
        xfree(CONTAINER_OF(node, struct table, rcu));
}

static uint32_t lane_hash(const struct table_bucket *b, uint32_t lane)
{
        return atomic_load_explicit(&b->hash[lane], memory_order_relaxed);
}

static struct trie_link *lane_link(const struct table_bucket *b, uint32_t lane)
{
        return atomic_load_explicit(&b->link[lane], memory_order_relaxed);
}

static void crowd_add(struct table_bucket *b, uint32_t n)
{
        uint32_t crowd = atomic_load_explicit(&b->crowd, memory_order_relaxed);
        atomic_store_explicit(&b->crowd, crowd + n, memory_order_relaxed);
}

static bool bucket_put(struct table_bucket *b, uint32_t hash, struct trie_link *link)
{
        for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                if (lane_link(b, lane) != NULL)
                        continue;
                atomic_store_explicit(&b->hash[lane], hash, memory_order_relaxed);
                rcu_assign(b->link[lane], link);
                return true;
        }
        return false;
}

static void table_put(struct table *table, uint32_t hash, struct trie_link *link)
{
        uint32_t i = table_home(table, hash);
        while (!bucket_put(&table->buckets[i], hash, link)) {
                crowd_add(&table->buckets[i], 1);
                i = i + 1 == table->bucket_n ? 0 : i + 1;
        }
        table->used++;
}

static void table_resize(struct table *_Atomic *slot, struct table *old, uint32_t bucket_n)
{
        struct table *table = table_new(bucket_n);
        for (uint32_t i = 0; i < old->bucket_n; i++) {
                const struct table_bucket *b = &old->buckets[i];
                for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                        if (lane_link(b, lane) != NULL)
                                table_put(table, lane_hash(b, lane), lane_link(b, lane));
                }
        }
        rcu_assign(*slot, table);
        rcu_defer(&old->rcu, table_reclaim);
}

static struct table *table_own(struct table *_Atomic *slot)
{
        return atomic_load_explicit(slot, memory_order_relaxed);
}

void table_add(struct table *_Atomic *slot, uint32_t hash, struct trie_link *link)
{
        struct table *table = table_own(slot);
        if (table == NULL)
                rcu_assign(*slot, table_new(1));
        else if (table->used >= table_high(table->bucket_n))
                table_resize(slot, table, table->bucket_n + table->bucket_n / 2 + 1);
        table_put(table_own(slot), hash, link);
}

/* The lane that holds link, which must be there; *bucket gets the index of its bucket. */
static struct trie_link *_Atomic *table_lane(
        struct table *table, uint32_t hash, const struct trie_link *link, uint32_t *bucket)
{
        uint32_t i = table_home(table, hash);
        for (uint32_t left = table->bucket_n; left > 0; left--) {
                struct table_bucket *b = &table->buckets[i];
                for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                        if (lane_link(b, lane) == link) {
                                *bucket = i;
                                return &b->link[lane];
                        }
                }
                i = i + 1 == table->bucket_n ? 0 : i + 1;
        }
        panic_(__FILE__, __LINE__, "link is not in its table");
}

void table_replace(struct table *_Atomic *slot, uint32_t hash, const struct trie_link *old,
        struct trie_link *link)
{
        uint32_t bucket;
        rcu_assign(*table_lane(table_own(slot), hash, old, &bucket), link);
}

void table_drop(struct table *_Atomic *slot, uint32_t hash, const struct trie_link *link)
{
        struct table *table = table_own(slot);
        uint32_t bucket;
        rcu_assign(*table_lane(table, hash, link, &bucket), NULL);
        for (uint32_t i = table_home(table, hash); i != bucket;) {
                crowd_add(&table->buckets[i], (uint32_t)-1);
                i = i + 1 == table->bucket_n ? 0 : i + 1;
        }
        table->used--;
        if (table->used == 0) {
                rcu_assign(*slot, NULL);
                rcu_defer(&table->rcu, table_reclaim);
        } else if (table->used < table_low(table->bucket_n)) {
                table_resize(slot, table, table->used / 2);
        }
}
