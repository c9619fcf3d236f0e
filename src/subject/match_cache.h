/* SPDX-License-Identifier: Apache-2.0 */
/* match_cache.h: what subjects reached when they were last asked, for one loop and one account.
 *
 * Owner: the loop; no lock, no atomic write. All calls inside a read section of that loop, except
 * new and free.
 *
 * Why a hit is safe. An entry remembers the two generations (trie.h) that were loaded before the
 * trie was searched. The writer first unlinks a subscriber, then moves the generation, and only
 * then may the subscriber be handed to rcu_defer(). A reader that finds the generation unmoved has,
 * inside its section, seen the state before that move; so the grace period, which starts after it,
 * waits for this section: had it not, the section would see everything that happened before
 * rcu_defer(), the move included. Hence every link of an entry whose generations compare equal
 * lives until the section ends. An entry is never followed without that comparison, and generations
 * never return to an old value.
 *
 * Bounds: entries (a subject each) and the total of links that entries hold; a result beyond that
 * total is held alone, all others are dropped. */
#pragma once
#include "base/bytes.h"
#include "base/macros.h"
#include "base/slice.h"
#include "subject/trie.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct match;
struct match_cache;

/* Default bounds. */
#define MATCH_CACHE_ENTRIES 4096
#define MATCH_CACHE_LINKS (256 * 1024)

struct match_cache_stats {
        uint64_t hits;      /* served without looking at the trie */
        uint64_t misses;    /* subject not there */
        uint64_t stale;     /* there, but a generation had moved */
        uint64_t evictions; /* dropped for room */
        size_t entries;     /* now */
        size_t links;       /* held now */
};

/* entries_max: rounded up to a power of two; 0: remember nothing (no_sublist_cache). */
struct match_cache *match_cache_new(size_t entries_max, size_t links_max);
void match_cache_free(struct match_cache *cache); /* NULL is fine */

/* What a lookup compares: the head of each entry. Private to match_cache_get_rcu() and match_cache.c, like
 * the head of every match_cache, which knows the entry found last, because a publisher mostly repeats its
 * subject. */
struct match_cache_face {
        const char *text; /* the subject */
        size_t text_len;  /* SIZE_MAX: nothing is like it */
        const _Atomic uint64_t *shard, *wild;
        struct trie_generation at; /* loaded before the trie was searched */
        const struct match *match;
};

struct match_cache_head {
        const struct match_cache_face *last;
        uint64_t hits;
};

static inline bool match_cache_face_is_(const struct match_cache_face *face, struct slice subject)
{
        return face->text_len == subject.len && bytes_equal(face->text, subject.ptr, subject.len);
}

static inline bool match_cache_face_is_fresh_(const struct match_cache_face *face)
{
        return atomic_load_explicit(face->shard, memory_order_acquire) == face->at.shard &&
               atomic_load_explicit(face->wild, memory_order_acquire) == face->at.wild;
}

const struct match *match_cache_find_rcu(
        struct match_cache *cache, const struct trie *trie, struct slice subject);

/* What the subject reaches; never NULL. Valid until the next call on this cache or the end of the
 * read section. A cache serves one trie only, always the same. */
static inline const struct match *match_cache_get_rcu(
        struct match_cache *cache, const struct trie *trie, struct slice subject)
{
        struct match_cache_head *head = (struct match_cache_head *)cache;
        const struct match_cache_face *last = head->last;
        if (LIKELY(match_cache_face_is_(last, subject) && match_cache_face_is_fresh_(last))) {
                head->hits++;
                return last->match;
        }
        return match_cache_find_rcu(cache, trie, subject);
}

void match_cache_stats(const struct match_cache *cache, struct match_cache_stats *out);
