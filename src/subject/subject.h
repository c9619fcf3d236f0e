/* SPDX-License-Identifier: Apache-2.0 */
/* subject.h: the algebra of subjects.
 * A subject is tokens joined by '.'. A token that is exactly "*" stands for one token, one that is
 * exactly ">" and last for one or more; "foo*" and "f>o" are ordinary tokens.
 * Nothing here allocates or keeps a slice; every function may run on any thread. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes before the first '.', or all. Tokens are short: a call of memchr() costs more than the search. */
static inline size_t subject_dot_(struct slice s)
{
        size_t at = 0;
        for (; s.len - at >= 8; at += 8) {
                uint64_t word, dots;
                memcpy(&word, s.ptr + at, sizeof word);
                word ^= UINT64_C(0x2e2e2e2e2e2e2e2e);
                dots = (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
                if (dots == 0)
                        continue;
                while (s.ptr[at] != '.')
                        at++;
                return at;
        }
        while (at < s.len && s.ptr[at] != '.')
                at++;
        return at;
}

/* Walk over tokens: for (struct slice rest = subject, token; subject_next(&rest, &token);)
 * Empty tokens are handed out too; an empty subject is one empty token. After the last token
 * rest->ptr is NULL. */
static inline bool subject_next(struct slice *rest, struct slice *token)
{
        if (rest->ptr == NULL)
                return false;
        size_t len = subject_dot_(*rest);
        *token = slice_of(rest->ptr, len);
        *rest = len == rest->len ? SLICE_NULL : slice_of(rest->ptr + len + 1, rest->len - len - 1);
        return true;
}

/* Dots + 1; 0 for an empty subject. */
size_t subject_token_n(struct slice subject);

/* What SUB accepts: no empty token, ">" only last. */
bool subject_is_valid(struct slice subject);

/* What configuration and API accept: subject_is_valid() and no blank (space, TAB, LF, FF, CR). */
bool subject_is_valid_text(struct slice subject);

/* No token is a wildcard. Says nothing about validity. */
bool subject_is_literal(struct slice subject);

/* What pedantic mode wants of PUB: no empty token, no wildcard token. */
bool subject_is_valid_literal(struct slice subject);

/* Does a message with this subject reach a subscription of this pattern?
 * A wildcard token in `literal` is an ordinary token; a subject with an empty token matches
 * nothing. pattern must satisfy subject_is_valid(). */
bool subject_matches(struct slice literal, struct slice pattern);

/* Is all that pattern a can match also matched by pattern b? Both valid; false when one is not. */
bool subject_is_subset(struct slice a, struct slice b);

/* Is there a literal that both patterns match? Both valid; false when one is not. */
bool subject_collides(struct slice a, struct slice b);
