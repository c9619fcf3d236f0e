/* SPDX-License-Identifier: Apache-2.0 */
/* match_cache.c: sets of a few entries.
 *
 * A set is the tags and pointers of WAYS entries, the one used last in front. The table of sets
 * starts small and doubles while there are more entries than sets, up to the bound; after that a
 * new subject takes over the last entry of its set, memory and all. */
#include "subject/match_cache.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/macros.h"
#include "subject/match_internal.h"
#include "subject/trie_internal.h"

#define WAYS 4
#define SETS_AT_START 16
#define TEXT_ROUND 32

struct entry {
        struct match_cache_face face;
        uint32_t hash, shard;
        uint32_t text_cap;
        struct match match;
        char text[]; /* the subject */
};

struct set {
        uint32_t tag[WAYS];      /* the entry's hash */
        struct entry *way[WAYS]; /* behind a NULL there are only more of them */
};

struct match_cache {
        struct match_cache_head head; /* first: match_cache.h looks at it */
        struct set *sets;             /* NULL when empty */
        size_t set_n, set_max;        /* powers of two; set_max 0: remember nothing */
        size_t links_max;
        struct hash_key key;
        struct match_room *room;
        struct match loose; /* result that is not remembered */
        struct match_cache_stats stats;
};

static const struct match_cache_face nothing = { .text_len = SIZE_MAX };

struct match_cache *match_cache_new(size_t entries_max, size_t links_max)
{
        struct match_cache *cache = xnew(struct match_cache);
        size_t sets = entries_max > 0;
        while (sets * WAYS < entries_max)
                sets *= 2;
        cache->set_max = sets;
        cache->head.last = &nothing;
        cache->links_max = links_max;
        hash_key_init(&cache->key);
        cache->room = match_room_new();
        match_init_lent(&cache->loose, cache->room);
        return cache;
}

static void entry_free(struct match_cache *cache, struct entry *entry)
{
        if (entry == NULL)
                return;
        if (cache->head.last == &entry->face)
                cache->head.last = &nothing;
        cache->stats.links -= entry->match.link_n;
        cache->stats.entries--;
        match_fini(&entry->match);
        xfree(entry);
}

void match_cache_free(struct match_cache *cache)
{
        if (cache == NULL)
                return;
        for (size_t i = 0; i < cache->set_n; i++) {
                for (size_t way = 0; way < WAYS; way++)
                        entry_free(cache, cache->sets[i].way[way]);
        }
        xfree(cache->sets);
        match_fini(&cache->loose);
        match_room_free(cache->room);
        xfree(cache);
}

static struct set *set_of(const struct match_cache *cache, uint32_t hash)
{
        return &cache->sets[hash & (cache->set_n - 1)];
}

/* Put the entry in front; those before `way`, its place so far, move back by one. */
static void set_to_front(struct set *set, struct entry *entry, size_t way)
{
        for (; way > 0; way--) {
                set->tag[way] = set->tag[way - 1];
                set->way[way] = set->way[way - 1];
        }
        set->tag[0] = entry->hash;
        set->way[0] = entry;
}

/* Double the sets. The entries of one set part into two, so that none has to go. */
static void sets_grow(struct match_cache *cache)
{
        struct set *old = cache->sets;
        size_t old_n = cache->set_n, start = SETS_AT_START;
        cache->set_n = old_n > 0 ? old_n * 2 : start < cache->set_max ? start : cache->set_max;
        cache->sets = xcalloc(cache->set_n, sizeof(struct set));
        for (size_t i = 0; i < old_n; i++) {
                for (size_t way = WAYS; way-- > 0;) {
                        if (old[i].way[way] != NULL)
                                set_to_front(
                                        set_of(cache, old[i].tag[way]), old[i].way[way], WAYS - 1);
                }
        }
        xfree(old);
}

/* An entry for a new subject, in front of its set; the last of a full set is taken over. */
static struct entry *entry_take(struct match_cache *cache, uint32_t hash, struct slice subject)
{
        if (cache->set_n == 0 ||
                (cache->stats.entries >= cache->set_n && cache->set_n < cache->set_max))
                sets_grow(cache);
        struct set *set = set_of(cache, hash);
        struct entry *entry = set->way[WAYS - 1];
        if (entry != NULL) {
                cache->stats.evictions++;
                if (entry->text_cap < subject.len) {
                        entry_free(cache, entry);
                        entry = NULL;
                }
        }
        if (entry == NULL) {
                size_t cap = (subject.len + TEXT_ROUND - 1) / TEXT_ROUND * TEXT_ROUND;
                entry = xmalloc(sizeof(*entry) + cap);
                match_init_lent(&entry->match, cache->room);
                entry->text_cap = (uint32_t)cap;
                cache->stats.entries++;
        }
        entry->hash = hash;
        entry->face = (struct match_cache_face){
                .text = entry->text,
                .text_len = subject.len,
                .match = &entry->match,
        };
        if (subject.len > 0)
                memcpy(entry->text, subject.ptr, subject.len);
        set_to_front(set, entry, WAYS - 1);
        return entry;
}

/* Keep the total of links in its bound: all others go when the newest needs the room. */
static void links_bound(struct match_cache *cache, struct entry *keep)
{
        if (cache->stats.links <= cache->links_max)
                return;
        for (size_t i = 0; i < cache->set_n; i++) {
                struct set *set = &cache->sets[i];
                bool has_keep = false;
                for (size_t way = 0; way < WAYS; way++) {
                        struct entry *entry = set->way[way];
                        set->way[way] = NULL;
                        has_keep = has_keep || entry == keep;
                        if (entry == NULL || entry == keep)
                                continue;
                        entry_free(cache, entry);
                        cache->stats.evictions++;
                }
                if (has_keep)
                        set_to_front(set, keep, 0);
        }
}

static struct trie_generation generation_now(const struct trie *trie, size_t shard)
{
        return (struct trie_generation){
                .shard = trie_shard_generation(trie, shard),
                .wild = trie_shard_generation(trie, TRIE_WILD),
        };
}

/* Search the trie for the entry's subject. The generations are loaded first. */
static void entry_fill(struct match_cache *cache, const struct trie *trie, struct entry *entry)
{
        cache->stats.links -= entry->match.link_n;
        entry->face.shard = &trie->shards[entry->shard].generation;
        entry->face.wild = &trie->shards[TRIE_WILD].generation;
        entry->face.at = generation_now(trie, entry->shard);
        trie_match_rcu(trie, slice_of(entry->text, entry->face.text_len), &entry->match);
        cache->stats.links += entry->match.link_n;
        links_bound(cache, entry);
}

/* Find the subject's entry and bring it to the front of its set. */
static struct entry *entry_find(struct match_cache *cache, uint32_t hash, struct slice subject)
{
        if (cache->set_n == 0)
                return NULL;
        struct set *set = set_of(cache, hash);
        for (size_t way = 0; way < WAYS; way++) {
                struct entry *entry = set->way[way];
                if (entry == NULL || set->tag[way] != hash ||
                        !match_cache_face_is_(&entry->face, subject))
                        continue;
                if (way > 0)
                        set_to_front(set, entry, way);
                return entry;
        }
        return NULL;
}

static inline const struct match *remember(struct match_cache *cache, const struct entry *entry)
{
        cache->head.last = &entry->face;
        return &entry->match;
}

const struct match *match_cache_find_rcu(
        struct match_cache *cache, const struct trie *trie, struct slice subject)
{
        if (UNLIKELY(cache->set_max == 0 || subject.len == 0 || subject.len > UINT32_MAX / 2)) {
                trie_match_rcu(trie, subject, &cache->loose);
                return &cache->loose;
        }
        uint32_t hash = (uint32_t)hash_bytes(&cache->key, subject.ptr, subject.len);
        struct entry *entry = entry_find(cache, hash, subject);
        if (LIKELY(entry != NULL)) {
                if (LIKELY(match_cache_face_is_fresh_(&entry->face))) {
                        cache->stats.hits++;
                        return remember(cache, entry);
                }
                cache->stats.stale++;
        } else {
                cache->stats.misses++;
                entry = entry_take(cache, hash, subject);
                entry->shard = (uint32_t)trie_subject_shard(trie, subject);
        }
        entry_fill(cache, trie, entry);
        return remember(cache, entry);
}

void match_cache_stats(const struct match_cache *cache, struct match_cache_stats *out)
{
        *out = cache->stats;
        out->hits += cache->head.hits;
}
