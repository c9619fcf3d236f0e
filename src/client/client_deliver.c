/* SPDX-License-Identifier: Apache-2.0 */
/* A message becomes bytes in a client's queue: the hottest function of the server. */
#include "account/sub.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "net/loop.h"
#include "peer/msg.h"
#include "peer/settings.h"
#include "proto/encode_client.h"

enum { REF_BYTES = 4 * 1024 }; /* larger bodies are referenced, not copied */

static void count_out(struct peer *peer, uint64_t bytes)
{
        struct stats *stats = &peer->loop->stats;
        peer->own.out_msgs++;
        peer->own.out_bytes += bytes;
        stat_add(stats, STAT_OUT_MSGS, 1);
        stat_add(stats, STAT_OUT_BYTES, bytes);
        stat_add(stats, STAT_OUT_CLIENT_MSGS, 1);
        stat_add(stats, STAT_OUT_CLIENT_BYTES, bytes);
}

static void trace_delivery(struct peer *peer, const char *head, size_t head_bytes,
        const struct msg *msg, struct slice wire)
{
        if (!peer_settings(peer)->trace)
                return;
        trace_out(peer, slice_of(head, head_bytes - 2));
        trace_payload(peer, "->>", slice_of(wire.ptr, wire.len - 2),
                wire.len == msg->wire.len ? msg->header_bytes : 0);
}

static void queue_message(
        struct peer *peer, const struct msg_head *head, const struct msg *msg, struct slice wire)
{
        struct outq *out = &peer->own.conn.out;
        bool by_ref = msg->chunk && wire.len > REF_BYTES;
        char *dst = outq_reserve(out, encode_msg_head_max(head) + (by_ref ? 0 : wire.len));
        size_t n = encode_msg_head(dst, head);
        trace_delivery(peer, dst, n, msg, wire);
        if (by_ref) {
                outq_commit(out, n);
                outq_append_ref(out, msg->chunk, wire);
        } else {
                memcpy(dst + n, wire.ptr, wire.len);
                outq_commit(out, n + wire.len);
        }
        peer->loop->own.dirty_bytes += n + wire.len;
        conn_touch(&peer->own.conn);
}

static void count_delivery(struct peer *peer, struct sub *sub)
{
        if (sub->link.in.own.delivered < UINT32_MAX)
                sub->link.in.own.delivered++;
        if (LIKELY(sub->link.in.own.max == 0 || sub->link.in.own.delivered < sub->link.in.own.max))
                return;
        log_debug(&peer->tag, "Auto-unsubscribe limit of %u reached for sid '%.*s'",
                sub->link.in.own.max, SLICE_ARG(sub_sid(sub)));
        peer_unsubscribe(peer, sub);
}

enum deliver_result client_deliver(struct peer *peer, struct sub *sub, const struct msg *msg)
{
        struct client *client = client_of(peer);
        if (UNLIKELY(peer->own.closing || sub->removed || sub_is_denied_rcu(sub, msg->subject)))
                return NOT_DELIVERED;
        if (UNLIKELY(client->perm) && msg->reply.len > 0)
                client_perm_on_reply(client->perm, msg->reply, loop_now_ns(peer->loop));
        struct slice wire = msg->wire;
        struct msg_head head = {
                .subject = msg->subject,
                .sid = sub_sid(sub),
                .reply = msg->reply,
                .header_size = msg->header_size,
                .total_size = msg->total_size,
        };
        char digits[ENCODE_SIZE_MAX];
        if (UNLIKELY(msg->header_bytes &&
                     !client->headers)) { /* strip what this client cannot read */
                wire = slice_of(wire.ptr + msg->header_bytes, wire.len - msg->header_bytes);
                head.header_size = SLICE_NULL;
                head.total_size = slice_of(digits, encode_size(digits, wire.len - 2));
        }
        queue_message(peer, &head, msg, wire);
        count_out(peer, wire.len - 2);
        count_delivery(peer, sub);
        slow_on_queued(peer);
        return DELIVERED;
}

void client_deliver_no_responders(struct client *client, struct sub *sub, const struct msg *msg)
{
        struct peer *peer = &client->peer;
        struct outq *out = &peer->own.conn.out;
        if (peer->own.closing)
                return; /* it ended while it published */
        char *dst =
                outq_reserve(out, encode_no_responders_max(msg->reply, sub_sid(sub), msg->subject));
        outq_commit(out, encode_no_responders(dst, msg->reply, sub_sid(sub), msg->subject));
        conn_touch(&peer->own.conn);
        slow_on_queued(peer);
}
