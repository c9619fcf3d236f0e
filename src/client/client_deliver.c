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

/* What was lent (proto/msg.h) is gathered from where it was read instead of being copied. */
enum {
        REF_BYTES = 4 * 1024,      /* larger bodies are referenced, not copied */
        LEND_BYTES = 2 * 1024,     /* likewise single messages that were lent, */
        LEND_RUN_BYTES = 512,      /* and those of a run, which costs less for each */
        LEND_LINE_BYTES = 512,     /* of a run's line up to its tail */
        RUN_SID_BYTES = 64,        /* with longer sids a run is much larger than what was read */
        RUN_PART_BYTES = 8 * 1024, /* when the receiver must be looked at in between */
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

/* The first n messages of the run, all copied, tail and wire side by side. Returns their bytes. */
static size_t queue_run(struct peer *peer, struct slice sid, const struct msg *run, uint32_t n)
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
        return (size_t)(at - begin);
}

/* The same, gathered from where they were read. */
static void lend_run(struct peer *peer, struct slice sid, const struct msg *run, uint32_t n)
{
        char line[LEND_LINE_BYTES];
        size_t line_bytes =
                (size_t)(encode_msg_line(line, run->header_bytes > 0, run->subject, sid) - line);
        struct slice piece = slice_of(run->tail.ptr, run->tail.len + run->wire.len);
        outq_append_run(
                &peer->own.conn.out, slice_of(line, line_bytes), run->chunk, piece, n, run->step);
}

static inline bool may_lend(const struct peer *peer, const struct msg *msg, struct slice sid)
{
        return msg->lent && msg->wire.len >= LEND_RUN_BYTES && !peer->own.conn.blocked &&
               encode_msg_line_max(msg->subject, sid, SLICE_NULL) <= LEND_LINE_BYTES;
}

static inline size_t share_way(struct slice sid)
{
        return (unsigned char)sid.ptr[sid.len - 1] % MSG_SHARE_WAYS;
}

/* Somebody with this sid has made the bytes. */
static inline bool take_shared(struct peer *peer, struct slice sid, const struct msg_share *share)
{
        size_t i = share_way(sid);
        if (share->way[i].chunk == NULL || share->way[i].sid_len != sid.len ||
                !bytes_equal(share->way[i].sid, sid.ptr, sid.len))
                return false;
        outq_append_ref(&peer->own.conn.out, share->way[i].chunk, share->way[i].bytes);
        return true;
}

static inline bool wants_shared(struct slice sid, const struct msg_share *share)
{
        return share->way[share_way(sid)].chunk == NULL && sid.len <= MSG_SHARE_SID_MAX;
}

/* The `bytes` queued last are there for others. */
static void give_shared(
        const struct peer *peer, struct slice sid, struct msg_share *share, size_t bytes)
{
        size_t i = share_way(sid);
        share->way[i].chunk =
                chunk_ref(outq_newest(&peer->own.conn.out, bytes, &share->way[i].bytes));
        share->way[i].sid_len = (uint8_t)sid.len;
        memcpy(share->way[i].sid, sid.ptr, sid.len);
}

static NOINLINE void deliver_run(
        struct peer *peer, struct slice sid, const struct msg *run, uint32_t n)
{
        struct msg_share *share = n == run->n ? run->share : NULL;
        if (share && take_shared(peer, sid, share)) {
                /* nothing is copied */
        } else if (share && wants_shared(sid, share)) {
                give_shared(peer, sid, share, queue_run(peer, sid, run, n));
        } else if (may_lend(peer, run, sid)) {
                lend_run(peer, sid, run, n);
        } else {
                queue_run(peer, sid, run, n);
        }
        conn_touch(&peer->own.conn);
}

/* Large bodies are, and smaller ones that were lent to a receiver which is flushed in time. */
static inline bool is_referenced(const struct peer *peer, const struct msg *msg)
{
        if (LIKELY(msg->wire.len < LEND_BYTES) || msg->chunk == NULL)
                return false;
        return msg->wire.len > REF_BYTES || (msg->lent && !peer->own.conn.blocked);
}

ALWAYS_INLINE void queue_message(struct peer *peer, struct slice sid, const struct msg *msg)
{
        struct outq *out = &peer->own.conn.out;
        bool by_ref = is_referenced(peer, msg);
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
        peer->loop->own.dirty_bytes += line_bytes + copied;
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
        if (peer_denies_rcu(sub, msg->subject))
                return false;
        if (msg->reply.len > 0)
                client_perm_on_reply(client->perm, msg->reply, loop_now_ns(client->peer.loop));
        return true;
}

ALWAYS_INLINE enum deliver_result deliver(struct peer *peer, struct sub *sub, const struct msg *msg)
{
        size_t body_bytes = msg_body_bytes(msg);
        struct client *client = client_of(peer);
        if (UNLIKELY(peer->own.closing || sub->removed))
                return NOT_DELIVERED;
        if (UNLIKELY(client->perm) && !may_get(client, sub, msg))
                return NOT_DELIVERED;
        uint32_t n = count_delivery(sub, msg->n);
        if (UNLIKELY(msg->header_bytes > 0 && !client->headers))
                body_bytes = queue_stripped(peer, sub_sid(sub), msg);
        else if (n > 1 || msg->share)
                deliver_run(peer, sub_sid(sub), msg, n);
        else
                queue_message(peer, sub_sid(sub), msg);
        count_out(peer, n, n * body_bytes);
        if (UNLIKELY(
                    sub->link.in.own.max > 0 && sub->link.in.own.delivered >= sub->link.in.own.max))
                end_of_sub(peer, sub);
        slow_on_queued(peer);
        return DELIVERED;
}

static NOINLINE enum deliver_result deliver_again(
        struct peer *peer, struct sub *sub, const struct msg *msg)
{
        return deliver(peer, sub, msg);
}

static inline size_t run_bytes(struct slice sid, const struct msg *run)
{
        return run->n * (encode_msg_line_max(run->subject, sid, run->tail) + run->wire.len);
}

/* The receiver is looked at after each message, or each small part of the run. */
static NOINLINE enum deliver_result deliver_parts(
        struct peer *peer, struct sub *sub, const struct msg *run, bool plain)
{
        enum deliver_result result = NOT_DELIVERED;
        uint32_t most = plain && run->step < RUN_PART_BYTES ? RUN_PART_BYTES / run->step : 1;
        struct msg part;
        for (uint32_t i = 0; i < run->n; i += part.n) {
                msg_part(run, i, most < run->n - i ? most : run->n - i, &part);
                if (deliver_again(peer, sub, &part) == DELIVERED)
                        result = DELIVERED;
        }
        return result;
}

enum deliver_result client_deliver(struct peer *peer, struct sub *sub, const struct msg *msg)
{
        if (LIKELY(msg->n == 1 && msg->share == NULL))
                return deliver(peer, sub, msg);
        struct slice sid = sub_sid(sub);
        bool strip = msg->header_bytes > 0 && !client_of(peer)->headers;
        bool plain = !strip && !peer->own.trace && sid.len <= RUN_SID_BYTES && msg_is_joined(msg);
        if (LIKELY(plain && slow_has_room(peer, run_bytes(sid, msg))))
                return deliver(peer, sub, msg);
        return deliver_parts(peer, sub, msg, plain);
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
