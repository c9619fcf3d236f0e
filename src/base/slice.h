/* SPDX-License-Identifier: Apache-2.0 */
/* slice.h: a borrowed view of bytes. Never owns, never NUL-terminated; ptr may be NULL when len is
 * 0. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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
        return a.len >= prefix.len &&
               (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* ASCII case-insensitive equality, as NATS and HTTP compare names. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Decimal digits only, 1 to max_digits of them; false leaves *out untouched. */
bool slice_to_u64(struct slice s, size_t max_digits, unsigned long long *out);

/* Keys of slice_hash(), drawn at random before main(), so that peers cannot aim at buckets. */
extern uint64_t slice_hash_key_[3];

static inline uint64_t slice_mix_(uint64_t a, uint64_t b)
{
        __extension__ unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, 16 bytes a step; the two loads at the end overlap what came before. Equal
 * within one process only: never store it or send it. */
static inline uint64_t slice_hash64(struct slice s)
{
        const char *at = s.ptr;
        size_t left = s.len;
        uint64_t state = slice_hash_key_[0], a = 0, b = 0;
        for (; left > 16; at += 16, left -= 16)
                state = slice_mix_(
                        bytes_load8(at) ^ slice_hash_key_[1], bytes_load8(at + 8) ^ state);
        if (left >= 8) {
                a = bytes_load8(at);
                b = bytes_load8(at + left - 8);
        } else if (left >= 4) {
                a = bytes_load4(at);
                b = bytes_load4(at + left - 4);
        } else if (left > 0) {
                a = (uint64_t)(uint8_t)at[0] << 16 | (uint64_t)(uint8_t)at[left >> 1] << 8 |
                    (uint8_t)at[left - 1];
        }
        uint64_t folded = slice_mix_(a ^ slice_hash_key_[1], b ^ state);
        return slice_mix_(folded ^ slice_hash_key_[2], slice_hash_key_[1] ^ s.len);
}

static inline uint32_t slice_hash_number(uint64_t number)
{
        uint64_t folded = slice_mix_(number ^ slice_hash_key_[1], slice_hash_key_[0]);
        return (uint32_t)slice_mix_(folded ^ slice_hash_key_[2], slice_hash_key_[1] ^ 8);
}

static inline unsigned slice_hash(struct slice s)
{
        return (unsigned)slice_hash64(s);
}
