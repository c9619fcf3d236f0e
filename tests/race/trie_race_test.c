/* SPDX-License-Identifier: Apache-2.0 */
/* trie_race_test.c: one writer inserts and removes while readers match without a pause.
 *
 * Every subscriber carries a magic number that its reclaim callback poisons before it frees; a
 * reader checks the magic of all it was given, at once and again at the end of its section. Some
 * subscriptions stay for the whole run: a reader must find each of them every time, whatever grows,
 * shrinks or is pruned around them. */
#include "base/macros.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "subject/match.h"
#include "subject/match_cache.h"
#include "subject/subject.h"
#include "subject/trie.h"
#include <stdatomic.h>
#include <stdio.h>

#define ALIVE 0x11fe11feU
#define DEAD 0xdeaddeadU
#define READERS 3
#define READS 50000 /* of each reader; the writer goes on until all are done */
#define SWING 5000  /* writes between two targets */
#define LIVE_MAX 3000

struct race_sub {
        struct trie_link link;
        struct rcu_node rcu;
        uint32_t magic;
        char text[64];
};

struct reader {
        uint64_t random;
        bool cached;
        uint64_t reads, links;
};

static struct trie *trie;
static _Atomic size_t reading = READERS;
static struct race_sub *live[LIVE_MAX];
static size_t live_n;

/* Subjects that stay, with one literal, which each of `steady` matches exactly once. */
static const char *const steady[] = { "a.1.x", "a.*.x", "a.1.>", "*.1.x", ">", "a.*.*", "a.1.x" };
#define STEADY_SUBJECT "a.1.x"

static uint32_t next_random(uint64_t *state, uint32_t below)
{
        *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(((*state >> 33) * below) >> 31);
}

static struct race_sub *sub_add(const char *subject, const char *queue, uint16_t shelf)
{
        struct race_sub *sub = xnew(struct race_sub);
        sub->magic = ALIVE;
        snprintf(sub->text, sizeof(sub->text), "%s%s", subject, queue);
        trie_link_init(&sub->link, sub->text, strlen(subject), strlen(queue), shelf);
        int err = trie_insert_locked(trie, &sub->link);
        ASSERT(err == 0);
        return sub;
}

static void sub_reclaim(struct rcu_node *node)
{
        struct race_sub *sub = CONTAINER_OF(node, struct race_sub, rcu);
        ASSERT(sub->magic == ALIVE);
        sub->magic = DEAD;
        xfree(sub);
}

static void sub_drop(struct race_sub *sub)
{
        trie_remove_locked(trie, &sub->link);
        rcu_defer(&sub->rcu, sub_reclaim);
}

static void writer_insert(uint64_t *random)
{
        char subject[48];
        uint32_t shape = next_random(random, 8);
        /* The many numbers make the tables grow; the few make lists. */
        uint32_t number = next_random(random, next_random(random, 2) ? 5 : 5000);
        switch (shape) {
#define SHAPE(i, format)                                                                           \
        case i:                                                                                    \
                snprintf(subject, sizeof(subject), format, number);                                \
                break
                SHAPE(0, "a.%u.x");
                SHAPE(1, "a.%u.*");
                SHAPE(2, "a.*.%u");
                SHAPE(3, "*.%u.x");
                SHAPE(4, "a.%u.>");
                SHAPE(5, "b.%u");
                SHAPE(6, "a.1.x.%u");
#undef SHAPE
        default:
                snprintf(subject, sizeof(subject), "b.*");
                break;
        }
        const char *queue = next_random(random, 4) == 0 ? "workers" : "";
        live[live_n++] = sub_add(subject, queue, (uint16_t)next_random(random, 3));
}

static void writer_remove(uint64_t *random)
{
        size_t i = next_random(random, (uint32_t)live_n);
        sub_drop(live[i]);
        live[i] = live[--live_n];
}

/* Swing between empty and full, so that everything grows, shrinks and is pruned. */
static size_t writer_run(void)
{
        uint64_t random = 42;
        size_t target = 0;
        size_t i = 0;
        for (; atomic_load_explicit(&reading, memory_order_acquire) > 0; i++) {
                if (i % SWING == 0)
                        target = i / SWING % 3 == 2 ? 0 : next_random(&random, LIVE_MAX);
                bool grow = live_n < target;
                if (next_random(&random, 4) == 0)
                        grow = !grow;
                if (grow && live_n < LIVE_MAX)
                        writer_insert(&random);
                else if (live_n > 0)
                        writer_remove(&random);
        }
        return i;
}

static void check_alive(const struct match *match, struct slice subject)
{
        for (uint32_t i = 0; i < match->link_n; i++) {
                const struct race_sub *sub = CONTAINER_OF(match->links[i], struct race_sub, link);
                ASSERT(sub->magic == ALIVE);
                ASSERT(subject_matches(subject, trie_link_subject(&sub->link)));
        }
}

static void check_steady(const struct match *match)
{
        size_t found = 0;
        for (uint32_t i = 0; i < match->plain_n; i++)
                found += match->links[i]->shelf == 9;
        ASSERT(found == ARRAY_N(steady));
}

static void reader_turn(struct reader *reader, struct match *match, struct match_cache *cache)
{
        char text[48] = STEADY_SUBJECT;
        bool is_steady = next_random(&reader->random, 2) == 0;
        if (!is_steady)
                snprintf(text, sizeof(text), next_random(&reader->random, 2) ? "a.%u.x" : "b.%u",
                        next_random(&reader->random, 6));
        struct slice subject = slice_str(text);
        const struct match *found = match;
        rcu_enter();
        if (reader->cached)
                found = match_cache_get_rcu(cache, trie, subject);
        else
                trie_match_rcu(trie, subject, match);
        check_alive(found, subject);
        if (is_steady)
                check_steady(found);
        reader->links += found->link_n;
        check_alive(found, subject);
        rcu_exit();
        reader->reads++;
}

static bool count_link(void *ctx, struct trie_link *link)
{
        ASSERT(CONTAINER_OF(link, struct race_sub, link)->magic == ALIVE);
        *(size_t *)ctx += link->shelf == 9;
        return true;
}

static void reader_run(void *ctx)
{
        struct reader *reader = ctx;
        struct match match;
        struct match_cache *cache = match_cache_new(64, 10000);
        rcu_thread_start();
        match_init(&match);
        while (reader->reads < READS) {
                reader_turn(reader, &match, cache);
                if (reader->reads % 1000 != 0)
                        continue;
                size_t found = 0;
                rcu_enter();
                trie_walk_rcu(trie, count_link, &found);
                rcu_exit();
                ASSERT(found >= ARRAY_N(steady));
        }
        match_fini(&match);
        match_cache_free(cache);
        rcu_thread_stop();
        atomic_fetch_sub(&reading, 1);
}

int main(void)
{
        struct reader readers[READERS] = { { .random = 1 }, { .random = 2, .cached = true },
                { .random = 3, .cached = true } };
        struct thread *threads[READERS];
        struct race_sub *stay[ARRAY_N(steady)];
        rcu_thread_start();
        trie = trie_new();
        for (size_t i = 0; i < ARRAY_N(steady); i++)
                stay[i] = sub_add(steady[i], "", 9);
        for (size_t i = 0; i < READERS; i++)
                threads[i] = thread_start("reader", THREAD_TEST, reader_run, &readers[i]);
        size_t writes = writer_run();
        uint64_t reads = 0, links = 0;
        for (size_t i = 0; i < READERS; i++) {
                thread_join(threads[i]);
                reads += readers[i].reads;
                links += readers[i].links;
        }
        for (size_t i = 0; i < ARRAY_N(steady); i++)
                sub_drop(stay[i]);
        while (live_n > 0)
                sub_drop(live[--live_n]);
        rcu_barrier_wait();
        ASSERT(trie_count(trie) == 0);
        trie_free(trie);
        rcu_thread_stop();
        ASSERT(links > reads);
        printf("%zu writes, %llu matches, %llu links\n", writes, (unsigned long long)reads,
                (unsigned long long)links);
        return 0;
}
