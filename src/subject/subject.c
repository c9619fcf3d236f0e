/* SPDX-License-Identifier: Apache-2.0 */
/* subject.c: everything is one walk, token by token, over one subject or two in step. */
#include "subject/subject.h"

static bool is_star(struct slice token)
{
        return token.len == 1 && token.ptr[0] == '*';
}

static bool is_tail(struct slice token)
{
        return token.len == 1 && token.ptr[0] == '>';
}

static bool has_blank(struct slice s)
{
        for (size_t i = 0; i < s.len; i++) {
                switch (s.ptr[i]) {
                case ' ':
                case '\t':
                case '\n':
                case '\f':
                case '\r':
                        return true;
                default:
                        break;
                }
        }
        return false;
}

size_t subject_token_n(struct slice subject)
{
        size_t n = subject.len > 0;
        for (size_t i = 0; i < subject.len; i++)
                n += subject.ptr[i] == '.';
        return n;
}

bool subject_is_valid(struct slice subject)
{
        if (subject.len == 0)
                return false;
        bool ended = false;
        for (struct slice rest = subject, token; subject_next(&rest, &token);) {
                if (token.len == 0 || ended)
                        return false;
                ended = is_tail(token);
        }
        return true;
}

bool subject_is_valid_text(struct slice subject)
{
        return subject_is_valid(subject) && !has_blank(subject);
}

bool subject_is_literal(struct slice subject)
{
        for (struct slice rest = subject, token; subject_next(&rest, &token);) {
                if (is_star(token) || is_tail(token))
                        return false;
        }
        return true;
}

bool subject_is_valid_literal(struct slice subject)
{
        if (subject.len == 0)
                return false;
        for (struct slice rest = subject, token; subject_next(&rest, &token);) {
                if (token.len == 0 || is_star(token) || is_tail(token))
                        return false;
        }
        return true;
}

static bool has_empty_token(struct slice subject)
{
        for (struct slice rest = subject, token; subject_next(&rest, &token);) {
                if (token.len == 0)
                        return true;
        }
        return false;
}

bool subject_matches(struct slice literal, struct slice pattern)
{
        if (literal.len == 0 || pattern.len == 0)
                return false;
        struct slice have, want;
        while (subject_next(&pattern, &want)) {
                if (!subject_next(&literal, &have) || have.len == 0)
                        return false;
                if (is_tail(want))
                        return !has_empty_token(literal);
                if (!is_star(want) && !slice_eq(have, want))
                        return false;
        }
        return literal.ptr == NULL;
}

bool subject_is_subset(struct slice a, struct slice b)
{
        if (!subject_is_valid(a) || !subject_is_valid(b))
                return false;
        struct slice inner, outer;
        while (subject_next(&b, &outer)) {
                if (!subject_next(&a, &inner))
                        return false;
                if (is_tail(outer))
                        return true;
                if (is_tail(inner))
                        return false;
                if (!is_star(outer) && !slice_eq(inner, outer))
                        return false;
        }
        return a.ptr == NULL;
}

bool subject_collides(struct slice a, struct slice b)
{
        if (!subject_is_valid(a) || !subject_is_valid(b))
                return false;
        struct slice left, right;
        while (subject_next(&a, &left)) {
                if (!subject_next(&b, &right))
                        return false;
                if (is_tail(left) || is_tail(right))
                        return true;
                if (!is_star(left) && !is_star(right) && !slice_eq(left, right))
                        return false;
        }
        return b.ptr == NULL;
}
