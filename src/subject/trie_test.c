/* SPDX-License-Identifier: Apache-2.0 */
/* trie_test.c: matching by example, pruning, grouping, resize; and a long random run against brute
 * force. */
#include "subject/trie.h"
#include "base/macros.h"
#include "base/mem.h"
#include "subject/match.h"
#include "subject/subject.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct test_sub {
        struct trie_link link;
        struct rcu_node rcu;
        bool seen;
        char text[];
};

static struct trie *trie;
static struct match match;

static int setup(void **state)
{
        trie = trie_new();
        match_init(&match);
        return 0;
}

static int teardown(void **state)
{
        trie_free(trie);
        match_fini(&match);
        return 0;
}

static struct test_sub *sub_new(const char *subject, const char *queue, uint16_t shelf)
{
        size_t len = strlen(subject), queue_len = strlen(queue);
        struct test_sub *sub = xcalloc(1, sizeof(*sub) + len + queue_len + 1);
        snprintf(sub->text, len + queue_len + 1, "%s%s", subject, queue);
        trie_link_init(&sub->link, sub->text, len, queue_len, shelf);
        return sub;
}

static struct test_sub *add_full(const char *subject, const char *queue, uint16_t shelf)
{
        struct test_sub *sub = sub_new(subject, queue, shelf);
        assert_int_equal(trie_insert_locked(trie, &sub->link), 0);
        return sub;
}

static struct test_sub *add(const char *subject)
{
        return add_full(subject, "", 0);
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

static size_t reached(const char *subject)
{
        rcu_enter();
        size_t n = trie_match_rcu(trie, slice_str(subject), &match);
        rcu_exit();
        assert_int_equal(n, match.link_n);
        return n;
}

static bool drop_one(void *ctx, struct trie_link *link)
{
        *(struct trie_link **)ctx = link;
        return false;
}

static void drop_all(void)
{
        while (trie_count(trie) > 0) {
                struct trie_link *link = NULL;
                rcu_enter();
                trie_walk_rcu(trie, drop_one, &link);
                rcu_exit();
                assert_non_null(link);
                drop(CONTAINER_OF(link, struct test_sub, link));
        }
}

static uint64_t trie_bytes(void)
{
        struct trie_stats stats;
        trie_stats(trie, &stats);
        return stats.bytes;
}

static void test_link_is_small(void **state)
{
        assert_int_equal(sizeof(struct trie_link), 4 * sizeof(void *));
}

/* One set of subscriptions, and how many of them each subject reaches. */
struct reach {
        const char *subject;
        size_t n;
};

static void check_reach(const char *const *patterns, const struct reach *rows, size_t row_n)
{
        for (size_t i = 0; patterns[i] != NULL; i++)
                add(patterns[i]);
        for (size_t i = 0; i < row_n; i++) {
                if (reached(rows[i].subject) != rows[i].n)
                        fail_msg(
                                "%s reaches %u, not %zu", rows[i].subject, match.link_n, rows[i].n);
        }
        drop_all();
}

static void test_literal_matching(void **state)
{
        static const char *const patterns[] = { "foo", "foo.bar", "foo.bar.baz", NULL };
        static const struct reach rows[] = { { "foo", 1 }, { "foo.bar", 1 }, { "foo.bar.baz", 1 },
                { "bar", 0 }, { "foo.baz", 0 }, { "foo.bar.baz.x", 0 }, { "fo", 0 },
                { "foob", 0 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_partial_wildcard(void **state)
{
        static const char *const patterns[] = { "a.b.c", "a.*.c", "a.b.*", "*.b.*", "*", NULL };
        static const struct reach rows[] = { { "a.b.c", 4 }, { "a.x.c", 1 }, { "a.b.x", 2 },
                { "x.b.x", 1 }, { "a.b", 0 }, { "a", 1 }, { "a.b.c.d", 0 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_full_wildcard(void **state)
{
        static const char *const patterns[] = { "a.b.c", "a.>", ">", "a.*.>", "a.b.>", NULL };
        static const struct reach rows[] = { { "a.b.c", 5 }, { "a", 1 }, { "a.b", 2 },
                { "a.x.y", 3 }, { "a.b.c.d.e", 4 }, { "b.a", 1 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_wildcard_token_of_a_publish_is_ordinary(void **state)
{
        static const char *const patterns[] = { "foo.*", "foo.>", "foo.bar", "foo.*.x", NULL };
        static const struct reach rows[] = { { "foo.*", 2 }, { "foo.>", 2 }, { "foo.bar", 3 },
                { "foo.*.x", 2 }, { "foo.>.x", 2 }, { "*.bar", 0 }, { "*", 0 }, { ">", 0 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_wildcard_characters_inside_tokens_are_literals(void **state)
{
        static const char *const patterns[] = { "foo.*-", "foo.>-", "*a", "b>", NULL };
        static const struct reach rows[] = { { "foo.bar", 0 }, { "foo.*-", 1 }, { "foo.>-", 1 },
                { "*a", 1 }, { "b>", 1 }, { "xa", 0 }, { "bx", 0 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_two_token_publish_misses_one_token_subscription(void **state)
{
        static const char *const patterns[] = { "foo", "foo.bar", NULL };
        static const struct reach rows[] = { { "foo", 1 }, { "foo.bar", 1 }, { "foo.", 0 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_empty_tokens_never_match(void **state)
{
        static const char *const patterns[] = { "*", ">", "*.*", "foo", "foo.>", "foo.*.bar",
                "foo.bar", NULL };
        static const struct reach rows[] = { { "", 0 }, { ".", 0 }, { ".foo", 0 }, { "..", 0 },
                { "foo.", 0 }, { "foo..bar", 0 }, { "foo.bar.", 0 }, { "foo.bar", 4 } };
        check_reach(patterns, rows, ARRAY_N(rows));
}

static void test_invalid_subjects_are_refused(void **state)
{
        static const char *const bad[] = { "", ".", ".foo", "foo.", "foo..bar", "foo.bar..baz",
                "foo.>.bar", ">.a", "*.>.*" };
        uint64_t bytes = trie_bytes();
        for (size_t i = 0; i < ARRAY_N(bad); i++) {
                struct test_sub *sub = sub_new(bad[i], "", 0);
                assert_int_equal(trie_insert_locked(trie, &sub->link), ERR_INVALID);
                xfree(sub);
        }
        assert_int_equal(trie_count(trie), 0);
        assert_int_equal(trie_bytes(), bytes);
}

/* n tokens of "*", or of "x" when not wild. */
static char *long_subject(size_t n, bool wild)
{
        char *text = xmalloc(2 * n);
        for (size_t i = 0; i < n; i++) {
                text[2 * i] = wild ? '*' : 'x';
                text[2 * i + 1] = '.';
        }
        text[2 * n - 1] = '\0';
        return text;
}

static void test_longest_subjects(void **state)
{
        const size_t most = (TRIE_SUBJECT_MAX + 1) / 2;
        char *literal = long_subject(most, false), *wild = long_subject(most, true);
        char *over = long_subject(most + 1, false);
        struct test_sub *sub = sub_new(over, "", 0);
        assert_int_equal(trie_insert_locked(trie, &sub->link), ERR_INVALID);
        xfree(sub);
        add(literal);
        assert_int_equal(reached(literal), 1);
        add(wild);
        add("x.>");
        assert_int_equal(reached(literal), 3);
        assert_int_equal(reached(over), 1);
        drop_all();
        xfree(literal);
        xfree(wild);
        xfree(over);
}

/* Runs of 31 tokens and more share a bit. */
static void test_long_runs(void **state)
{
        for (size_t n = 28; n < 40; n++) {
                char *text = long_subject(n, false), pattern[128];
                add(text);
                snprintf(pattern, sizeof(pattern), "%s.*.y", text);
                add(pattern);
                snprintf(pattern, sizeof(pattern), "%s.y.>", text);
                add(pattern);
                xfree(text);
        }
        for (size_t n = 28; n < 40; n++) {
                char *text = long_subject(n, false), subject[128];
                assert_int_equal(reached(text), 1);
                snprintf(subject, sizeof(subject), "%s.y.y", text);
                assert_int_equal(reached(subject), 2);
                xfree(text);
        }
        drop_all();
}

static void test_removal_prunes(void **state)
{
        static const char *const patterns[] = { "a.b.c.d.e.f", "a.b.c.d.e.*", "a.b.*.d.e.>", "*",
                ">", "*.*.*.*", "a.*.b.*.c.*", "a.*.b.*.c.*.d", "a.*.b.*", "a.*", "a.*.>" };
        struct test_sub *subs[ARRAY_N(patterns)];
        struct trie_stats stats;
        uint64_t bytes = trie_bytes();
        /* In the order of insertion, and against it. */
        for (size_t round = 0; round < 2; round++) {
                for (size_t i = 0; i < ARRAY_N(patterns); i++)
                        subs[i] = add(patterns[i]);
                trie_stats(trie, &stats);
                assert_int_equal(stats.subscriptions, ARRAY_N(patterns));
                assert_int_equal(stats.nodes, 1 + 3 + 3); /* a.b.* | * of *.*.*.* | a.* */
                assert_true(stats.bytes > bytes);
                for (size_t i = 0; i < ARRAY_N(patterns); i++)
                        drop(subs[round == 0 ? i : ARRAY_N(patterns) - 1 - i]);
                trie_stats(trie, &stats);
                assert_int_equal(stats.subscriptions, 0);
                assert_int_equal(stats.nodes, 0);
                assert_int_equal(stats.bytes, bytes);
        }
        assert_int_equal(stats.inserts, 2 * ARRAY_N(patterns));
        assert_int_equal(stats.removes, 2 * ARRAY_N(patterns));
}

static void test_node_stays_while_something_hangs_on_it(void **state)
{
        struct test_sub *inner = add("a.*"), *outer = add("a.*.b");
        drop(inner);
        assert_int_equal(reached("a.x"), 0);
        assert_int_equal(reached("a.x.b"), 1);
        inner = add("a.*");
        drop(outer);
        assert_int_equal(reached("a.x"), 1);
        assert_int_equal(reached("a.x.b"), 0);
        drop(inner);
}

static void test_same_subject_many_times(void **state)
{
        static const char *const subjects[] = { "a.b", "a.*", "a.>" };
        for (size_t s = 0; s < ARRAY_N(subjects); s++) {
                struct test_sub *subs[5];
                for (size_t i = 0; i < ARRAY_N(subs); i++)
                        subs[i] = add(subjects[s]);
                assert_int_equal(reached("a.b"), 5);
                drop(subs[0]); /* first, middle, last */
                drop(subs[2]);
                drop(subs[1]);
                assert_int_equal(reached("a.b"), 2);
                assert_ptr_not_equal(match.links[0], match.links[1]);
                drop(subs[4]);
                assert_int_equal(reached("a.b"), 1);
                assert_ptr_equal(match.links[0], &subs[3]->link);
                drop(subs[3]);
                assert_int_equal(reached("a.b"), 0);
        }
}

static void test_plain_links_lie_by_shelf(void **state)
{
        static const uint16_t shelves[] = { 7, 0, 3, 7, 0, 7, 255 };
        for (size_t i = 0; i < ARRAY_N(shelves); i++)
                add_full(i % 2 ? "a.*" : "a.b", "", shelves[i]);
        assert_int_equal(reached("a.b"), 7);
        assert_int_equal(match.plain_n, 7);
        assert_int_equal(match.group_n, 0);
        static const struct match_shelf want[] = { { 0, 2, 0 }, { 2, 1, 3 }, { 3, 3, 7 },
                { 6, 1, 255 } };
        assert_int_equal(match.shelf_n, ARRAY_N(want));
        for (size_t i = 0; i < ARRAY_N(want); i++) {
                assert_int_equal(match.shelves[i].first, want[i].first);
                assert_int_equal(match.shelves[i].n, want[i].n);
                assert_int_equal(match.shelves[i].shelf, want[i].shelf);
                for (uint32_t k = 0; k < want[i].n; k++)
                        assert_int_equal(match.links[want[i].first + k]->shelf, want[i].shelf);
        }
        drop_all();
}

static const struct match_group *group_named(const char *name)
{
        for (uint32_t i = 0; i < match.group_n; i++) {
                if (slice_eq_str(match_group_name(&match, &match.groups[i]), name))
                        return &match.groups[i];
        }
        fail_msg("no group %s", name);
        return NULL;
}

static void test_queue_groups_span_patterns(void **state)
{
        add("foo.bar");
        add_full("foo.bar", "one", 1);
        add_full("foo.*", "one", 2);
        add_full("foo.>", "one", 3);
        add_full("foo.>", "two", 3);
        add_full("foo.baz", "two", 3);
        assert_int_equal(reached("foo.bar"), 5);
        assert_int_equal(match.plain_n, 1);
        assert_int_equal(match.group_n, 2);
        assert_int_equal(group_named("one")->n, 3);
        assert_int_equal(group_named("two")->n, 1);
        for (uint32_t i = 0; i < match.group_n; i++) {
                const struct match_group *group = &match.groups[i];
                assert_true(group->first >= match.plain_n);
                for (uint32_t k = 0; k < group->n; k++)
                        assert_true(slice_eq(trie_link_queue(match.links[group->first + k]),
                                match_group_name(&match, group)));
        }
        assert_int_equal(reached("foo.baz"), 4);
        assert_int_equal(match.plain_n, 0);
        assert_int_equal(match.shelf_n, 0);
        assert_int_equal(group_named("two")->n, 2);
        drop_all();
}

static void test_many_groups(void **state)
{
        char name[16];
        for (size_t i = 0; i < 3000; i++) {
                snprintf(name, sizeof(name), "q%zu", i % 1000);
                add_full(i % 2 ? "foo" : "*", name, 0);
        }
        assert_int_equal(reached("foo"), 3000);
        assert_int_equal(match.group_n, 1000);
        for (uint32_t i = 0; i < match.group_n; i++)
                assert_int_equal(match.groups[i].n, 3);
        drop_all();
}

static void test_generation_moves_per_shard(void **state)
{
        struct slice orders = SLICE_LIT("orders.new"), inbox = SLICE_LIT("_INBOX.x");
        rcu_enter();
        struct trie_generation orders_at = trie_generation_rcu(trie, orders);
        struct trie_generation inbox_at = trie_generation_rcu(trie, inbox);
        struct test_sub *sub = add("_INBOX.x");
        struct trie_generation inbox_then = trie_generation_rcu(trie, inbox);
        assert_true(inbox_then.shard > inbox_at.shard);
        assert_int_equal(inbox_then.wild, inbox_at.wild);
        drop(sub);
        assert_true(trie_generation_rcu(trie, inbox).shard > inbox_then.shard);
        sub = add("*.new");
        assert_true(trie_generation_rcu(trie, orders).wild > orders_at.wild);
        drop(sub);
        rcu_exit();
}

struct walk {
        size_t seen, new_n;
        bool grow;
};

/* Counts, and in the middle of the walk makes the tables grow. */
static bool on_link(void *ctx, struct trie_link *link)
{
        struct walk *walk = ctx;
        struct test_sub *sub = CONTAINER_OF(link, struct test_sub, link);
        char subject[32];
        if (walk->grow && walk->seen == 10) {
                for (size_t i = 0; i < 5000; i++) {
                        snprintf(subject, sizeof(subject), "one.new.%zu%s", i, i % 3 ? "" : ".*");
                        add(subject);
                }
        }
        assert_false(sub->seen);
        sub->seen = true;
        if (strncmp(trie_link_text(link), "one.old", 7) == 0)
                walk->seen++;
        else
                walk->new_n++;
        return true;
}

static void test_resize_during_a_walk(void **state)
{
        char subject[32];
        for (size_t i = 0; i < 1000; i++) {
                snprintf(subject, sizeof(subject), "one.old.%zu%s", i, i % 3 ? "" : ".>");
                add(subject);
        }
        struct walk walk = { .grow = true };
        rcu_enter();
        trie_walk_rcu(trie, on_link, &walk);
        rcu_exit();
        assert_int_equal(walk.seen, 1000);
        assert_int_equal(trie_count(trie), 6000);
        drop_all();
}

/* Drops all but every tenth of these, in the middle of the walk. */
struct shrink {
        struct test_sub *subs[5000];
        size_t visited;
};

static bool on_shrinking(void *ctx, struct trie_link *link)
{
        struct shrink *shrink = ctx;
        struct test_sub *sub = CONTAINER_OF(link, struct test_sub, link);
        assert_false(sub->seen);
        sub->seen = true;
        if (++shrink->visited == 100) {
                for (size_t i = 0; i < ARRAY_N(shrink->subs); i++)
                        if (i % 10 != 0)
                                drop(shrink->subs[i]);
        }
        return true;
}

static void test_a_walk_sees_those_that_stay_once(void **state)
{
        static struct shrink shrink;
        char subject[32];
        for (size_t i = 0; i < ARRAY_N(shrink.subs); i++) {
                snprintf(subject, sizeof(subject), "one.%zu", i);
                shrink.subs[i] = add(subject);
        }
        rcu_enter();
        trie_walk_rcu(trie, on_shrinking, &shrink);
        rcu_exit();
        for (size_t i = 0; i < ARRAY_N(shrink.subs); i += 10)
                assert_true(shrink.subs[i]->seen);
        drop_all();
}

/* Enough for a table of several parts, of which less and less is left. */
static void test_many_in_one_shard(void **state)
{
        enum { N = 60000, STEPS = 6 };
        static struct test_sub *subs[N];
        char subject[32];
        uint64_t bytes = trie_bytes();
        for (size_t i = 0; i < N; i++) {
                snprintf(subject, sizeof(subject), "one.%zu", i);
                subs[i] = add(subject);
                assert_true(i < 1000 || trie_bytes() - bytes < i * 64);
        }
        for (size_t step = 1; step <= STEPS; step++) {
                size_t left = 0;
                for (size_t i = 0; i < N; i++) {
                        if (subs[i] != NULL && i % ((size_t)1 << 2 * step) != 0) {
                                drop(subs[i]);
                                subs[i] = NULL;
                        }
                        snprintf(subject, sizeof(subject), "one.%zu", i);
                        assert_int_equal(reached(subject), subs[i] != NULL);
                        left += subs[i] != NULL;
                }
                assert_int_equal(trie_count(trie), left);
                assert_true(trie_bytes() - bytes <= left * 300 + N * 2); /* the index stays */
        }
        drop_all();
        assert_int_equal(trie_bytes(), bytes);
}

static void test_grow_and_shrink(void **state)
{
        enum { N = 20000 };
        static struct test_sub *subs[N];
        char subject[32];
        uint64_t bytes = trie_bytes();
        for (size_t i = 0; i < N; i++) {
                snprintf(subject, sizeof(subject), "t%zu.%zu", i % 100, i);
                subs[i] = add(subject);
        }
        uint64_t full = trie_bytes() - bytes;
        assert_in_range(full / N, 12, 40);
        for (size_t i = 0; i < N; i++) {
                if (i % 20 != 0)
                        drop(subs[i]);
        }
        assert_true(trie_bytes() - bytes < full / 4);
        for (size_t i = 0; i < N; i++) {
                snprintf(subject, sizeof(subject), "t%zu.%zu", i % 100, i);
                assert_int_equal(reached(subject), i % 20 == 0);
        }
        for (size_t i = 0; i < N; i += 20)
                drop(subs[i]);
        assert_int_equal(trie_bytes(), bytes);
}

/* The random run: a small deterministic generator, a list of what is in, brute force. */
#define LIVE_MAX 600
static struct test_sub *live[LIVE_MAX];
static size_t live_n;
static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
        random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(((random_state >> 33) * below) >> 31);
}

/* 1 to 5 tokens; now and then a number, a wildcard inside a word, or (literals) an empty token. */
static void random_subject(char *dst, size_t size, bool pattern)
{
        static const char *const words[] = { "a", "b", "c", "dd", "eee", "*", ">", "*", "a*", "" };
        size_t n = 1 + next_random(5), len = 0;
        dst[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                const char *word = words[next_random(i == 0 ? 6 : ARRAY_N(words))];
                const char *dot = i > 0 ? "." : "";
                if (next_random(8) == 0)
                        len += (size_t)snprintf(
                                dst + len, size - len, "%s%u", dot, next_random(50));
                else if (!pattern && (*word == '*' || *word == '>') && next_random(4) > 0)
                        len += (size_t)snprintf(dst + len, size - len, "%sb", dot);
                else if (*word != '\0' || next_random(10) == 0)
                        len += (size_t)snprintf(dst + len, size - len, "%s%s", dot, word);
                if (pattern && *word == '>')
                        break;
        }
}

static void random_insert(void)
{
        char subject[128];
        static const char *const queues[] = { "", "", "q", "workers", "q2" };
        random_subject(subject, sizeof(subject), true);
        struct test_sub *sub =
                sub_new(subject, queues[next_random(ARRAY_N(queues))], (uint16_t)next_random(4));
        int err = trie_insert_locked(trie, &sub->link);
        assert_int_equal(err == 0, subject_is_valid(slice_str(subject)));
        if (err == 0)
                live[live_n++] = sub;
        else
                xfree(sub);
}

static void random_remove(void)
{
        size_t i = next_random((uint32_t)live_n);
        drop(live[i]);
        live[i] = live[--live_n];
}

/* Every link of links[first .. first + n) is one that the subject should reach, and not seen yet.
 */
static void check_links(struct slice subject, uint32_t first, uint32_t n)
{
        for (uint32_t i = first; i < first + n; i++) {
                struct test_sub *sub = CONTAINER_OF(match.links[i], struct test_sub, link);
                assert_false(sub->seen);
                assert_true(subject_matches(subject, trie_link_subject(&sub->link)));
                sub->seen = true;
        }
}

static void check_shape(struct slice subject)
{
        uint32_t at = 0;
        for (uint32_t i = 0; i < match.shelf_n; i++) {
                const struct match_shelf *shelf = &match.shelves[i];
                assert_true(shelf->n > 0 && shelf->first == at);
                assert_true(i == 0 || match.shelves[i - 1].shelf < shelf->shelf);
                for (uint32_t k = 0; k < shelf->n; k++)
                        assert_int_equal(match.links[at + k]->shelf, shelf->shelf);
                check_links(subject, shelf->first, shelf->n);
                at += shelf->n;
        }
        assert_int_equal(at, match.plain_n);
        for (uint32_t i = 0; i < match.group_n; i++) {
                const struct match_group *group = &match.groups[i];
                struct slice name = match_group_name(&match, group);
                assert_true(group->n > 0 && group->first == at && name.len > 0);
                for (uint32_t k = 0; k < i; k++)
                        assert_false(slice_eq(name, match_group_name(&match, &match.groups[k])));
                for (uint32_t k = 0; k < group->n; k++)
                        assert_true(slice_eq(name, trie_link_queue(match.links[at + k])));
                check_links(subject, group->first, group->n);
                at += group->n;
        }
        assert_int_equal(at, match.link_n);
}

static void random_match(void)
{
        char subject[128];
        random_subject(subject, sizeof(subject), false);
        reached(subject);
        check_shape(slice_str(subject));
        for (size_t i = 0; i < live_n; i++) {
                if (subject_matches(slice_str(subject), trie_link_subject(&live[i]->link)) !=
                        live[i]->seen)
                        fail_msg("%s and %.*s", subject,
                                SLICE_ARG(trie_link_subject(&live[i]->link)));
                live[i]->seen = false;
        }
}

static void test_random_against_brute_force(void **state)
{
        static const uint64_t seeds[] = { 1, 20260821, 0x9e3779b97f4a7c15ULL };
        uint64_t bytes = trie_bytes();
        for (size_t s = 0; s < ARRAY_N(seeds); s++) {
                random_state = seeds[s];
                size_t target = 0;
                for (size_t op = 0; op < 120000; op++) {
                        if (op % 1000 == 0)
                                target = next_random(LIVE_MAX - 100);
                        bool grow = next_random(100) < (live_n < target ? 70U : 30U);
                        if (grow && live_n < LIVE_MAX)
                                random_insert();
                        else if (live_n > 0)
                                random_remove();
                        if (op % 3 == 0)
                                random_match();
                        assert_int_equal(trie_count(trie), live_n);
                }
                while (live_n > 0)
                        random_remove();
                assert_int_equal(trie_bytes(), bytes);
        }
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

#define TRIE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TRIE_TEST(test_link_is_small),
                TRIE_TEST(test_literal_matching),
                TRIE_TEST(test_partial_wildcard),
                TRIE_TEST(test_full_wildcard),
                TRIE_TEST(test_wildcard_token_of_a_publish_is_ordinary),
                TRIE_TEST(test_wildcard_characters_inside_tokens_are_literals),
                TRIE_TEST(test_two_token_publish_misses_one_token_subscription),
                TRIE_TEST(test_empty_tokens_never_match),
                TRIE_TEST(test_invalid_subjects_are_refused),
                TRIE_TEST(test_longest_subjects),
                TRIE_TEST(test_long_runs),
                TRIE_TEST(test_removal_prunes),
                TRIE_TEST(test_node_stays_while_something_hangs_on_it),
                TRIE_TEST(test_same_subject_many_times),
                TRIE_TEST(test_plain_links_lie_by_shelf),
                TRIE_TEST(test_queue_groups_span_patterns),
                TRIE_TEST(test_many_groups),
                TRIE_TEST(test_generation_moves_per_shard),
                TRIE_TEST(test_resize_during_a_walk),
                TRIE_TEST(test_a_walk_sees_those_that_stay_once),
                TRIE_TEST(test_many_in_one_shard),
                TRIE_TEST(test_grow_and_shrink),
                TRIE_TEST(test_random_against_brute_force),
        };
        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
