/* SPDX-License-Identifier: Apache-2.0 */
/* subject_test.c: tables of subjects, and every pair of a small universe against its meaning. */
#include "base/macros.h"
#include "subject/subject.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

struct subject_case {
        const char *text;
        bool valid, valid_text, literal, valid_literal;
        size_t token_n;
};

static const struct subject_case subject_cases[] = {
        { "", false, false, true, false, 0 },
        { ".", false, false, true, false, 2 },
        { "foo", true, true, true, true, 1 },
        { "foo.bar", true, true, true, true, 2 },
        { ".foo", false, false, true, false, 2 },
        { "foo.", false, false, true, false, 2 },
        { "foo..bar", false, false, true, false, 3 },
        { "foo.bar..baz", false, false, true, false, 4 },
        { ">.bar", false, false, false, false, 2 },
        { "foo.>.bar", false, false, false, false, 3 },
        { "*", true, true, false, false, 1 },
        { ">", true, true, false, false, 1 },
        { "foo.*", true, true, false, false, 2 },
        { "foo.>", true, true, false, false, 2 },
        { "foo.*.>", true, true, false, false, 3 },
        { "foo.*.bar", true, true, false, false, 3 },
        { "foo.bar.*", true, true, false, false, 3 },
        { "foo.bar.>", true, true, false, false, 3 },
        { "*.*.*", true, true, false, false, 3 },
        { "foo*", true, true, true, true, 1 },
        { "foo**", true, true, true, true, 1 },
        { "foo.**", true, true, true, true, 2 },
        { "foo*bar", true, true, true, true, 1 },
        { "foo.*bar", true, true, true, true, 2 },
        { "foo*.bar", true, true, true, true, 2 },
        { "*bar", true, true, true, true, 1 },
        { "foo>", true, true, true, true, 1 },
        { "foo>>", true, true, true, true, 1 },
        { "foo.>>", true, true, true, true, 2 },
        { "foo>bar", true, true, true, true, 1 },
        { "foo.>bar", true, true, true, true, 2 },
        { "foo>.bar", true, true, true, true, 2 },
        { ">bar", true, true, true, true, 1 },
        { "foo bar", true, false, true, true, 1 },
        { "foo.\t", true, false, true, true, 2 },
        { "foo.b\fr", true, false, true, true, 2 },
        { "\r.foo", true, false, true, true, 2 },
        { "foo.a\nb", true, false, true, true, 2 },
        { "\xc3\xa9.\xff", true, true, true, true, 2 },
};

static void test_valid_and_literal_rules(void **state)
{
        for (size_t i = 0; i < ARRAY_N(subject_cases); i++) {
                const struct subject_case *c = &subject_cases[i];
                struct slice s = slice_str(c->text);
                if (subject_is_valid(s) != c->valid || subject_is_valid_text(s) != c->valid_text ||
                        subject_is_literal(s) != c->literal ||
                        subject_is_valid_literal(s) != c->valid_literal ||
                        subject_token_n(s) != c->token_n)
                        fail_msg("row %zu: \"%s\"", i, c->text);
        }
}

static void test_next_hands_out_every_token(void **state)
{
        static const char *const want[] = { "a", "", "bc", "" };
        struct slice rest = SLICE_LIT("a..bc."), token = SLICE_NULL;
        for (size_t i = 0; i < ARRAY_N(want); i++) {
                assert_true(subject_next(&rest, &token));
                assert_true(slice_eq_str(token, want[i]));
        }
        assert_null(rest.ptr);
        assert_false(subject_next(&rest, &token));
}

struct pair_case {
        const char *a, *b;
        bool yes;
};

static const struct pair_case match_cases[] = {
        { "foo", "foo", true },
        { "foo", "bar", false },
        { "foo", "foo.bar", false },
        { "foo.bar", "foo", false },
        { "foo", "*", true },
        { "foo.bar", "*", false },
        { "foo", ">", true },
        { "foo.bar.baz", ">", true },
        { "foo", "foo.>", false },
        { "foo.bar", "foo.>", true },
        { "foo.bar", "foo.*", true },
        { "foo.bar.baz", "foo.*.baz", true },
        { "foo.bar.baz", "foo.*", false },
        { "foo.bar.baz", "*.bar.>", true },
        { "foo.*", "foo.*", true },
        { "foo.*", "foo.>", true },
        { "foo.*", "foo.bar", false },
        { "foo.>", "foo.>", true },
        { "foo.>", "foo.bar", false },
        { "foo.bar", "foo.*-", false },
        { "foo.*-", "foo.*-", true },
        { "foo.>-", "foo.>-", true },
        { "foo.*-", "foo.*", true },
        { "fo", "foo", false },
        { "", ">", false },
        { ".foo", ">", false },
        { "foo.", ">", false },
        { "foo..bar", ">", false },
        { "foo..bar", "foo.>", false },
        { "foo..bar", "foo.*.bar", false },
        { "foo.", "foo.*", false },
        { ".", "*.*", false },
        { ".foo", "*.foo", false },
        { "foo.a..b", "foo.>", false },
};

static void test_matches(void **state)
{
        for (size_t i = 0; i < ARRAY_N(match_cases); i++) {
                const struct pair_case *c = &match_cases[i];
                if (subject_matches(slice_str(c->a), slice_str(c->b)) != c->yes)
                        fail_msg("row %zu: \"%s\" on \"%s\"", i, c->a, c->b);
        }
}

static const struct pair_case subset_cases[] = {
        { "foo.bar", "foo.bar", true },
        { "foo.*", ">", true },
        { "foo.*", "*.*", true },
        { "foo.*", "foo.*", true },
        { "foo.*", "foo.bar", false },
        { "foo.>", ">", true },
        { "foo.>", "*.>", true },
        { "foo.>", "foo.>", true },
        { "foo.>", "foo.bar", false },
        { "foo.>", "foo.*", false },
        { "foo.*", "foo.>", true },
        { "foo", "foo.>", false },
        { "foo.bar.baz", "foo.*", false },
        { "foo.*.baz", "foo.>", true },
        { "foo..bar", "foo.*", false },
        { "foo.*", "foo..bar", false },
        { "", ">", false },
};

static void test_subset(void **state)
{
        for (size_t i = 0; i < ARRAY_N(subset_cases); i++) {
                const struct pair_case *c = &subset_cases[i];
                if (subject_is_subset(slice_str(c->a), slice_str(c->b)) != c->yes)
                        fail_msg("row %zu: \"%s\" in \"%s\"", i, c->a, c->b);
        }
}

static const struct pair_case collide_cases[] = {
        { "foo.*", "foo.*.bar.>", false },
        { "foo.*", "foo.foo", true },
        { "foo.*", "*.foo", true },
        { "foo.bar.>", "*.bar.foo", true },
        { "foo", "foo", true },
        { "foo", "bar", false },
        { "foo", "foo.>", false },
        { "foo.>", "foo.bar.>", true },
        { "foo.>", "*.*.*.x", true },
        { "foo.*.x", "foo.y.*", true },
        { "foo.*.x", "foo.*.y", false },
        { ">", "a.b.c", true },
        { "foo..bar", "foo.>", false },
        { "foo..bar", "foo..bar", false },
};

static void test_collide(void **state)
{
        for (size_t i = 0; i < ARRAY_N(collide_cases); i++) {
                const struct pair_case *c = &collide_cases[i];
                struct slice a = slice_str(c->a), b = slice_str(c->b);
                if (subject_collides(a, b) != c->yes || subject_collides(b, a) != c->yes)
                        fail_msg("row %zu: \"%s\" and \"%s\"", i, c->a, c->b);
        }
}

/* Subject number i over the alphabet a b * >, of 1 to 4 tokens. */
#define UNIVERSE (4 + 16 + 64 + 256)

static struct slice universe_subject(size_t i, char *dst)
{
        size_t n = 1, block = 4, len = 0;
        for (; i >= block; n++, block *= 4)
                i -= block;
        for (size_t t = 0; t < n; t++, i /= 4) {
                if (t > 0)
                        dst[len++] = '.';
                dst[len++] = "ab*>"[i % 4];
        }
        return slice_of(dst, len);
}

/* Subset and collision are defined by what literals of a, b and a third token show. A literal that
 * is one token longer than the longest pattern shows what '>' does. */
static void test_relations_agree_with_matching(void **state)
{
        static char literal_text[3 + 9 + 27 + 81 + 243][16];
        size_t literal_n = 0;
        for (size_t n = 1, block = 3; n <= 5; n++, block *= 3) {
                for (size_t i = 0; i < block; i++) {
                        size_t value = i;
                        char *at = literal_text[literal_n++];
                        for (size_t t = 0; t < n; t++, value /= 3) {
                                at[2 * t] = "abc"[value % 3];
                                at[2 * t + 1] = t + 1 < n ? '.' : '\0';
                        }
                }
        }
        char text_a[16], text_b[16];
        for (size_t i = 0; i < UNIVERSE; i++) {
                struct slice a = universe_subject(i, text_a);
                if (!subject_is_valid(a))
                        continue;
                for (size_t j = 0; j < UNIVERSE; j++) {
                        struct slice b = universe_subject(j, text_b);
                        if (!subject_is_valid(b))
                                continue;
                        bool subset = true, collide = false;
                        for (size_t k = 0; k < literal_n; k++) {
                                bool on_a = subject_matches(slice_str(literal_text[k]), a);
                                bool on_b = subject_matches(slice_str(literal_text[k]), b);
                                subset = subset && (!on_a || on_b);
                                collide = collide || (on_a && on_b);
                        }
                        if (subject_is_subset(a, b) != subset || subject_collides(a, b) != collide)
                                fail_msg("%.*s and %.*s", SLICE_ARG(a), SLICE_ARG(b));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_valid_and_literal_rules),
                cmocka_unit_test(test_next_hands_out_every_token),
                cmocka_unit_test(test_matches),
                cmocka_unit_test(test_subset),
                cmocka_unit_test(test_collide),
                cmocka_unit_test(test_relations_agree_with_matching),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
