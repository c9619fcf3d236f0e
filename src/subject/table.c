/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: the writer's half; the readers' is inline in table.h.
 * At most four lanes of five are taken on average, so that a free one is always near. */
#include "subject/table.h"
#include "base/mem.h"
#include "base/slab.h"
#include "base/thread.h"
#include <string.h>

/* Capacity in entries at which a table is full, and below which it is wastefully large. */
static uint32_t table_high(uint32_t bucket_n)
{
        return bucket_n * 4;
}

static uint32_t table_low(uint32_t bucket_n)
{
        return bucket_n > 4 ? bucket_n : 0;
}

static size_t plain_bytes(uint32_t bucket_n)
{
        return sizeof(struct table) + CACHE_LINE_BYTES + bucket_n * sizeof(struct table_bucket);
}

static struct table *plain_new(struct table_store *store, uint32_t bucket_n)
{
        struct table *table = xcalloc(1, plain_bytes(bucket_n));
        table->buckets = table_align(table + 1);
        table->bucket_n = bucket_n;
        store->bytes += plain_bytes(bucket_n);
        return table;
}

static void table_reclaim(struct rcu_node *node)
{
        xfree(CONTAINER_OF(node, struct table, rcu));
}

static void plain_retire(struct table_store *store, struct table *table)
{
        store->bytes -= plain_bytes(table->bucket_n);
        rcu_defer(&table->rcu, table_reclaim);
}

/* ---- parts: their memory ------------------------------------------------------------------ */

#define PART_BYTES ((TABLE_PART_BUCKETS + 1) * sizeof(struct table_bucket))

void table_store_init(struct table_store *store)
{
        *store = (struct table_store){ 0 };
        pthread_mutex_init(&store->lock, NULL);
}

void table_store_fini(struct table_store *store)
{
        if (store->slab)
                rcu_barrier_wait();
        slab_free(store->slab);
        pthread_mutex_destroy(&store->lock);
}

static struct table *part_new(struct table_store *store, uint8_t depth)
{
        _Static_assert(sizeof(struct table) <= sizeof(struct table_bucket), "one line before them");
        pthread_mutex_lock(&store->lock);
        if (store->slab == NULL)
                store->slab = slab_new();
        struct table *part = slab_take(store->slab, PART_BYTES);
        pthread_mutex_unlock(&store->lock);
        ASSERT(part != NULL); /* as xmalloc() does when memory is short */
        memset(part, 0, PART_BYTES);
        part->buckets = (struct table_bucket *)(void *)part + 1;
        part->store = store;
        part->bucket_n = TABLE_PART_BUCKETS;
        part->depth = depth;
        store->bytes += PART_BYTES;
        return part;
}

static void part_reclaim(struct rcu_node *node)
{
        struct table *part = CONTAINER_OF(node, struct table, rcu);
        struct table_store *store = part->store;
        pthread_mutex_lock(&store->lock);
        slab_give(part);
        pthread_mutex_unlock(&store->lock);
}

static void part_retire(struct table *part)
{
        part->store->bytes -= PART_BYTES;
        rcu_defer(&part->rcu, part_reclaim);
}

/* ---- buckets -------------------------------------------------------------------------------- */

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

/* What is in `from` goes into `to` as well. */
static void copy_all(const struct table *from, struct table *to)
{
        for (uint32_t i = 0; i < from->bucket_n; i++) {
                const struct table_bucket *b = &from->buckets[i];
                for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                        if (lane_link(b, lane) != NULL)
                                table_put(to, lane_hash(b, lane), lane_link(b, lane));
                }
        }
}

static void plain_resize(struct table_store *store, struct table *_Atomic *slot, struct table *old,
        uint32_t bucket_n)
{
        struct table *table = plain_new(store, bucket_n);
        copy_all(old, table);
        rcu_assign(*slot, table);
        plain_retire(store, old);
}

/* ---- the index ------------------------------------------------------------------------------ */

static struct table *table_own(struct table *_Atomic *slot)
{
        return atomic_load_explicit(slot, memory_order_relaxed);
}

static struct table_index *index_own(struct table *table)
{
        return CONTAINER_OF(table, struct table_index, head);
}

static uint32_t index_n(const struct table_index *index)
{
        return 1U << index->head.index_bits;
}

static size_t index_bytes(uint8_t bits)
{
        return sizeof(struct table_index) + (sizeof(struct table *) << bits);
}

static struct table_index *index_new(struct table_store *store, uint8_t bits, uint32_t used)
{
        struct table_index *index = xcalloc(1, index_bytes(bits));
        index->head.index_bits = bits;
        index->head.used = used;
        store->bytes += index_bytes(bits);
        return index;
}

static void index_retire(struct table_store *store, struct table_index *index)
{
        store->bytes -= index_bytes(index->head.index_bits);
        rcu_defer(&index->head.rcu, table_reclaim);
}

static struct table *index_part(struct table_index *index, uint32_t i)
{
        return table_own(&index->parts[i]);
}

/* How many places in a row lead to a part of this depth. */
static uint32_t index_run(const struct table_index *index, uint8_t depth)
{
        return 1U << (index->head.index_bits - depth);
}

/* From now on the run at `from` leads to this part. */
static void index_set(struct table_index *index, uint32_t from, struct table *part)
{
        for (uint32_t i = 0; i < index_run(index, part->depth); i++)
                rcu_assign(index->parts[from + i], part);
}

static struct table_index *index_double(
        struct table_store *store, struct table *_Atomic *slot, struct table_index *old)
{
        struct table_index *index =
                index_new(store, (uint8_t)(old->head.index_bits + 1), old->head.used);
        for (uint32_t i = 0; i < index_n(index); i++)
                atomic_init(&index->parts[i], index_part(old, i / 2));
        rcu_assign(*slot, &index->head);
        index_retire(store, old);
        return index;
}

/* Two parts with what is in `from`, whose hashes share one bit less. */
static void halve(struct table_store *store, const struct table *from, struct table *halves[2])
{
        uint8_t depth = from->depth;
        halves[0] = part_new(store, (uint8_t)(depth + 1));
        halves[1] = part_new(store, (uint8_t)(depth + 1));
        for (uint32_t i = 0; i < from->bucket_n; i++) {
                const struct table_bucket *b = &from->buckets[i];
                for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                        uint32_t hash = lane_hash(b, lane);
                        if (lane_link(b, lane) != NULL)
                                table_put(halves[hash << depth >> 31], hash, lane_link(b, lane));
                }
        }
}

/* A plain table is full: an index of two parts. */
static void divide(struct table_store *store, struct table *_Atomic *slot, struct table *table)
{
        struct table *halves[2];
        halve(store, table, halves);
        struct table_index *index = index_new(store, 1, table->used);
        index_set(index, 0, halves[0]);
        index_set(index, 1, halves[1]);
        rcu_assign(*slot, &index->head);
        plain_retire(store, table);
}

static void split_part(struct table_store *store, struct table *_Atomic *slot, uint32_t hash)
{
        struct table_index *index = index_own(table_own(slot));
        struct table *part = index_part(index, hash >> (32 - index->head.index_bits)), *halves[2];
        if (part->depth == index->head.index_bits)
                index = index_double(store, slot, index);
        halve(store, part, halves);
        uint32_t run = index_run(index, part->depth);
        uint32_t from = hash >> (32 - index->head.index_bits) & ~(run - 1);
        index_set(index, from, halves[0]);
        index_set(index, from + run / 2, halves[1]);
        part_retire(part);
}

static void retire_parts(struct table_index *index)
{
        for (uint32_t i = 0, run; i < index_n(index); i += run) {
                struct table *part = index_part(index, i);
                run = index_run(index, part->depth);
                part_retire(part);
        }
}

/* So little is left in all parts together that one plain table takes it. */
static void undivide(
        struct table_store *store, struct table *_Atomic *slot, struct table_index *index)
{
        struct table *table = plain_new(store, index->head.used / 2 + 1), *part;
        for (uint32_t i = 0; i < index_n(index); i += index_run(index, part->depth)) {
                part = index_part(index, i);
                copy_all(part, table);
        }
        rcu_assign(*slot, table);
        retire_parts(index);
        index_retire(store, index);
}

/* With its neighbour of the same depth, when both have little; false: they stay apart. */
static bool merge_part(struct table_store *store, struct table_index *index, uint32_t hash)
{
        uint32_t i = hash >> (32 - index->head.index_bits);
        struct table *part = index_part(index, i);
        if (part->depth < 2 || part->used >= table_low(TABLE_PART_BUCKETS) / 2)
                return false;
        uint32_t run = index_run(index, part->depth);
        struct table *other = index_part(index, i ^ run);
        if (other->depth != part->depth ||
                part->used + other->used >= table_low(TABLE_PART_BUCKETS))
                return false;
        struct table *both = part_new(store, (uint8_t)(part->depth - 1));
        copy_all(part, both);
        copy_all(other, both);
        index_set(index, i & ~(2 * run - 1), both);
        part_retire(part);
        part_retire(other);
        return true;
}

/* ---- add, drop ------------------------------------------------------------------------------ */

/* Half as much again, as far as a plain table goes. */
static uint32_t larger(uint32_t bucket_n)
{
        uint32_t more = bucket_n + bucket_n / 2 + 1;
        return more < TABLE_PART_BUCKETS ? more : TABLE_PART_BUCKETS;
}

static void make_room(struct table_store *store, struct table *_Atomic *slot, uint32_t hash)
{
        struct table *table = table_own(slot);
        if (table == NULL) {
                rcu_assign(*slot, plain_new(store, 1));
                return;
        }
        const struct table *part = table_part(table, hash);
        if (LIKELY(part->used < table_high(part->bucket_n)))
                return;
        if (table->index_bits > 0)
                split_part(store, slot, hash);
        else if (table->bucket_n == TABLE_PART_BUCKETS)
                divide(store, slot, table);
        else
                plain_resize(store, slot, table, larger(table->bucket_n));
}

/* The writer's view of table_part(). */
static struct table *part_own(struct table *table, uint32_t hash)
{
        if (table->index_bits == 0)
                return table;
        return index_part(index_own(table), hash >> (32 - table->index_bits));
}

void table_add(struct table_store *store, struct table *_Atomic *slot, uint32_t hash,
        struct trie_link *link)
{
        make_room(store, slot, hash);
        struct table *table = table_own(slot);
        table_put(part_own(table, hash), hash, link);
        if (table->index_bits > 0)
                table->used++;
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
        rcu_assign(*table_lane(part_own(table_own(slot), hash), hash, old, &bucket), link);
}

static void part_drop(struct table *part, uint32_t hash, const struct trie_link *link)
{
        uint32_t bucket;
        rcu_assign(*table_lane(part, hash, link, &bucket), NULL);
        for (uint32_t i = table_home(part, hash); i != bucket;) {
                crowd_add(&part->buckets[i], (uint32_t)-1);
                i = i + 1 == part->bucket_n ? 0 : i + 1;
        }
        part->used--;
}

static void index_drop(struct table_store *store, struct table *_Atomic *slot, uint32_t hash,
        const struct trie_link *link)
{
        struct table_index *index = index_own(table_own(slot));
        struct table *part = part_own(&index->head, hash);
        part_drop(part, hash, link);
        if (--index->head.used < table_low(TABLE_PART_BUCKETS)) {
                undivide(store, slot, index);
                return;
        }
        while (merge_part(store, index, hash)) {
                /* and the larger one with its neighbour */
        }
}

void table_drop(struct table_store *store, struct table *_Atomic *slot, uint32_t hash,
        const struct trie_link *link)
{
        struct table *table = table_own(slot);
        if (table->index_bits > 0) {
                index_drop(store, slot, hash, link);
                return;
        }
        part_drop(table, hash, link);
        if (table->used == 0) {
                rcu_assign(*slot, NULL);
                plain_retire(store, table);
        } else if (table->used < table_low(table->bucket_n)) {
                plain_resize(store, slot, table, table->used / 2);
        }
}

/* ---- the walk ------------------------------------------------------------------------------- */

/* least: hashes below it were seen, in a part that has become one with its neighbour since. */
static bool part_each(const struct table *part, uint32_t least, table_fn fn, void *ctx)
{
        for (uint32_t i = 0; i < part->bucket_n; i++) {
                const struct table_bucket *b = &part->buckets[i];
                for (uint32_t lane = 0; lane < TABLE_LANES; lane++) {
                        struct trie_link *link = rcu_deref(b->link[lane]);
                        if (link != NULL && lane_hash(b, lane) >= least && !fn(ctx, link))
                                return false;
                }
        }
        return true;
}

bool table_each_rcu(const struct table *table, table_fn fn, void *ctx)
{
        if (table == NULL)
                return true;
        if (table->index_bits == 0)
                return part_each(table, 0, fn, ctx);
        const struct table_index *index = table_index_of(table);
        for (uint32_t i = 0; i < index_n(index);) {
                const struct table *part = rcu_deref(index->parts[i]);
                if (!part_each(part, i << (32 - table->index_bits), fn, ctx))
                        return false;
                i = (i | (index_run(index, part->depth) - 1)) + 1;
        }
        return true;
}
