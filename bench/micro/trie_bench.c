/* SPDX-License-Identifier: Apache-2.0 */
/* trie_bench.c: what the subscription trie costs: bytes, inserts, removals, matches, cache hits. */
#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "subject/match.h"
#include "subject/match_cache.h"
#include "subject/trie.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define SUB_N 1000000
#define MATCH_N 1000000
#define TEXT_BYTES 40

/* Laid out as a subscription of a client: link, id, then the text. */
struct bench_sub {
        struct trie_link link;
        struct rcu_node rcu;
        uint64_t id;
        char text[];
};

static struct trie *trie;
static struct bench_sub **subs;
static char (*texts)[TEXT_BYTES];
static uint64_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
        random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(((random_state >> 33) * below) >> 31);
}

static size_t heap_bytes(void)
{
        struct mallinfo2 info = mallinfo2();
        return info.uordblks + info.hblkhd;
}

/* Fill texts with n subjects of one make. */
typedef void (*text_fn)(char *dst, uint32_t i);

static void text_random(char *dst, uint32_t i)
{
        snprintf(dst, TEXT_BYTES, "t%u.dev%u.%u", next_random(1000), next_random(100000), i);
}

static void text_one_shard(char *dst, uint32_t i)
{
        snprintf(dst, TEXT_BYTES, "orders.eu%u.%u", next_random(100), i);
}

static void text_inbox(char *dst, uint32_t i)
{
        snprintf(dst, TEXT_BYTES, "_INBOX.%08x%08xabcdef.*", next_random(1U << 31), i);
}

static void text_mixed(char *dst, uint32_t i)
{
        uint32_t a = next_random(1000), b = next_random(1000);
        switch (i % 8) {
        case 0:
                snprintf(dst, TEXT_BYTES, "t%u.*.%u", a, b);
                break;
        case 1:
                snprintf(dst, TEXT_BYTES, "t%u.dev%u.>", a, b);
                break;
        case 2:
                snprintf(dst, TEXT_BYTES, "t%u.dev%u.*", a, b);
                break;
        default:
                snprintf(dst, TEXT_BYTES, "t%u.dev%u.%u", a, b, i);
                break;
        }
}

static struct bench_sub *sub_new(const char *text, uint64_t id)
{
        size_t len = strlen(text);
        struct bench_sub *sub = xmalloc(sizeof(*sub) + len);
        memcpy(sub->text, text, len);
        sub->id = id;
        trie_link_init(&sub->link, sub->text, len, 0, (uint16_t)(id % 4));
        return sub;
}

static void sub_reclaim(struct rcu_node *node)
{
        xfree(CONTAINER_OF(node, struct bench_sub, rcu));
}

static double rate(uint64_t start_ns, size_t n)
{
        return (double)n * 1e3 / (double)(clock_mono_ns() - start_ns);
}

static void fill(uint32_t n, text_fn make)
{
        for (uint32_t i = 0; i < n; i++)
                make(texts[i], i);
        rcu_barrier_wait();
        size_t before = heap_bytes();
        for (uint32_t i = 0; i < n; i++)
                subs[i] = sub_new(texts[i], i);
        size_t with_subs = heap_bytes();
        uint64_t start = clock_mono_ns();
        for (uint32_t i = 0; i < n; i++) {
                if (trie_insert_locked(trie, &subs[i]->link) != 0)
                        printf("refused: %s\n", texts[i]);
        }
        double inserts = rate(start, n);
        struct trie_stats stats;
        trie_stats(trie, &stats);
        printf("  insert %.2f M/s; bytes each: subscriber %.0f (link %zu of them), trie %.1f\n",
                inserts, (double)(with_subs - before) / n, sizeof(struct trie_link),
                (double)stats.bytes / n);
}

static void drain(uint32_t n)
{
        uint64_t start = clock_mono_ns();
        for (uint32_t i = 0; i < n; i++) {
                trie_remove_locked(trie, &subs[i]->link);
                rcu_defer(&subs[i]->rcu, sub_reclaim);
        }
        printf("  remove %.2f M/s\n", rate(start, n));
        rcu_barrier_wait();
}

/* Subjects of a set of `set_n`, in random order, through the trie or the cache. */
static void match_all(const char *what, uint32_t set_n, struct match_cache *cache)
{
        struct match match;
        size_t links = 0;
        static char asked[65536][TEXT_BYTES]; /* in order of use: a subject is warm from parsing */
        static struct slice order[ARRAY_N(asked)];
        match_init(&match);
        for (uint32_t i = 0; i < ARRAY_N(order); i++) {
                char *text = memcpy(asked[i], texts[next_random(set_n)], TEXT_BYTES);
                char *star = strpbrk(text, "*>");
                if (star != NULL)
                        *star = '7';
                order[i] = slice_str(text);
        }
        uint64_t start = clock_mono_ns();
        for (uint32_t i = 0; i < MATCH_N; i++) {
                struct slice subject = order[i % ARRAY_N(order)];
                rcu_enter();
                if (cache != NULL)
                        links += match_cache_get_rcu(cache, trie, subject)->link_n;
                else
                        links += trie_match_rcu(trie, subject, &match);
                rcu_exit();
        }
        printf("  %s: %.0f ns, %.2f links\n", what, 1e3 / rate(start, MATCH_N),
                (double)links / MATCH_N);
        match_fini(&match);
}

static void case_run(const char *name, uint32_t n, text_fn make)
{
        printf("%s, %u subscriptions\n", name, n);
        fill(n, make);
        match_all("match", n, NULL);
        struct match_cache *cache = match_cache_new(MATCH_CACHE_ENTRIES, MATCH_CACHE_LINKS);
        match_all("cache, 1000 subjects (first round misses)", n < 1000 ? n : 1000, cache);
        match_all("cache, 1000 subjects (hits)", n < 1000 ? n : 1000, cache);
        match_all("cache, 16 subjects (hits)", 16, cache);
        match_cache_free(cache);
        drain(n);
}

/* n subscribers of one subject. */
static void fanout_run(uint32_t n)
{
        printf("fan-out, %u subscribers of one subject\n", n);
        uint64_t start = clock_mono_ns();
        for (uint32_t i = 0; i < n; i++) {
                subs[i] = sub_new("one.subject", i);
                if (trie_insert_locked(trie, &subs[i]->link) != 0)
                        return;
        }
        printf("  insert %.2f M/s (with allocation)\n", rate(start, n));
        struct match match;
        match_init(&match);
        start = clock_mono_ns();
        rcu_enter();
        for (int i = 0; i < 1000; i++)
                trie_match_rcu(trie, SLICE_LIT("one.subject"), &match);
        rcu_exit();
        printf("  match %.1f ns per link\n", 1e3 / rate(start, (size_t)n * 1000));
        match_fini(&match);
        drain(n);
}

static const struct {
        const char *name;
        uint32_t n;
        text_fn make;
} cases[] = {
        { "literals", 1000, text_random },
        { "literals", SUB_N, text_random },
        { "literals of one first token", SUB_N, text_one_shard },
        { "inboxes", SUB_N, text_inbox },
        { "literals and wildcards", SUB_N, text_mixed },
};

/* With an argument: only the case of that number. */
int main(int argc, char **argv)
{
        size_t only = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : ARRAY_N(cases);
        rcu_thread_start();
        trie = trie_new();
        subs = xcalloc(SUB_N, sizeof(struct bench_sub *));
        texts = xcalloc(SUB_N, TEXT_BYTES);
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                if (argc < 2 || i == only)
                        case_run(cases[i].name, cases[i].n, cases[i].make);
        }
        fanout_run(1000);
        trie_free(trie);
        xfree(subs);
        xfree(texts);
        rcu_thread_stop();
        return 0;
}
