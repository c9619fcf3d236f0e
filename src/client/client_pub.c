/* SPDX-License-Identifier: Apache-2.0 */
/* PUB and HPUB (client-protocol 1.5), behind the checks that the parser made. */
#include "account/account.h"
#include "account/sub.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "dispatch/dispatch.h"
#include "net/loop.h"
#include "subject/subject.h"

static void count_in(struct peer *peer, uint64_t bytes)
{
        struct stats *stats = &peer->loop->stats;
        peer->own.in_msgs++;
        peer->own.in_bytes += bytes;
        stat_add(stats, STAT_IN_MSGS, 1);
        stat_add(stats, STAT_IN_BYTES, bytes);
        stat_add(stats, STAT_IN_CLIENT_MSGS, 1);
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
        if (reply.len == 0 || (reply.ptr[0] != '_' && reply.ptr[0] != '$'))
                return false;
        return slice_starts(reply, SLICE_LIT("_R_.")) ||
               longer_with_prefix(reply, SLICE_LIT("$JS.ACK.")) ||
               longer_with_prefix(reply, SLICE_LIT("_GR_."));
}

static bool may_publish(struct client *client, const struct frame *frame)
{
        char first = frame->subject.ptr[0];
        if ((first == '_' || first == '$') && is_reserved(frame->subject)) {
                client_refuse_publish(client, frame->subject);
                return false;
        }
        if (UNLIKELY(client->perm) && !client_perm_publish(client->perm, frame->subject,
                                              loop_now_ns(client->peer.loop))) {
                client_refuse_publish(client, frame->subject);
                return false;
        }
        if (is_reserved_reply(frame->reply)) {
                client_refuse_reply(client, frame->reply);
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

void client_on_pub(struct peer *peer, const struct frame *frame)
{
        struct client *client = client_of(peer);
        peer->own.active_ns = loop_now_ns(peer->loop);
        if (client->opts.pedantic && !subject_is_valid_literal(frame->subject))
                peer_send_err(peer, "Invalid Publish Subject");
        count_in(peer, frame->total_bytes);
        if (!may_publish(client, frame))
                return;
        client_ok(client);
        const struct msg msg = {
                .subject = frame->subject,
                .reply = frame->reply,
                .header_size = frame->header_bytes ? frame->header_size : SLICE_NULL,
                .total_size = frame->total_size,
                .wire = slice_of(frame->header_bytes ? frame->header.ptr : frame->payload.ptr,
                        (size_t)frame->total_bytes + 2),
                .chunk = peer->own.chunk,
                .header_bytes = frame->header_bytes,
        };
        size_t taken = dispatch_publish(peer, client->opts.echo, peer->own.account, &msg);
        if (taken == 0 && frame->reply.len > 0 && client->opts.no_responders)
                no_responders(client, &msg);
}
