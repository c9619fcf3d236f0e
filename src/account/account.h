/* SPDX-License-Identifier: Apache-2.0 */
/* account.h: a name, its subscriptions, its limits. Peers of one account hear each other and nobody else.
 * Lives until the server stops; the trie's readers need no lock. */
#pragma once
#include "base/thread.h"
#include "subject/trie.h"
#include <stdatomic.h>
#include <stdint.h>

struct account {
        const char *name; /* "$G": the global account */
        unsigned index;   /* small and dense: per-loop tables are indexed by it */
        struct trie *trie;
        pthread_mutex_t lock; /* held only to change subscriptions */
        struct {
                _Atomic int64_t client_n;
                _Atomic uint64_t slow_consumers;
        } shared;
};

struct account *account_new(const char *name, unsigned index);
void account_free(struct account *account); /* no subscription is left, no reader can reach it */
