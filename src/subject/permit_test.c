/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: random lists of allow and deny, random subscriptions and queues over a small world of
 * tokens, every answer compared with rules applied one by one, and every delivery with the messages that
 * the rules forbid (security-lessons.md: overlapping wildcards, queue against plain, queue patterns). */
#include "subject/permit.h"
#include "base/macros.h"
#include "base/rcu.h"
#include "subject/subject.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT_SIZE = 40, LIST_MAX = 5, DEPTH = 3 };

static uint64_t state_of_random = 20260729;

static unsigned below(unsigned n)
{
        state_of_random = state_of_random * 6364136223846793005ULL + 1442695040888963407ULL;
        return (unsigned)((state_of_random >> 33) % n);
}

/* ---- rules one by one -------------------------------------------------------------------- */

struct rule {
        char subject[TEXT_SIZE], queue[TEXT_SIZE], text[2 * TEXT_SIZE + 2];
};

struct rules {
        struct rule at[LIST_MAX];
        const char *texts[LIST_MAX];
        int n;
};

static bool covers(const struct rule *rule, const char *subject)
{
        return subject_matches(slice_str(subject), slice_str(rule->subject));
}

/* Names of queues in this world are literals without empty tokens, or wildcards that a literal comparison
 * decides; so "part of the pattern" is matching. */
static bool same_queue(const struct rule *rule, const char *queue)
{
        return strcmp(rule->queue, queue) == 0 ||
               (subject_is_literal(slice_str(queue)) &&
                       subject_matches(slice_str(queue), slice_str(rule->queue)));
}

static bool denied(const struct rules *deny, const char *subject, const char *queue)
{
        for (int i = 0; i < deny->n; i++) {
                if (!covers(&deny->at[i], subject))
                        continue;
                if (deny->at[i].queue[0] == '\0' || (queue[0] && same_queue(&deny->at[i], queue)))
                        return true;
        }
        return false;
}

static bool allowed(const struct rules *allow, const char *subject, const char *queue)
{
        bool plain = allow->n == 0, queued = false, mine = false;
        for (int i = 0; i < allow->n; i++) {
                if (!covers(&allow->at[i], subject))
                        continue;
                if (allow->at[i].queue[0] == '\0')
                        plain = true;
                else
                        queued = true;
                if (allow->at[i].queue[0] && queue[0] && same_queue(&allow->at[i], queue))
                        mine = true;
        }
        return queue[0] && queued ? mine : plain;
}

/* ---- a random world ---------------------------------------------------------------------- */

static void random_subject(char *dst, bool wild)
{
        static const char *const tokens[] = { "a", "b", "*" };
        unsigned n = 1 + below(DEPTH);
        dst[0] = '\0';
        for (unsigned i = 0; i < n; i++) {
                const char *token = tokens[below(wild ? 3 : 2)];
                if (wild && i + 1 == n && below(4) == 0)
                        token = ">";
                snprintf(dst + strlen(dst), TEXT_SIZE - strlen(dst), "%s%s", i ? "." : "", token);
        }
}

static void random_queue(char *dst, bool pattern)
{
        static const char *const names[] = { "q", "v.a", "v.b", "w" };
        static const char *const patterns[] = { "v.*", "v.>", ">", "*" };
        snprintf(dst, TEXT_SIZE, "%s", pattern && below(2) ? patterns[below(4)] : names[below(4)]);
}

static void random_rules(struct rules *rules, bool queues)
{
        *rules = (struct rules){ .n = (int)below(LIST_MAX + 1) };
        for (int i = 0; i < rules->n; i++) {
                struct rule *rule = &rules->at[i];
                random_subject(rule->subject, true);
                if (queues && below(3) == 0)
                        random_queue(rule->queue, true);
                char text[sizeof rule->text];
                snprintf(text, sizeof text, "%s%s%s", rule->subject, rule->queue[0] ? " " : "",
                        rule->queue);
                memcpy(rule->text, text, sizeof text);
                rules->texts[i] = rule->text;
        }
}

static struct permit_list list_of(const struct rules *rules)
{
        return (struct permit_list){ rules->texts, rules->n };
}

/* Every literal subject of the world. */
static const char *nth_message(unsigned n)
{
        static char text[TEXT_SIZE];
        unsigned depth = n < 2 ? 1 : n < 6 ? 2 : 3;
        n -= depth == 1 ? 0 : depth == 2 ? 2 : 6;
        text[0] = '\0';
        for (unsigned i = 0; i < depth; i++, n /= 2)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c", i ? "." : "",
                        n % 2 ? 'b' : 'a');
        return text;
}

enum { MESSAGE_N = 2 + 4 + 8 };

static void check_publish(const struct permit *permit, const struct rules *allow,
        const struct rules *deny, bool closed)
{
        for (unsigned m = 0; m < MESSAGE_N; m++) {
                const char *subject = nth_message(m);
                bool may = (closed && allow->n == 0 ? false : allowed(allow, subject, "")) &&
                           !denied(deny, subject, "");
                assert_int_equal(permit_can_publish(permit, slice_str(subject)), may);
        }
}

static void check_subscription(const struct permit *permit, const struct rules *allow,
        const struct rules *deny, const char *subject, const char *queue)
{
        struct slice s = slice_str(subject), q = slice_str(queue);
        bool may = allowed(allow, subject, queue) && !denied(deny, subject, queue);
        assert_int_equal(permit_can_subscribe(permit, s, q), may);
        if (!may)
                return;
        for (unsigned m = 0; m < MESSAGE_N; m++) {
                struct slice message = slice_str(nth_message(m));
                if (!subject_matches(message, s))
                        continue;
                bool given =
                        !permit_must_filter(permit, s, q) || permit_can_deliver(permit, message, q);
                assert_int_equal(given, !denied(deny, nth_message(m), queue));
        }
}

static void agrees_with_brute_force(void **state)
{
        (void)state;
        for (int round = 0; round < 20000; round++) {
                struct rules pub_allow, pub_deny, sub_allow, sub_deny;
                char subject[TEXT_SIZE], queue[TEXT_SIZE] = "";
                random_rules(&pub_allow, false);
                random_rules(&pub_deny, false);
                random_rules(&sub_allow, true);
                random_rules(&sub_deny, true);
                const struct permit_rules rules = {
                        .publish_allow = list_of(&pub_allow),
                        .publish_deny = list_of(&pub_deny),
                        .subscribe_allow = list_of(&sub_allow),
                        .subscribe_deny = list_of(&sub_deny),
                        .closed = below(2),
                };
                struct permit *permit = permit_new(&rules);
                check_publish(permit, &pub_allow, &pub_deny, rules.closed);
                for (int i = 0; i < 8; i++) {
                        random_subject(subject, true);
                        check_subscription(permit, &sub_allow, &sub_deny, subject, "");
                        random_queue(queue, false);
                        check_subscription(permit, &sub_allow, &sub_deny, subject, queue);
                }
                permit_unref(permit);
        }
}

/* ---- cases by hand ----------------------------------------------------------------------- */

struct sub_case {
        const char *allow[3], *deny[3];
        const char *subject, *queue;
        bool may;
};

static struct permit_list list(const char *const *texts)
{
        int n = 0;
        while (n < 3 && texts[n])
                n++;
        return (struct permit_list){ texts, n };
}

static struct permit *permit_of(const char *const *allow, const char *const *deny)
{
        const struct permit_rules rules = {
                .subscribe_allow = list(allow),
                .subscribe_deny = list(deny),
        };
        return permit_new(&rules);
}

/* client-protocol 5.6, the table and what stands around it */
static const struct sub_case sub_cases[] = {
        { { "foo" }, { 0 }, "foo", "bar", true },
        { { "foo bar" }, { 0 }, "foo", "", false },
        { { "foo bar" }, { 0 }, "foo", "bar", true },
        { { "foo bar" }, { 0 }, "foo", "fizz", false },
        { { "foo", "foo v1" }, { 0 }, "foo", "v2", false },
        { { "foo", "foo v1" }, { 0 }, "foo", "", true },
        { { "foo", "foo v1.*" }, { 0 }, "foo", "v1.x", true },
        { { "foo", "foo v1.>" }, { 0 }, "foo", "v1.x.y", true },
        { { "> *.dev" }, { 0 }, "foo", "bar", false },
        { { "> *.dev" }, { 0 }, "foo", "a.dev", true },
        { { ">" }, { "> >" }, "foo", "", true },
        { { ">" }, { "> >" }, "foo", "bar", false },
        { { 0 }, { "foo" }, "foo", "bar", false },
        { { ">" }, { "admin.>", "> restricted" }, "admin.secret", "workers", false },
        { { ">" }, { "admin.>", "> restricted" }, "user.x", "restricted", false },
        { { ">" }, { "admin.>", "> restricted" }, "user.x", "workers", true },
        { { "foo.*" }, { 0 }, "foo.*", "", true },
        { { "foo.*" }, { 0 }, "foo.>", "", true }, /* looked up as a literal */
        { { "foo.bar" }, { 0 }, "foo.*", "", false },
        { { 0 }, { "foo.bar" }, "foo.*", "", true },
        { { 0 }, { "foo.*" }, "foo.>", "", false },
        { { 0 }, { "foo.>" }, "foo", "", true },
        { { "foo.>" }, { 0 }, "foo", "", false },
        { { ">" }, { 0 }, "a..b", "", false },
        { { ">" }, { 0 }, "", "", false },
        { { " foo \t bar " }, { 0 }, "foo", "bar", true },
        /* names of queues are any text: an empty token is no way around a pattern */
        { { 0 }, { "> v1.>" }, "foo", "v1..x", false },
        { { 0 }, { "> v1.>" }, "foo", "v1.", false },
        { { 0 }, { "> v1.>" }, "foo", "v1", true },
        { { 0 }, { "> v1.*" }, "foo", "v1.*", false },
        { { 0 }, { "> v1.*" }, "foo", "v1.>", true },
        { { 0 }, { "> *.x" }, "foo", "y.x", false },
};

static void follows_the_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_N(sub_cases); i++) {
                const struct sub_case *c = &sub_cases[i];
                struct permit *permit = permit_of(c->allow, c->deny);
                bool may = permit_can_subscribe(permit, slice_str(c->subject), slice_str(c->queue));
                if (may != c->may)
                        fail_msg("case %zu: %s %s", i, c->subject, c->queue);
                permit_unref(permit);
        }
}

static void filters_only_what_overlaps(void **state)
{
        static const char *const none[3] = { 0 };
        static const char *const deny[3] = { "foo.bar", "a.* q" };
        static const struct {
                const char *subject, *queue;
                bool filter;
        } cases[] = {
                { "foo.*", "", true },
                { "foo.*", "x", true },
                { "foo.baz", "", false },
                { "foo.baz", "q", false },
                { "bar.>", "", false },
                { "a.>", "", false },
                { "a.>", "q", true },
                { "a.>", "r", false },
                { ">", "", true },
        };
        (void)state;
        struct permit *permit = permit_of(none, deny);
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                assert_int_equal(permit_must_filter(permit, slice_str(cases[i].subject),
                                         slice_str(cases[i].queue)),
                        cases[i].filter);
        assert_false(permit_can_deliver(permit, SLICE_LIT("foo.bar"), SLICE_NULL));
        assert_true(permit_can_deliver(permit, SLICE_LIT("foo.baz"), SLICE_NULL));
        assert_false(permit_can_deliver(permit, SLICE_LIT("a.x"), SLICE_LIT("q")));
        assert_true(permit_can_deliver(permit, SLICE_LIT("a.x"), SLICE_NULL));
        permit_unref(permit);
}

static void publishes(void **state)
{
        static const char *const allow[] = { "foo", "bar.*" }, *const deny[] = { "bar.no" };
        const struct permit_rules limited = {
                .publish_allow = { allow, 2 },
                .publish_deny = { deny, 1 },
        };
        const struct permit_rules closed = { .closed = true };
        const struct permit_rules open = { .publish_deny = { deny, 1 } };
        static const struct {
                const char *subject;
                bool limited, open;
        } cases[] = {
                { "foo", true, true },
                { "fooo", false, true },
                { "bar", false, true },
                { "bar.x", true, true },
                { "bar.no", false, false },
                { "bar.*", true, true }, /* a literal here */
                { "bar.", false, true },
                { ".", false, true },
                { "", false, true },
                { "bar.x.y", false, true },
        };
        (void)state;
        struct permit *a = permit_new(&limited), *b = permit_new(&closed), *c = permit_new(&open);
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct slice subject = slice_str(cases[i].subject);
                assert_int_equal(permit_can_publish(a, subject), cases[i].limited);
                assert_int_equal(permit_can_publish(b, subject), false);
                assert_int_equal(permit_can_publish(c, subject), cases[i].open);
        }
        permit_unref(permit_ref(a));
        permit_unref(a);
        permit_unref(b);
        permit_unref(c);
        permit_unref(NULL);
}

/* Thousands of entries at one node stay sorted. */
static void holds_many_entries(void **state)
{
        enum { N = 3000 };
        static char texts[N][16];
        static const char *at[N];
        char other[16];
        (void)state;
        for (int i = 0; i < N; i++) {
                snprintf(texts[i], sizeof texts[i], "s.%d.x", (i * 7919) % N);
                at[i] = texts[i];
        }
        const struct permit_rules rules = { .publish_allow = { at, N } };
        struct permit *permit = permit_new(&rules);
        for (int i = 0; i < N; i++)
                assert_true(permit_can_publish(permit, slice_str(texts[i])));
        for (int i = N; i < 2 * N; i++) {
                snprintf(other, sizeof other, "s.%d.x", i);
                assert_false(permit_can_publish(permit, slice_str(other)));
        }
        permit_unref(permit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(follows_the_table),
                cmocka_unit_test(filters_only_what_overlaps),
                cmocka_unit_test(publishes),
                cmocka_unit_test(holds_many_entries),
                cmocka_unit_test(agrees_with_brute_force),
        };
        rcu_thread_start();
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        rcu_barrier_wait();
        rcu_thread_stop();
        return failed;
}
