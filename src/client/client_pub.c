/* SPDX-License-Identifier: Apache-2.0 */
/* PUB and HPUB (client-protocol 1.5), behind the checks that the parser made. */
#include "account/account.h"
#include "account/sub.h"
#include "base/buf.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "dispatch/dispatch.h"
#include "net/loop.h"
#include "proto/encode_client.h"
#include "subject/subject.h"

static inline void count_in(struct peer *peer, const struct msg *msg)
{
        struct stats *stats = &peer->loop->stats;
        uint64_t bytes = (uint64_t)msg->n * msg_body_bytes(msg);
        peer->own.in_msgs += msg->n;
        peer->own.in_bytes += bytes;
        stat_add(stats, STAT_IN_CLIENT_MSGS, msg->n);
        stat_add(stats, STAT_IN_CLIENT_BYTES, bytes);
}

static bool longer_with_prefix(struct slice reply, struct slice prefix)
{
        return reply.len > prefix.len && slice_starts(reply, prefix);
}

/* Subjects that only servers may use. */
static bool is_reserved(struct slice subject)
{
        return longer_with_prefix(subject, SLICE_LIT("_GR_.")) ||
               slice_starts(subject, SLICE_LIT("$NRG."));
}

static bool is_reserved_reply(struct slice reply)
{
        if (reply.ptr[0] != '_' && reply.ptr[0] != '$')
                return false;
        return slice_starts(reply, SLICE_LIT("_R_.")) ||
               longer_with_prefix(reply, SLICE_LIT("$JS.ACK.")) ||
               longer_with_prefix(reply, SLICE_LIT("_GR_."));
}

static inline bool may_anybody_publish(const struct msg *msg)
{
        char first = msg->subject.ptr[0];
        return LIKELY(first != '_' && first != '$') || !is_reserved(msg->subject);
}

/* May all messages of the run be published, with nothing to answer or to count for each? */
static inline bool is_free(const struct client *client, const struct msg *run)
{
        if (UNLIKELY(client->opts.pedantic || client->opts.verbose || !may_anybody_publish(run)))
                return false;
        if (UNLIKELY(client->perm) && !client_perm_is_listed(client->perm, run->subject))
                return false;
        return run->reply.len == 0 || !is_reserved_reply(run->reply);
}

/* When not, the client is told so. Counts a permitted response. */
static bool may_publish(struct client *client, const struct msg *msg)
{
        if (!may_anybody_publish(msg) ||
                (client->perm && !client_perm_publish(client->perm, msg->subject,
                                         loop_now_ns(client->peer.loop)))) {
                client_refuse_publish(client, msg->subject);
                return false;
        }
        if (msg->reply.len > 0 && is_reserved_reply(msg->reply)) {
                client_refuse_reply(client, msg->reply);
                return false;
        }
        return true;
}

static void no_responders(struct client *client, const struct msg *msg)
{
        struct sub *sub = dispatch_own_sub(&client->peer, client->peer.own.account, msg->reply);
        if (sub)
                client_deliver_no_responders(client, sub, msg);
}

static inline void publish(struct client *client, const struct msg *msg)
{
        struct peer *peer = &client->peer;
        size_t taken = dispatch_publish(peer, client->opts.echo, peer->own.account, msg);
        if (UNLIKELY(taken == 0) && msg->reply.len > 0 && client->opts.no_responders)
                no_responders(client, msg);
}

/* The publisher's line is not fit to be repeated to subscribers. */
static void publish_rewritten(struct client *client, const struct frame *frame)
{
        struct msg msg = frame->msg;
        struct buf tail = { 0 };
        encode_msg_tail(&tail, msg.reply, msg.header_bytes ? frame->header_size : SLICE_NULL,
                frame->total_size);
        msg.tail = buf_slice(&tail);
        publish(client, &msg);
        buf_fini(&tail);
}

/* Each message has checks and an answer of its own, which may be the last that the client is given. */
static NOINLINE void publish_each(struct client *client, const struct frame *frame)
{
        struct frame each = *frame;
        for (uint32_t i = 0; !client->peer.own.closing && msg_each(&frame->msg, i, &each.msg);
                i++) {
                if (client->opts.pedantic && !subject_is_valid_literal(each.msg.subject))
                        peer_send_err(&client->peer, "Invalid Publish Subject");
                if (!may_publish(client, &each.msg))
                        continue;
                client_ok(client);
                if (each.msg.tail.len > 0)
                        publish(client, &each.msg);
                else
                        publish_rewritten(client, &each);
        }
}

void client_on_pub(struct peer *peer, const struct frame *frame)
{
        struct client *client = client_of(peer);
        const struct msg *msg = &frame->msg;
        peer->own.active_ns = loop_now_ns(peer->loop);
        count_in(peer, msg);
        if (LIKELY(msg->tail.len > 0 && is_free(client, msg)))
                publish(client, msg);
        else
                publish_each(client, frame);
}
