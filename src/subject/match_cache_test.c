/* SPDX-License-Identifier: Apache-2.0 */
/* match_cache_test.c: what hits, what is stale, what is evicted; told by the counters. */
#include "subject/match_cache.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "subject/match.h"
#include "subject/trie_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

struct test_sub {
        struct trie_link link;
        struct rcu_node rcu;
        char text[];
};

static struct trie *trie;
static struct match_cache *cache;
static struct match_cache_stats stats;

static int setup(void **state)
{
        trie = trie_new();
        cache = match_cache_new(MATCH_CACHE_ENTRIES, MATCH_CACHE_LINKS);
        return 0;
}

static int teardown(void **state)
{
        trie_free(trie);
        match_cache_free(cache);
        return 0;
}

static struct test_sub *add(const char *subject)
{
        size_t len = strlen(subject);
        struct test_sub *sub = xcalloc(1, sizeof(*sub) + len);
        memcpy(sub->text, subject, len);
        trie_link_init(&sub->link, sub->text, len, 0, 0);
        assert_int_equal(trie_insert_locked(trie, &sub->link), 0);
        return sub;
}

static void sub_reclaim(struct rcu_node *node)
{
        xfree(CONTAINER_OF(node, struct test_sub, rcu));
}

static void drop(struct test_sub *sub)
{
        trie_remove_locked(trie, &sub->link);
        rcu_defer(&sub->rcu, sub_reclaim);
}

/* How many links the cache says; refreshes stats. */
static uint32_t get(const char *subject)
{
        rcu_enter();
        const struct match *match = match_cache_get_rcu(cache, trie, slice_str(subject));
        assert_non_null(match);
        uint32_t n = match->link_n;
        rcu_exit();
        match_cache_stats(cache, &stats);
        return n;
}

static void expect(uint64_t hits, uint64_t misses, uint64_t stale)
{
        match_cache_stats(cache, &stats);
        assert_int_equal(stats.hits, hits);
        assert_int_equal(stats.misses, misses);
        assert_int_equal(stats.stale, stale);
}

static void test_second_lookup_hits(void **state)
{
        struct test_sub *sub = add("orders.>");
        assert_int_equal(get("orders.new"), 1);
        expect(0, 1, 0);
        assert_int_equal(get("orders.new"), 1);
        assert_int_equal(get("orders.new"), 1);
        expect(2, 1, 0);
        rcu_enter();
        assert_ptr_equal(
                match_cache_get_rcu(cache, trie, SLICE_LIT("orders.new"))->links[0], &sub->link);
        rcu_exit();
        drop(sub);
}

static void test_nothing_is_remembered_too(void **state)
{
        assert_int_equal(get("nobody.listens"), 0);
        assert_int_equal(get("nobody.listens"), 0);
        assert_int_equal(get("nobody..listens"), 0);
        assert_int_equal(get(""), 0);
        expect(1, 2, 0);
}

static void test_insert_and_removal_are_seen(void **state)
{
        assert_int_equal(get("a.b"), 0);
        struct test_sub *one = add("a.b");
        assert_int_equal(get("a.b"), 1);
        struct test_sub *two = add("a.*");
        assert_int_equal(get("a.b"), 2);
        drop(one);
        assert_int_equal(get("a.b"), 1);
        drop(two);
        assert_int_equal(get("a.b"), 0);
        expect(0, 1, 4);
}

/* A first token of another shard than that of `orders`; the hash is keyed, so look. */
static void pick_inbox(char *dst, size_t size)
{
        size_t orders = trie_subject_shard(trie, SLICE_LIT("orders"));
        for (int i = 0; i == 0 || trie_subject_shard(trie, slice_str(dst)) == orders; i++)
                snprintf(dst, size, "_INBOX%d", i);
}

static void test_churn_of_another_shard_keeps_entries(void **state)
{
        struct test_sub *sub = add("orders.>");
        char inbox[64], token[32];
        pick_inbox(token, sizeof(token));
        get("orders.new");
        for (int i = 0; i < 1000; i++) {
                snprintf(inbox, sizeof(inbox), "%s.%d.*", token, i);
                struct test_sub *churn = add(inbox);
                assert_int_equal(get("orders.new"), 1);
                drop(churn);
                assert_int_equal(get("orders.new"), 1);
        }
        expect(2000, 1, 0);
        drop(sub);
}

static void test_churn_of_wild_patterns_reaches_all(void **state)
{
        get("orders.new");
        struct test_sub *star = add("*.new");
        assert_int_equal(get("orders.new"), 1);
        struct test_sub *tail = add(">");
        assert_int_equal(get("orders.new"), 2);
        drop(star);
        drop(tail);
        assert_int_equal(get("orders.new"), 0);
        expect(0, 1, 3);
}

static void test_size_is_bounded(void **state)
{
        char subject[64];
        struct test_sub *sub = add("s.>");
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 20000; i++) {
                        snprintf(subject, sizeof(subject), "s.%d%s", i,
                                i % 7 ? "" : ".a.longer.subject");
                        assert_int_equal(get(subject), 1);
                        assert_in_range(stats.entries, 1, MATCH_CACHE_ENTRIES);
                        assert_int_equal(stats.links, stats.entries);
                }
        }
        assert_true(stats.evictions > 20000);
        assert_true(stats.entries > MATCH_CACHE_ENTRIES / 2);
        drop(sub);
}

static void test_few_subjects_all_stay(void **state)
{
        char subject[64];
        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 100; i++) {
                        snprintf(subject, sizeof(subject), "few.%d", i);
                        get(subject);
                }
        }
        /* The hash is keyed: rarely five subjects share a set of four. */
        assert_true(stats.hits >= 150);
        assert_int_equal(stats.hits + stats.misses, 300);
}

static void test_links_are_bounded(void **state)
{
        enum { N = 300 };
        struct test_sub *big[N];
        match_cache_free(cache);
        cache = match_cache_new(64, 100);
        for (size_t i = 0; i < N; i++)
                big[i] = add(i < 60 ? "small.*" : "big.>");
        assert_int_equal(get("small.a"), 60);
        assert_int_equal(stats.links, 60);
        assert_int_equal(get("small.b"), 60);
        assert_int_equal(stats.links, 60);
        assert_int_equal(stats.entries, 1);
        assert_int_equal(get("big.a"), N - 60);
        assert_int_equal(stats.entries, 1);
        assert_int_equal(stats.links, N - 60);
        assert_int_equal(get("big.a"), N - 60);
        assert_int_equal(stats.hits, 1);
        assert_int_equal(get("small.a"), 60);
        assert_int_equal(stats.links, 60);
        for (size_t i = 0; i < N; i++)
                drop(big[i]);
}

static void test_no_cache(void **state)
{
        match_cache_free(cache);
        cache = match_cache_new(0, 0);
        struct test_sub *sub = add("a.*");
        assert_int_equal(get("a.b"), 1);
        assert_int_equal(get("a.b"), 1);
        assert_int_equal(get("b.b"), 0);
        assert_int_equal(stats.entries, 0);
        expect(0, 0, 0);
        drop(sub);
}

static int group_setup(void **state)
{
        rcu_thread_start();
        return 0;
}

static int group_teardown(void **state)
{
        rcu_barrier_wait();
        rcu_thread_stop();
        return 0;
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CACHE_TEST(test_second_lookup_hits),
                CACHE_TEST(test_nothing_is_remembered_too),
                CACHE_TEST(test_insert_and_removal_are_seen),
                CACHE_TEST(test_churn_of_another_shard_keeps_entries),
                CACHE_TEST(test_churn_of_wild_patterns_reaches_all),
                CACHE_TEST(test_size_is_bounded),
                CACHE_TEST(test_few_subjects_all_stay),
                CACHE_TEST(test_links_are_bounded),
                CACHE_TEST(test_no_cache),
        };
        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
