/* SPDX-License-Identifier: Apache-2.0 */
/* trie_internal.h: the shape of the trie, for trie*.c and match*.c.
 *
 * A pattern is cut after each inner '*':  foo.bar.*.baz.*  =  [foo.bar *] [baz *].  A piece is a
 * run of ordinary tokens and what ends it: '*', '>' or the end of the pattern. Every piece is one
 * entry in the table of its shard, under the hash of (branch it grows from, run, kind), so a path
 * costs one lookup per '*', not one per token, and a literal subject is a single entry.
 *
 *   shard.root ─┬─ "orders.new" END  ──> link ─> link ─> link    leaf: its first link is the entry
 *               ├─ "orders" TAIL '>' ──> link
 *               ├─ "orders" LAST '*' ──> link
 *               └─ "orders" STAR '*' ──> node.anchor             inner '*': more follows
 *                                        node.branch ── "eu" END ──> link
 *
 * A leaf has no node: the first of its links is found by its own text. A branch knows which lengths
 * of runs (in tokens) its children have, so that a search tries only those. */
#pragma once
#include "base/macros.h"
#include "base/rcu.h"
#include "base/slice.h"
#include "subject/hash.h"
#include "subject/table.h"
#include "subject/trie.h"
#include <stdatomic.h>
#include <stdbool.h>

/* What ends a piece; the low bits of trie_link.shape, whose rest counts the inner '*' before it. */
enum trie_kind { TRIE_END, TRIE_TAIL, TRIE_LAST, TRIE_STAR, TRIE_KIND_COUNT };
#define TRIE_KIND_BITS 2

/* Where pieces grow from. */
struct trie_branch {
        _Atomic uint32_t runs[TRIE_KIND_COUNT]; /* bit min(n, 31): a child of n tokens may exist */
        uint32_t child_n;                       /* writer only */
        uint16_t prefix_len;                    /* of the pattern up to here, with its last '.' */
        uint16_t star_n;                        /* 0: root of a shard */
        uint64_t seed;                          /* state of the hash before the run */
};

/* A '*' of some pattern. */
struct trie_node {
        struct trie_link anchor; /* entry in the table; subscribers of the pattern hang on next */
        struct trie_branch branch;
        struct trie_branch *parent; /* writer only */
        char text[];                /* the pattern up to here and a '.' */
};

/* One cache line: what a reader needs to know whether there is anything to find. */
struct trie_shard {
        _Atomic uint64_t generation;
        struct table *_Atomic table;
        struct trie_branch root;
};

#define TRIE_SHARDS 64
#define TRIE_WILD TRIE_SHARDS /* the shard of patterns whose first token is a wildcard */

struct trie {
        struct trie_shard *shards; /* TRIE_SHARDS + 1, aligned to cache lines */
        struct hash_key key;
        struct table_store store; /* writer only */
        struct {
                _Atomic uint64_t subscriptions, inserts, removes, nodes, bytes;
        } shared; /* written by the writer, relaxed */
        char memory[];
};

/* The piece of a pattern, or of a subject, that a search is about. */
struct trie_piece {
        const struct trie_branch *branch;
        struct slice run; /* "foo.bar"; empty when the wildcard comes first */
        uint64_t hash;    /* state after the run */
        enum trie_kind kind;
};

/* The pattern up to the branch; prefix_len bytes, none for a root. */
static inline const char *trie_branch_prefix(const struct trie_branch *branch)
{
        return CONTAINER_OF(branch, const struct trie_node, branch)->text;
}

static inline uint32_t trie_run_bit(size_t token_n)
{
        return 1U << (token_n < 31 ? token_n : 31);
}

static inline uint64_t trie_piece_seed(const struct hash_key *key, const struct trie_piece *piece)
{
        return hash_fold(key, piece->hash, (uint64_t)piece->kind + 1);
}

static inline uint32_t trie_seed_hash(uint64_t seed)
{
        return (uint32_t)(seed >> 32);
}

static inline size_t trie_shard_index(const struct trie *trie, uint64_t first_token_hash)
{
        return (first_token_hash >> 20) % TRIE_SHARDS;
}

static inline uint64_t trie_shard_generation(const struct trie *trie, size_t index)
{
        return atomic_load_explicit(&trie->shards[index].generation, memory_order_acquire);
}

/* Shard of a subject that has no empty token; any shard for others. */
size_t trie_subject_shard(const struct trie *trie, struct slice subject);

static inline uint16_t trie_piece_shape(const struct trie_piece *piece)
{
        return (uint16_t)(piece->branch->star_n << TRIE_KIND_BITS | piece->kind);
}

static inline enum trie_kind trie_link_kind(const struct trie_link *link)
{
        return (enum trie_kind)(link->shape & ((1U << TRIE_KIND_BITS) - 1));
}

/* The text follows from the piece: its branch's prefix, the run, the ending of its kind. Equal
 * stars before it mean that the run has none. */
static inline bool trie_is_piece(const struct trie_link *link, const struct trie_piece *piece)
{
        const struct trie_branch *branch = piece->branch;
        size_t ending = piece->kind == TRIE_END ? 0 : piece->run.len > 0 ? 2 : 1;
        return link->shape == trie_piece_shape(piece) &&
               link->subject_len == branch->prefix_len + piece->run.len + ending &&
               memcmp(trie_link_text(link) + branch->prefix_len, piece->run.ptr, piece->run.len) ==
                       0 &&
               (branch->prefix_len == 0 || memcmp(trie_link_text(link), trie_branch_prefix(branch),
                                                   branch->prefix_len) == 0);
}

/* The entry of a piece: first link of a leaf or anchor of a node; NULL: there is none. */
static inline struct trie_link *trie_find_piece(
        const struct table *table, uint32_t hash, const struct trie_piece *piece)
{
        if (table == NULL)
                return NULL;
        struct trie_link *link;
        const struct table *part = table_part(table, hash);
        struct table_probe probe = table_probe(part, hash);
        while ((link = table_next(part, &probe)) != NULL) {
                /* The text mostly lies behind the link, in the subscriber's struct. */
                __builtin_prefetch((const char *)link + CACHE_LINE_BYTES);
                if (trie_is_piece(link, piece))
                        return link;
        }
        return NULL;
}
