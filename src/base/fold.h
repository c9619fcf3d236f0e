/* SPDX-License-Identifier: Apache-2.0 */
/* fold.h: the same event a thousand times becomes a few lines and a number.
 * A fixed table of keys: of each, so many are told in a window of time and the rest is counted; when the
 * table is full the key that was quiet longest makes room. No thread owns it; the caller's does. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FOLD_KEYS = 128, FOLD_WAYS = 4 };

struct fold_rule {
        uint64_t window_ns;
        uint32_t max; /* told in a window */
};

struct fold_key {
        uint64_t key; /* 0: free */
        uint64_t since_ns, last_ns;
        uint32_t told;
        uint64_t held; /* not told, since the last that was */
};

struct fold {
        struct fold_key at[FOLD_KEYS];
};

/* Is this one told? Then *held is how many like it were not, since the last that was. key: a hash, not 0;
 * now_ns: monotonic. */
bool fold_tell(struct fold *fold, const struct fold_rule *rule, uint64_t key, uint64_t now_ns,
        uint64_t *held);
