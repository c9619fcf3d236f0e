/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/dispatch.h"
#include "account/account.h"
#include "account/registry.h"
#include "account/sub.h"
#include "base/chunk.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "dispatch/parcel.h"
#include "net/loop.h"
#include "peer/peer.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "subject/match.h"
#include "subject/match_cache.h"
#include <string.h>

enum {
        MAILBOX_MOST_BYTES =
                16 * 1024 * 1024, /* unread parcels of one loop: publishers pause beyond it */
        MAILBOX_LEAST_BYTES = 1024 * 1024,
        DIRTY_FULL_BYTES =
                8 * 1024 * 1024, /* queued on a loop within one iteration: flush at once */
        HOPS_MAX = 8,            /* a queue message is handed on this often at most */
        REF_BYTES = 4 * 1024,    /* larger messages are referenced in their chunk */
        PIN_FACTOR = 4,          /* unless it is this much larger than what was read */
        SHARE_BYTES = 512, /* receivers share what is at least so large; less is sooner copied */
};

struct dispatch {
        struct loop *loop;
        struct peer_server *server;
        struct match_cache **caches; /* by account index, made at first use */
        unsigned cache_n;
        size_t cache_entries;
        struct parcel **open; /* by loop index: being filled */
        uint64_t run_mark;    /* what somebody_twice() last marked peers with */
        bool congested;       /* some parcel of this read went to a full mailbox */
        struct {
                char pad[CACHE_LINE_BYTES];
                _Atomic size_t unread_bytes; /* in this loop's mailbox */
        } shared;
};

struct dispatch *dispatch_new(struct loop *loop, struct peer_server *server, size_t cache_entries)
{
        struct dispatch *d = xnew(struct dispatch);
        d->loop = loop;
        d->server = server;
        d->cache_entries = cache_entries;
        d->open = xcalloc(LOOP_MAX, sizeof d->open[0]);
        loop->dispatch = d;
        return d;
}

void dispatch_free(struct dispatch *d)
{
        for (unsigned i = 0; i < d->cache_n; i++)
                match_cache_free(d->caches[i]);
        xfree(d->caches);
        xfree(d->open);
        xfree(d);
}

static void make_caches(struct dispatch *d, unsigned n)
{
        d->caches = xrealloc(d->caches, n * sizeof d->caches[0]);
        while (d->cache_n < n)
                d->caches[d->cache_n++] = match_cache_new(d->cache_entries, MATCH_CACHE_LINKS);
}

static inline struct match_cache *cache_of(struct dispatch *d, const struct account *account)
{
        if (UNLIKELY(account->index >= d->cache_n))
                make_caches(d, account->index + 1);
        return d->caches[account->index];
}

/* ---- bytes that several receivers get ------------------------------------------------------ */

/* May receivers share the bytes? Large ones are referenced where they were read. */
static inline bool is_shareable(const struct msg *msg, size_t receivers)
{
        return receivers > 1 && msg->wire.len <= REF_BYTES && msg->n * msg->wire.len >= SHARE_BYTES;
}

static void share_end(struct msg_share *share)
{
        for (size_t i = 0; i < MSG_SHARE_WAYS; i++)
                if (share->way[i].chunk)
                        chunk_unref(share->way[i].chunk);
}

/* ---- to other loops ---------------------------------------------------------------------- */

static size_t queue_redeliver(
        struct dispatch *d, const struct parcel_entry *entry, const struct msg *msg);

/* Has a receiver two of these subscriptions? Then a run goes to it message by message, in the order in which
 * single messages would have come. */
static bool somebody_twice(struct dispatch *d, struct trie_link *const *links, size_t n)
{
        uint64_t mark = ++d->run_mark;
        for (size_t i = 0; i < n; i++) {
                struct peer *peer = sub_of(links[i])->peer;
                if (peer->own.run_mark == mark)
                        return true;
                peer->own.run_mark = mark;
        }
        return false;
}

static void deliver_entry(struct dispatch *d, const struct parcel_entry *entry, struct msg *msg)
{
        struct msg_share share = { 0 };
        msg->share = is_shareable(msg, entry->sub_n) ? &share : NULL;
        for (uint32_t i = 0; i < entry->sub_n; i++) {
                struct sub *sub = sub_of(entry->links[i]);
                enum deliver_result result = sub->peer->ops->deliver(sub->peer, sub, msg);
                if (entry->queue && result == NOT_DELIVERED && entry->hops < HOPS_MAX)
                        queue_redeliver(d, entry, msg);
        }
        share_end(&share);
}

/* On the receiver's loop. */
static void on_parcel(struct mail *mail)
{
        struct parcel *parcel = CONTAINER_OF(mail, struct parcel, mail);
        struct dispatch *d = parcel->to->dispatch;
        struct parcel_entry *entry = NULL;
        struct msg msg, single;
        while ((entry = parcel_next(parcel, entry, &msg))) {
                if (msg.n > 1 && somebody_twice(d, entry->links, entry->sub_n)) {
                        for (uint32_t i = 0; msg_each(&msg, i, &single); i++)
                                deliver_entry(d, entry, &single);
                } else {
                        deliver_entry(d, entry, &msg);
                }
                if (d->loop->own.dirty_bytes > DIRTY_FULL_BYTES)
                        loop_flush(d->loop);
        }
        atomic_fetch_sub_explicit(
                &d->shared.unread_bytes, parcel->charge_bytes, memory_order_relaxed);
        parcel_free(parcel);
}

/* A receiver raises its gate at 3/4 of max_pending; what is under way by then has to fit the rest. */
static size_t mailbox_limit(const struct dispatch *d)
{
        int64_t quarter = d->loop->roster->settings->limits.max_pending_bytes / 4;
        if (quarter < MAILBOX_LEAST_BYTES)
                return MAILBOX_LEAST_BYTES;
        return quarter < MAILBOX_MOST_BYTES ? (size_t)quarter : MAILBOX_MOST_BYTES;
}

static void post(struct parcel *parcel)
{
        struct dispatch *to = parcel->to->dispatch;
        struct dispatch *from = loop_current()->dispatch;
        size_t before = atomic_fetch_add_explicit(
                &to->shared.unread_bytes, parcel->charge_bytes, memory_order_relaxed);
        if (before + parcel->charge_bytes > mailbox_limit(from))
                from->congested = true;
        parcel->mail.deliver = on_parcel;
        loop_post(parcel->to, &parcel->mail);
}

static void post_all(struct dispatch *d)
{
        for (unsigned i = 0; i < d->server->loop_n; i++) {
                struct parcel *parcel = d->open[i];
                d->open[i] = NULL;
                if (parcel)
                        post(parcel);
        }
}

/* ---- choosing receivers ------------------------------------------------------------------ */

struct plan {
        struct dispatch *d;
        struct peer *from;          /* NULL: a message that came by mail */
        const struct peer *no_echo; /* the publisher, when it wants no echo */
        const struct msg *msg;
        struct account *account;
        /* of a message that came by mail: the publisher that wants no echo; 0: none */
        uint64_t not_for;
        size_t taken;
        uint32_t hops;
};

/* A gated receiver gets the message all the same, unless producers are not to be held back. */
static NOINLINE bool wants_when_gated(struct plan *plan, struct peer *peer)
{
        if (plan->d->loop->roster->settings->no_fast_producer_stall)
                return false;
        if (plan->from) {
                plan->from->own.saw_gate = true;
                atomic_fetch_add_explicit(&peer->shared.stalls, 1, memory_order_relaxed);
        }
        return true;
}

static inline bool is_gated(const struct peer *peer)
{
        return UNLIKELY(atomic_load_explicit(&peer->shared.gated, memory_order_relaxed));
}

/* A subscription with wildcards that reach what its client may not be given. */
static NOINLINE bool wants_when_filtered(struct plan *plan, struct sub *sub)
{
        if (peer_denies_rcu(sub, plan->msg->subject))
                return false;
        return !is_gated(sub->peer) || wants_when_gated(plan, sub->peer);
}

/* May this one get it, as far as the publisher's loop can tell? */
static inline bool wants(struct plan *plan, struct sub *sub)
{
        struct peer *peer = sub->peer;
        if (UNLIKELY(peer == plan->no_echo || peer->id == plan->not_for))
                return false;
        if (UNLIKELY(sub_is_filtered(sub)))
                return wants_when_filtered(plan, sub);
        if (is_gated(peer))
                return wants_when_gated(plan, peer);
        return true;
}

static void send_plain(struct plan *plan, unsigned shelf, struct trie_link *const *links, size_t n)
{
        static const struct parcel_entry flags;
        struct dispatch *d = plan->d;
        parcel_add(&d->open[shelf], d->server->loops[shelf], plan->msg, plan->account, links, n,
                &flags, post);
        plan->taken += n;
}

static void send_queue(struct plan *plan, struct trie_link *const *link)
{
        struct dispatch *d = plan->d;
        unsigned shelf = (*link)->shelf;
        const struct parcel_entry flags = {
                .queue = true,
                .hops = plan->hops,
                .not_for = plan->no_echo ? plan->no_echo->id : plan->not_for,
        };
        parcel_add(&d->open[shelf], d->server->loops[shelf], plan->msg, plan->account, link, 1,
                &flags, post);
        plan->taken++;
}

/* Shelves of other loops: one entry for all who want it, so that somebody_twice() sees them together. The
 * links are the cache's, so that they are copied when one of them is dropped. */
static NOINLINE void plain_elsewhere(
        struct plan *plan, unsigned shelf, struct trie_link *const *links, size_t n)
{
        struct trie_link **some = NULL;
        size_t some_n = 0;
        for (size_t i = 0; i < n; i++) {
                bool wanted = wants(plan, sub_of(links[i]));
                if (LIKELY(wanted && some == NULL)) {
                        some_n++;
                        continue;
                }
                if (some == NULL) {
                        some = xmalloc(n * sizeof some[0]);
                        memcpy(some, links, some_n * sizeof some[0]);
                }
                if (wanted)
                        some[some_n++] = links[i];
        }
        if (some_n > 0)
                send_plain(plan, shelf, some ? some : links, some_n);
        xfree(some);
}

static inline size_t plain_here(
        struct plan *plan, const struct msg *msg, struct trie_link *const *links, size_t n)
{
        size_t taken = 0;
        for (size_t i = 0; i < n; i++) {
                struct sub *sub = sub_of(links[i]);
                if (LIKELY(wants(plan, sub)))
                        taken += sub->peer->ops->deliver(sub->peer, sub, msg) == DELIVERED;
        }
        return taken;
}

static NOINLINE size_t plain_here_shared(
        struct plan *plan, struct trie_link *const *links, size_t n)
{
        struct msg_share share = { 0 };
        struct msg msg = *plan->msg;
        msg.share = &share;
        size_t taken = plain_here(plan, &msg, links, n);
        share_end(&share);
        return taken;
}

static NOINLINE size_t plain_here_each(struct plan *plan, struct trie_link *const *links, size_t n)
{
        const struct msg *whole = plan->msg;
        struct msg msg;
        size_t taken = 0;
        plan->msg = &msg;
        for (uint32_t i = 0; msg_each(whole, i, &msg); i++)
                taken += plain_here(plan, &msg, links, n);
        plan->msg = whole;
        return taken;
}

static void plain(struct plan *plan, const struct match *match)
{
        unsigned here = plan->d->loop->index;
        for (uint32_t s = 0; s < match->shelf_n; s++) {
                const struct match_shelf *shelf = &match->shelves[s];
                struct trie_link **links = match->links + shelf->first;
                if (shelf->shelf != here)
                        plain_elsewhere(plan, shelf->shelf, links, shelf->n);
                else if (plan->msg->n > 1 && shelf->n > 1 &&
                         somebody_twice(plan->d, links, shelf->n))
                        plan->taken += plain_here_each(plan, links, shelf->n);
                else if (is_shareable(plan->msg, shelf->n))
                        plan->taken += plain_here_shared(plan, links, shelf->n);
                else
                        plan->taken += plain_here(plan, plan->msg, links, shelf->n);
        }
}

/* A random member, then the next ones, until somebody takes it (client-protocol 3.4). */
static NOINLINE void queue(
        struct plan *plan, const struct match *match, const struct match_group *group)
{
        uint32_t start = group->n > 1 ? rand_below(group->n) : 0;
        for (uint32_t i = 0; i < group->n; i++) {
                struct trie_link **link = &match->links[group->first + (start + i) % group->n];
                struct sub *sub = sub_of(*link);
                if (!wants(plan, sub))
                        continue;
                if ((*link)->shelf == plan->d->loop->index) {
                        if (sub->peer->ops->deliver(sub->peer, sub, plan->msg) != DELIVERED)
                                continue;
                        plan->taken++;
                        return;
                }
                if (atomic_load_explicit(&sub->peer->shared.closed, memory_order_relaxed))
                        continue;
                send_queue(plan, link);
                return;
        }
}

/* The chosen member could not take it when the message arrived: choose again, here. */
static size_t queue_redeliver(
        struct dispatch *d, const struct parcel_entry *entry, const struct msg *msg)
{
        struct plan plan = {
                .d = d,
                .msg = msg,
                .account = entry->account,
                .not_for = entry->not_for,
                .hops = entry->hops + 1,
        };
        struct slice name = sub_queue(sub_of(entry->links[0]));
        rcu_enter();
        const struct match *match = match_cache_get_rcu(
                cache_of(d, entry->account), entry->account->trie, msg->subject);
        for (uint32_t g = 0; g < match->group_n; g++)
                if (slice_eq(match_group_name(match, &match->groups[g]), name))
                        queue(&plan, match, &match->groups[g]);
        post_all(d);
        rcu_exit();
        return plan.taken;
}

/* Receivers reference a large message in the publisher's read chunk. When a small read would have them hold
 * a large chunk, the message moves to one of its own. */
static struct chunk *right_size(const struct peer *from, struct msg *msg)
{
        if (msg->chunk == NULL || from->own.chunk_bytes >= msg->chunk->cap / PIN_FACTOR)
                return NULL;
        struct chunk *chunk = chunk_new(msg->wire.len);
        memcpy(chunk->data, msg->wire.ptr, msg->wire.len);
        msg->wire.ptr = chunk->data;
        msg->chunk = chunk;
        return chunk;
}

static inline void run_one(struct plan *plan, const struct match *match)
{
        if (match->plain_n)
                plain(plan, match);
        for (uint32_t g = 0; g < match->group_n; g++)
                queue(plan, match, &match->groups[g]);
}

/* A queue group chooses for every message. */
static NOINLINE void run_each(struct plan *plan, const struct match *match)
{
        const struct msg *whole = plan->msg;
        struct msg msg;
        plan->msg = &msg;
        for (uint32_t i = 0; msg_each(whole, i, &msg); i++)
                run_one(plan, match);
        plan->msg = whole;
}

static inline size_t run(struct plan *plan, const struct match *match)
{
        if (UNLIKELY(match->group_n > 0 && plan->msg->n > 1))
                run_each(plan, match);
        else
                run_one(plan, match);
        if (UNLIKELY(plan->d->loop->own.dirty_bytes > DIRTY_FULL_BYTES))
                loop_flush(plan->d->loop);
        return plan->taken;
}

static NOINLINE size_t run_large(struct plan *plan, const struct match *match)
{
        struct msg sized = *plan->msg;
        struct chunk *own = right_size(plan->from, &sized);
        plan->msg = &sized;
        size_t taken = run(plan, match);
        if (own)
                chunk_unref(own);
        return taken;
}

static NOINLINE size_t publish_to(struct peer *from, bool echo, struct account *account,
        const struct msg *msg, const struct match *match)
{
        struct plan plan = {
                .d = from->loop->dispatch,
                .from = from,
                .no_echo = echo ? NULL : from,
                .msg = msg,
                .account = account,
        };
        return UNLIKELY(msg->wire.len > REF_BYTES) ? run_large(&plan, match) : run(&plan, match);
}

/* Nearly always there is one receiver, on this loop, and nothing to be asked about it. NULL: the long way. */
static inline struct sub *lone_receiver(
        const struct peer *from, bool echo, const struct msg *msg, const struct match *match)
{
        if (match->link_n != 1 || match->plain_n != 1 ||
                (msg->wire.len > REF_BYTES && !msg->lent) ||
                match->shelves[0].shelf != from->loop->index)
                return NULL;
        struct sub *sub = sub_of(match->links[0]);
        bool asked = (sub->peer == from && !echo) || sub_is_filtered(sub) || is_gated(sub->peer);
        return asked ? NULL : sub;
}

size_t dispatch_publish(
        struct peer *from, bool echo, struct account *account, const struct msg *msg)
{
        struct match_cache *cache = cache_of(from->loop->dispatch, account);
        const struct match *match = match_cache_get_rcu(cache, account->trie, msg->subject);
        struct sub *sub = lone_receiver(from, echo, msg, match);
        if (LIKELY(sub != NULL)) {
                bool taken = sub->peer->ops->deliver(sub->peer, sub, msg) == DELIVERED;
                if (UNLIKELY(from->loop->own.dirty_bytes > DIRTY_FULL_BYTES))
                        loop_flush(from->loop);
                return taken;
        }
        return match_is_empty(match) ? 0 : publish_to(from, echo, account, msg, match);
}

struct sub *dispatch_own_sub(struct peer *peer, struct account *account, struct slice subject)
{
        struct dispatch *d = peer->loop->dispatch;
        const struct match *match =
                match_cache_get_rcu(cache_of(d, account), account->trie, subject);
        for (uint32_t i = 0; i < match->plain_n; i++) {
                struct sub *sub = sub_of(match->links[i]);
                if (sub->peer == peer)
                        return sub;
        }
        return NULL;
}

static bool mailbox_full(struct dispatch *d)
{
        size_t limit = mailbox_limit(d);
        for (unsigned i = 0; i < d->server->loop_n; i++)
                if (atomic_load_explicit(&d->server->loops[i]->dispatch->shared.unread_bytes,
                            memory_order_relaxed) > limit)
                        return true;
        return false;
}

void dispatch_end_of_read(struct peer *from)
{
        struct dispatch *d = from->loop->dispatch;
        post_all(d);
        bool congested = d->congested && mailbox_full(d);
        d->congested = false;
        if (UNLIKELY(congested || from->own.saw_gate))
                slow_throttle(from, congested);
}
