/* SPDX-License-Identifier: Apache-2.0 */
/* SUB and UNSUB (client-protocol 1.6). */
#include "account/account.h"
#include "account/sub.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "net/loop.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "subject/permit.h"
#include "subject/subject.h"

static bool may_subscribe(struct client *client, const struct frame *frame)
{
        bool may = client->perm == NULL || permit_can_subscribe(client_perm_permit(client->perm),
                                                   frame->subject, frame->queue);
        if (may && !slice_eq_str(frame->queue, "_sys_"))
                return true;
        client_refuse_sub(client, frame, false);
        return false;
}

static bool within_limits(struct client *client, const struct frame *frame)
{
        struct peer *peer = &client->peer;
        const struct limit_options *limits = &peer_settings(peer)->limits;
        if (limits->max_sub_tokens > 0 &&
                subject_token_n(frame->subject) > (size_t)limits->max_sub_tokens) {
                client_refuse_sub(client, frame, true);
                return false;
        }
        if (limits->max_subscriptions > 0 &&
                peer->own.subs.n >= (uint64_t)limits->max_subscriptions) {
                log_error(&peer->tag, "maximum subscriptions exceeded");
                peer_send_err(peer, "maximum subscriptions exceeded");
                return false;
        }
        return true;
}

/* Not in the trie yet: nobody reads it. */
static void set_filter(struct client *client, struct sub *sub)
{
        const struct permit *permit = client_perm_permit(client->perm);
        sub_filter(sub, permit_must_filter(permit, sub_subject(sub), sub_queue(sub)));
}

static struct sub *make_sub(struct client *client, const struct frame *frame)
{
        struct peer *peer = &client->peer;
        if (frame->queue.len > TRIE_QUEUE_MAX || frame->sid.len > SUB_SID_MAX)
                return NULL;
        struct sub *sub = sub_new(peer->loop->roster->subs, peer, (uint16_t)peer->loop->index,
                frame->subject, frame->queue, frame->sid);
        if (sub && client->perm)
                set_filter(client, sub);
        return sub;
}

void client_on_sub(struct peer *peer, const struct frame *frame)
{
        struct client *client = client_of(peer);
        peer->own.active_ns = peer->own.last_ns = loop_now_ns(peer->loop);
        struct subs_key key = subs_key(&peer->own.subs, frame->sid);
        if (!may_subscribe(client, frame) || !within_limits(client, frame))
                return;
        struct trie_aim aim;
        int rc = trie_aim_rcu(peer->own.account->trie, frame->subject, &aim);
        if (subs_find_key(&peer->own.subs, frame->sid, key) == NULL) {
                struct sub *sub = rc == 0 ? make_sub(client, frame) : NULL;
                if (sub == NULL) {
                        peer_send_err(peer, "Invalid Subject");
                        return;
                }
                peer_subscribe(peer, sub, key, &aim);
        }
        if (client->opts.verbose)
                peer_flush_subs(peer); /* the client is told that it is done */
        client_ok(client);
}

void client_on_unsub(struct peer *peer, const struct frame *frame)
{
        struct sub *sub = subs_find(&peer->own.subs, frame->sid);
        peer->own.active_ns = peer->own.last_ns = loop_now_ns(peer->loop);
        if (sub && frame->max > (int64_t)sub->link.in.own.delivered)
                sub->link.in.own.max = (uint32_t)frame->max;
        else if (sub)
                peer_unsubscribe(peer, sub);
        client_ok(client_of(peer));
}
