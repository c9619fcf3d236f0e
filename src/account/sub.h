/* SPDX-License-Identifier: Apache-2.0 */
/* sub.h: one subscription of one peer. Made, counted and freed by the peer's loop; other loops find it
 * through the trie and name it in mail, never touching `in.own`.
 *
 * End of life: subs_remove() unlinks it, a grace period passes (link.out), the reclaim thread mails it
 * back (link.mail), the owner frees it. Mail that names it was posted inside a read section, so it is
 * read before that. */
#pragma once
#include "base/slice.h"
#include "subject/trie.h"
#include <stdbool.h>
#include <stdint.h>

struct account;
struct loop;
struct peer;
struct slab;
struct sub;

/* 44 bytes and the text: most fit one cache line or two. */
struct sub {
        struct trie_link link; /* in.own: messages since SUB (stays at UINT32_MAX), and
                                * auto-unsubscribe (0: none) */
        struct peer *peer;     /* fixed: any thread */
        uint16_t sid_len;
        bool removed;          /* owner only: out of the trie */
        _Atomic bool filtered; /* the peer's permit is asked before each delivery (peer/peer.h) */
        char text[];           /* subject, queue, then sid */
};

/* Owner, with its slab. Lengths within TRIE_SUBJECT_MAX, TRIE_QUEUE_MAX, SUB_SID_MAX. NULL when memory is
 * short. */
#define SUB_SID_MAX UINT16_MAX
MUST_CHECK struct sub *sub_new(struct slab *slab, struct peer *peer, uint16_t shelf,
        struct slice subject, struct slice queue, struct slice sid);
void sub_free(struct sub *sub); /* back to its slab */

static inline struct slice sub_subject(const struct sub *sub)
{
        return trie_link_subject(&sub->link);
}

static inline struct slice sub_queue(const struct sub *sub)
{
        return trie_link_queue(&sub->link);
}

static inline struct slice sub_sid(const struct sub *sub)
{
        return slice_of(sub->text + sub->link.subject_len + sub->link.queue_len, sub->sid_len);
}

static inline struct sub *sub_of(struct trie_link *link)
{
        return CONTAINER_OF(link, struct sub, link);
}

/* Owner: once the peer has the permit that says so. */
static inline void sub_filter(struct sub *sub, bool filtered)
{
        atomic_store_explicit(&sub->filtered, filtered, memory_order_release);
}

/* Any thread: must each message be asked about? Who is told so finds the permit. */
static inline bool sub_is_filtered(const struct sub *sub)
{
        return atomic_load_explicit(&sub->filtered, memory_order_acquire);
}

/* Owner. Subscriptions of one account that are on their way into its trie: one hold of the lock for so
 * many. Flush before anything that would miss them. */
enum { SUBS_BATCH_MAX = 16 };
struct subs_batch {
        struct account *account;
        unsigned n;
        struct {
                struct sub *sub;
                struct trie_aim aim;
        } entry[SUBS_BATCH_MAX];
};
/* aim: trie_aim_rcu() of its subject. Flushes when it is full, or holds those of another account. */
void subs_batch_add(struct subs_batch *batch, struct account *account, struct sub *sub,
        const struct trie_aim *aim);
void subs_batch_flush(struct subs_batch *batch);

/* Owner. Take the account's lock and change the trie. */
void subs_remove(struct account *account, struct sub *sub); /* idempotent */
void subs_remove_all(
        struct account *account, struct sub **subs, size_t n); /* one hold of the lock */
