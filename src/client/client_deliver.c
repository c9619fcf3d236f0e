/* SPDX-License-Identifier: Apache-2.0 */
/* A message becomes bytes in a client's queue: the hottest function of the server. */
#include "account/sub.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "net/loop.h"
#include "proto/msg.h"
#include "proto/encode_client.h"

enum {
        REF_BYTES = 4 * 1024, /* larger bodies are referenced, not copied */
        RUN_SID_BYTES = 64,   /* with longer sids a run is much larger than what was read */
};

static inline void count_out(struct peer *peer, uint32_t n, uint64_t bytes)
{
        struct stats *stats = &peer->loop->stats;
        peer->own.out_msgs += n;
        peer->own.out_bytes += bytes;
        stat_add(stats, STAT_OUT_CLIENT_MSGS, n);
        stat_add(stats, STAT_OUT_CLIENT_BYTES, bytes);
}

static NOINLINE void trace_delivery(
        struct peer *peer, const char *line, size_t line_bytes, const struct msg *msg)
{
        trace_out(peer, slice_of(line, line_bytes - 2));
        trace_payload(peer, "->>", slice_of(msg->wire.ptr, msg_body_bytes(msg)), msg->header_bytes);
}

/* The first n messages of the run, all copied, tail and wire side by side. */
static NOINLINE void queue_run(
        struct peer *peer, struct slice sid, const struct msg *run, uint32_t n)
{
        struct outq *out = &peer->own.conn.out;
        size_t rest_bytes = run->tail.len + run->wire.len;
        size_t line_max = encode_msg_line_max(run->subject, sid, SLICE_NULL);
        char *begin = outq_reserve(out, n * (line_max + rest_bytes)), *at = begin;
        const char *rest = run->tail.ptr;
        size_t head_bytes =
                (size_t)(encode_msg_line(at, run->header_bytes > 0, run->subject, sid) - at);
        at = bytes_copy(at + head_bytes, rest, rest_bytes);
        for (uint32_t i = 1; i < n; i++) {
                rest += run->step;
                at = bytes_copy(at, begin, head_bytes);
                at = bytes_copy(at, rest, rest_bytes);
        }
        outq_commit(out, (size_t)(at - begin));
        peer->loop->own.dirty_bytes += (size_t)(at - begin);
        conn_touch(&peer->own.conn);
}

ALWAYS_INLINE void queue_message(struct peer *peer, struct slice sid, const struct msg *msg)
{
        struct outq *out = &peer->own.conn.out;
        bool by_ref = msg->wire.len > REF_BYTES && msg->chunk;
        size_t copied = by_ref ? 0 : msg->wire.len;
        char *begin = outq_reserve(out, encode_msg_line_max(msg->subject, sid, msg->tail) + copied);
        char *at = encode_msg_line(begin, msg->header_bytes > 0, msg->subject, sid);
        size_t line_bytes = (size_t)(at - begin) + msg->tail.len;
        if (LIKELY(!by_ref && msg_is_joined(msg))) {
                bytes_copy(at, msg->tail.ptr, msg->tail.len + copied);
        } else {
                at = bytes_copy(at, msg->tail.ptr, msg->tail.len);
                bytes_copy(at, msg->wire.ptr, copied);
        }
        if (UNLIKELY(peer->own.trace))
                trace_delivery(peer, begin, line_bytes, msg);
        outq_commit(out, line_bytes + copied);
        if (by_ref)
                outq_append_ref(out, msg->chunk, msg->wire);
        peer->loop->own.dirty_bytes += line_bytes + msg->wire.len;
        conn_touch(&peer->own.conn);
}

static NOINLINE void end_of_sub(struct peer *peer, struct sub *sub)
{
        log_debug(&peer->tag, "Auto-unsubscribe limit of %u reached for sid '%.*s'",
                sub->link.in.own.max, SLICE_ARG(sub_sid(sub)));
        peer_unsubscribe(peer, sub);
}

/* How many of n messages the subscription still takes. */
static inline uint32_t count_delivery(struct sub *sub, uint32_t n)
{
        uint32_t room = UINT32_MAX - sub->link.in.own.delivered;
        if (UNLIKELY(sub->link.in.own.max > 0)) {
                room = sub->link.in.own.max > sub->link.in.own.delivered
                               ? sub->link.in.own.max - sub->link.in.own.delivered
                               : 1;
                n = n < room ? n : room;
        }
        sub->link.in.own.delivered += n < room ? n : room;
        return n;
}

/* For a client that cannot read headers: the payload alone, with a size of its own. */
static NOINLINE size_t queue_stripped(struct peer *peer, struct slice sid, const struct msg *whole)
{
        struct msg msg = *whole;
        struct buf tail = { 0 };
        char digits[ENCODE_SIZE_MAX];
        msg.wire = slice_of(msg.wire.ptr + msg.header_bytes, msg.wire.len - msg.header_bytes);
        msg.header_bytes = 0;
        encode_msg_tail(&tail, msg.reply, SLICE_NULL,
                slice_of(digits, encode_size(digits, msg_body_bytes(&msg))));
        msg.tail = buf_slice(&tail);
        queue_message(peer, sid, &msg);
        buf_fini(&tail);
        return msg_body_bytes(&msg);
}

/* Of a client with permissions. A reload may have denied what was on its way; a reply may be answered. */
static NOINLINE bool may_get(struct client *client, struct sub *sub, const struct msg *msg)
{
        if (sub_is_denied_rcu(sub, msg->subject))
                return false;
        if (msg->reply.len > 0)
                client_perm_on_reply(client->perm, msg->reply, loop_now_ns(client->peer.loop));
        return true;
}

/* Is queue_run() made for it? */
static inline bool is_plain_run(const struct peer *peer, struct slice sid, bool strip)
{
        return !strip && !peer->own.trace && sid.len <= RUN_SID_BYTES;
}

/* The receiver is looked at after each message. */
static NOINLINE enum deliver_result deliver_each(
        struct peer *peer, struct sub *sub, const struct msg *run)
{
        enum deliver_result result = NOT_DELIVERED;
        struct msg msg;
        for (uint32_t i = 0; msg_each(run, i, &msg); i++)
                if (client_deliver(peer, sub, &msg) == DELIVERED)
                        result = DELIVERED;
        return result;
}

enum deliver_result client_deliver(struct peer *peer, struct sub *sub, const struct msg *msg)
{
        size_t body_bytes = msg_body_bytes(msg);
        struct client *client = client_of(peer);
        bool strip = msg->header_bytes > 0 && !client->headers;
        if (UNLIKELY(msg->n > 1 && !is_plain_run(peer, sub_sid(sub), strip)))
                return deliver_each(peer, sub, msg);
        if (UNLIKELY(peer->own.closing || sub->removed))
                return NOT_DELIVERED;
        if (UNLIKELY(client->perm) && !may_get(client, sub, msg))
                return NOT_DELIVERED;
        uint32_t n = count_delivery(sub, msg->n);
        if (UNLIKELY(strip))
                body_bytes = queue_stripped(peer, sub_sid(sub), msg);
        else if (n > 1)
                queue_run(peer, sub_sid(sub), msg, n);
        else
                queue_message(peer, sub_sid(sub), msg);
        count_out(peer, n, n * body_bytes);
        if (UNLIKELY(
                    sub->link.in.own.max > 0 && sub->link.in.own.delivered >= sub->link.in.own.max))
                end_of_sub(peer, sub);
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
