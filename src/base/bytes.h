/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h: copying and comparing a few bytes in place, where calling memcpy() or memcmp() costs more than
 * the work. Lengths up to 16 are two loads that overlap in the middle; nothing is touched outside the
 * given bytes. */
#pragma once
#include "base/macros.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

ALWAYS_INLINE uint64_t bytes_load8(const char *at)
{
        uint64_t word;
        memcpy(&word, at, sizeof word);
        return word;
}

ALWAYS_INLINE uint32_t bytes_load4(const char *at)
{
        uint32_t word;
        memcpy(&word, at, sizeof word);
        return word;
}

/* dst and src do not overlap; returns the end of what was written. src may be NULL when len is 0. */
ALWAYS_INLINE char *bytes_copy(char *dst, const char *src, size_t len)
{
        if (len > 32) {
                memcpy(dst, src, len);
        } else if (len >= 16) {
                char last[16];
                memcpy(last, src + len - 16, 16);
                memcpy(dst, src, 16);
                memcpy(dst + len - 16, last, 16);
        } else if (len >= 8) {
                uint64_t first = bytes_load8(src), last = bytes_load8(src + len - 8);
                memcpy(dst, &first, 8);
                memcpy(dst + len - 8, &last, 8);
        } else if (len >= 4) {
                uint32_t first = bytes_load4(src), last = bytes_load4(src + len - 4);
                memcpy(dst, &first, 4);
                memcpy(dst + len - 4, &last, 4);
        } else if (len > 0) {
                dst[0] = src[0];
                dst[len / 2] = src[len / 2];
                dst[len - 1] = src[len - 1];
        }
        return dst + len;
}

ALWAYS_INLINE bool bytes_equal16_(const char *a, const char *b)
{
        return ((bytes_load8(a) ^ bytes_load8(b)) | (bytes_load8(a + 8) ^ bytes_load8(b + 8))) == 0;
}

ALWAYS_INLINE bool bytes_equal(const char *a, const char *b, size_t len)
{
        if (len > 32)
                return memcmp(a, b, len) == 0;
        if (len >= 16)
                return bytes_equal16_(a, b) && bytes_equal16_(a + len - 16, b + len - 16);
        if (len >= 8)
                return ((bytes_load8(a) ^ bytes_load8(b)) |
                               (bytes_load8(a + len - 8) ^ bytes_load8(b + len - 8))) == 0;
        if (len >= 4)
                return ((bytes_load4(a) ^ bytes_load4(b)) |
                               (bytes_load4(a + len - 4) ^ bytes_load4(b + len - 4))) == 0;
        return len == 0 ||
               ((a[0] ^ b[0]) | (a[len / 2] ^ b[len / 2]) | (a[len - 1] ^ b[len - 1])) == 0;
}
