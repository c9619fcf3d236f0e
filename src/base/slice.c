/* SPDX-License-Identifier: Apache-2.0 */
/* slice.c: the parts of slice.h that are too long to inline, and the keys of the hash. */
#include "base/slice.h"
#include "base/rand.h"

uint64_t slice_hash_key_[3];

/* Before main(), so that the hash itself never asks whether it has been seeded. */
__attribute__((constructor)) static void seed_hash(void)
{
        rand_secure(slice_hash_key_, sizeof slice_hash_key_);
}

static unsigned char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : (unsigned char)c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
        if (a.len != b.len)
                return false;
        for (size_t i = 0; i < a.len; i++) {
                if (lower(a.ptr[i]) != lower(b.ptr[i]))
                        return false;
        }
        return true;
}

bool slice_to_u64(struct slice s, size_t max_digits, unsigned long long *out)
{
        unsigned long long value = 0;
        if (s.len == 0 || s.len > max_digits)
                return false;
        for (size_t i = 0; i < s.len; i++) {
                unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
                if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, digit, &value))
                        return false;
        }
        *out = value;
        return true;
}
