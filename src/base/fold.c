/* SPDX-License-Identifier: Apache-2.0 */
/* FOLD_WAYS neighbouring places for each key, as a cache has them: looking is a handful of compares. */
#include "base/fold.h"

static struct fold_key *find(struct fold *fold, uint64_t key)
{
        struct fold_key *set = &fold->at[key % (FOLD_KEYS / FOLD_WAYS) * FOLD_WAYS];
        struct fold_key *oldest = set;
        for (int i = 0; i < FOLD_WAYS; i++) {
                if (set[i].key == key)
                        return &set[i];
                if (set[i].last_ns < oldest->last_ns)
                        oldest = &set[i];
        }
        *oldest = (struct fold_key){ .key = key };
        return oldest;
}

bool fold_tell(struct fold *fold, const struct fold_rule *rule, uint64_t key, uint64_t now_ns,
        uint64_t *held)
{
        struct fold_key *at = find(fold, key);
        at->last_ns = now_ns;
        if (at->told == 0 || now_ns - at->since_ns >= rule->window_ns) {
                at->since_ns = now_ns;
                at->told = 0;
        }
        if (at->told >= rule->max) {
                at->held++;
                return false;
        }
        at->told++;
        *held = at->held;
        at->held = 0;
        return true;
}
