/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h: keyed hash of tokens and subjects, eight bytes at a time.
 * Folded 64x64 multiplication of data blinded by a secret key, so that peers cannot aim at buckets.
 */
#pragma once
#include "base/bytes.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_key {
        uint64_t a, b;
};

void hash_key_init(struct hash_key *key); /* random */

static inline uint64_t hash_mul_(uint64_t x, uint64_t y)
{
        unsigned __int128 product = (unsigned __int128)x * y;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_bytes(const struct hash_key *key, const char *p, size_t len)
{
        uint64_t h = key->b ^ len, x = 0, y = 0;
        for (; len > 16; p += 16, len -= 16)
                h = hash_mul_(bytes_load8(p) ^ key->a, bytes_load8(p + 8) ^ h);
        if (len >= 8) {
                x = bytes_load8(p);
                y = bytes_load8(p + len - 8);
        } else if (len >= 4) {
                x = bytes_load4(p);
                y = bytes_load4(p + len - 4);
        } else if (len > 0) {
                x = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[len / 2] << 8 |
                    (unsigned char)p[len - 1];
        }
        /* One multiplication leaves subjects that count up ("few.1", "few.2") an arithmetic progression
         * in the low bits, which for unlucky keys falls on few buckets; the second one breaks it up. */
        return hash_mul_(hash_mul_(x ^ key->a, y ^ h), 0x9e3779b97f4a7c15u);
}

/* Hash of a sequence: fold each part's hash into the state, in order. */
static inline uint64_t hash_fold(const struct hash_key *key, uint64_t state, uint64_t part)
{
        return hash_mul_(state ^ part, key->b);
}
