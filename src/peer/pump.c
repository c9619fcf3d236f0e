/* SPDX-License-Identifier: Apache-2.0 */
/* One socket read is one read section: everything in it is parsed, matched and delivered, the mail for
 * other loops is posted, and only then the section ends. */
#include "base/rcu.h"
#include "peer/peer.h"
#include "peer/roster.h"

/* Lent: what references the bytes of such a read is flushed, or copied, before the next one. Where reads are
 * smaller, one flush should serve several of them. */
enum {
        RUN_MAX = 64,              /* messages that are handled at once, */
        RUN_MAX_BYTES = 60 * 1024, /* and their bytes: with longer lines they still fit a chunk */
        RUN_STEP_MAX = 4 * 1024,   /* larger messages are referenced one by one */
        LEND_BYTES = 32 * 1024,
};

/* Messages of one line that follow each other are handled together. Not with a reply, which may stand for
 * something to do with each. */
static uint32_t run_of(
        const struct peer *peer, const struct frame *frame, const char *at, size_t left)
{
        if (frame->line_bytes == 0 || frame->msg.reply.len > 0 || peer->own.trace ||
                frame->consumed > RUN_STEP_MAX)
                return 1;
        return parser_run(frame, at, left < RUN_MAX_BYTES ? left : RUN_MAX_BYTES, RUN_MAX);
}

static size_t pump(struct peer *peer, struct slice bytes, size_t *need)
{
        const struct subs_batch *batch = &peer->loop->roster->batch;
        size_t used = 0;
        struct frame frame;
        frame.msg.chunk = peer->own.chunk;
        frame.msg.lent = bytes.len >= LEND_BYTES;
        frame.msg.share = NULL;
        while (used < bytes.len && !peer->own.closing) {
                const char *at = bytes.ptr + used;
                size_t left = bytes.len - used;
                if (UNLIKELY(peer->own.guarded) && !peer->ops->admit(peer, *at))
                        break;
                int rc = parser_next(&peer->own.parser, at, left, &frame);
                if (rc == PARSE_MORE) {
                        *need = frame.need;
                        break;
                }
                if (UNLIKELY(rc < 0)) {
                        peer_parse_error(peer, rc, &frame, slice_of(at, left));
                        break;
                }
                if (UNLIKELY(peer->own.trace))
                        trace_in(peer, &frame);
                verb_fn fn = peer->ops->verb[frame.verb];
                if (fn == NULL) {
                        peer_parse_error(peer, ERR_PROTO_OP, &frame, slice_of(at, left));
                        break;
                }
                if (UNLIKELY(batch->n > 0) && frame.verb != VERB_SUB)
                        peer_flush_subs(peer); /* what follows a SUB must find it */
                frame.msg.n = run_of(peer, &frame, at, left);
                frame.msg.step = (uint32_t)frame.consumed;
                fn(peer, &frame);
                used += frame.consumed * frame.msg.n;
        }
        return used;
}

size_t peer_on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        uint64_t msgs_before = peer->own.in_msgs;
        peer->own.chunk = chunk;
        peer->own.chunk_bytes = bytes.len;
        rcu_enter();
        size_t used = pump(peer, bytes, need);
        peer_flush_subs(peer);
        peer->ops->on_read_end(peer);
        rcu_exit();
        if (peer->own.in_msgs != msgs_before)
                peer->own.last_ns = loop_now_ns(peer->loop);
        peer->own.chunk = NULL;
        return used;
}
