/* SPDX-License-Identifier: Apache-2.0 */
/* slice.h: a borrowed view of bytes. Never owns, never NUL-terminated; ptr may be NULL when len is 0. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
        const char *ptr;
        size_t len;
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
#define SLICE_LIT(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
/* For printf: printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct slice slice_of(const char *ptr, size_t len)
{
        return (struct slice){ ptr, len };
}

static inline struct slice slice_str(const char *text)
{
        return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *text)
{
        return slice_eq(a, slice_str(text));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
        return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* ASCII case-insensitive equality, as NATS and HTTP compare names. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Decimal digits only, 1 to max_digits of them; false leaves *out untouched. */
bool slice_to_u64(struct slice s, size_t max_digits, unsigned long long *out);

/* FNV-1a style mix with a per-process random seed, so that peers cannot aim at buckets. */
unsigned slice_hash(struct slice s);
