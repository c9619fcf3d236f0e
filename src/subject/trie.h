/* SPDX-License-Identifier: Apache-2.0 */
/* trie.h: which subscriptions match a subject.
 *
 * Owner:  one writer at a time (the caller holds the account's lock); readers on any loop, inside a
 *         read section (base/rcu.h). Functions ending in _locked are the writer's, in _rcu a
 * reader's. Shape:  subscribers are intrusive. The trie keeps no copy of a literal subject: it
 * finds it through the text of a subscriber that has it. Churn:  the trie is cut into shards by the
 * first token; each has a generation that moves with every change, so that what is remembered about
 * `orders.>` survives the churn of `_INBOX`. */
#pragma once
#include "base/err.h"
#include "base/mailbox.h"
#include "base/rcu.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct match;
struct trie;

/* Longest subject of a subscription, and longest queue name, in bytes. */
#define TRIE_SUBJECT_MAX 32766
#define TRIE_QUEUE_MAX 65535

/* Embedded in a subscriber. Fill it with trie_link_init(); afterwards it belongs to the trie, but for
 * `in.own`. A link that was removed may still be read until a grace period has passed: the subscriber
 * frees itself, and the text, through rcu_defer() of `out` after trie_remove_locked(), and a removed
 * link is not inserted again before that. A server keeps millions of them: mind the size. */
struct trie_link {
        struct trie_link *_Atomic next; /* same pattern; readers follow it */
        union {
                struct {
                        struct trie_link *prev; /* writer only; NULL: first */
                        struct {
                                uint32_t delivered, max;
                        } own;       /* room for the subscriber; the trie does not look at it */
                } in;                /* until the removal */
                struct rcu_node out; /* after it: for rcu_defer() */
                struct mail mail;    /* and then for the way back to its owner */
        };
        uint16_t subject_len;
        uint16_t queue_len; /* 0: plain subscriber */
        uint16_t shape;     /* private: kind of the last token, number of '*' */
        uint8_t shelf;      /* index of the loop that owns the subscriber */
        uint8_t text_at; /* from the link to the subject bytes, directly followed by queue bytes */
};

/* text, within 255 bytes behind the link's first, holds subject_len bytes of subject and then queue_len
 * bytes of queue name (0: plain); it lives at least as long as the link. The lengths must be within the
 * limits above, the shelf below 256. */
void trie_link_init(struct trie_link *link, const char *text, size_t subject_len, size_t queue_len,
        uint16_t shelf);

static inline const char *trie_link_text(const struct trie_link *link)
{
        return (const char *)link + link->text_at;
}

static inline struct slice trie_link_subject(const struct trie_link *link)
{
        return slice_of(trie_link_text(link), link->subject_len);
}

static inline struct slice trie_link_queue(const struct trie_link *link)
{
        return slice_of(trie_link_text(link) + link->subject_len, link->queue_len);
}

struct trie *trie_new(void);
/* The trie is empty and no reader can reach it any more; NULL is fine. */
void trie_free(struct trie *trie);

/* Add a subscriber under its subject. The same subject may be there any number of times.
 * Cost:    O(tokens); independent of how many subscribers the subject has
 * Returns: 0, ERR_INVALID (not subject_is_valid(), or too long; nothing changed) */
MUST_CHECK int trie_insert_locked(struct trie *trie, struct trie_link *link);

/* The same in two steps, so that what the second one needs of the memory is on its way while others are
 * aimed and built. An aim is good for any link with that subject, at any later time.
 * Returns: 0, ERR_INVALID as above */
struct trie_aim {
        uint64_t state; /* private, all */
        uint16_t run_len, run_n, rest_at;
        uint8_t shard, kind;
};
MUST_CHECK int trie_aim_rcu(struct trie *trie, struct slice subject, struct trie_aim *aim);
void trie_insert_at_locked(struct trie *trie, struct trie_link *link, const struct trie_aim *aim);
/* Between the two, worth it when several links wait: the memory for what follows the first inner '*'. */
void trie_aim_further_rcu(struct trie *trie, struct slice subject, const struct trie_aim *aim);

/* Take out a subscriber that is in. Readers may hold it until their sections end. Same cost. */
void trie_remove_locked(struct trie *trie, struct trie_link *link);

/* Find all that a message with this subject reaches (client-protocol 3.1): out is overwritten.
 * Any subject is fine; one with an empty token reaches nothing.
 * Returns the number of links found. */
size_t trie_match_rcu(const struct trie *trie, struct slice subject, struct match *out);

/* The two counters that a match of this subject depends on. While neither has moved, the set of
 * matching subscribers is the same. Load them before matching. */
struct trie_generation {
        uint64_t shard, wild;
};
struct trie_generation trie_generation_rcu(const struct trie *trie, struct slice subject);

/* Visit every subscriber, in no order, until fn returns false. One that comes or goes meanwhile may
 * be missed or seen. */
typedef bool (*trie_walk_fn)(void *ctx, struct trie_link *link);
void trie_walk_rcu(const struct trie *trie, trie_walk_fn fn, void *ctx);

/* Any thread. */
struct trie_stats {
        uint64_t subscriptions;    /* now */
        uint64_t inserts, removes; /* ever */
        uint64_t nodes;            /* patterns' inner nodes */
        uint64_t bytes;            /* heap of the trie itself, subscribers not counted */
};
size_t trie_count(const struct trie *trie);
void trie_stats(const struct trie *trie, struct trie_stats *out);
