/* SPDX-License-Identifier: Apache-2.0 */
/* One socket read is one read section: everything in it is parsed, matched and delivered, the mail for
 * other loops is posted, and only then the section ends. */
#include "base/rcu.h"
#include "peer/peer.h"
#include "peer/settings.h"

static size_t pump(struct peer *peer, struct slice bytes, size_t *need)
{
        bool trace = peer_settings(peer)->trace;
        size_t used = 0;
        while (used < bytes.len && !peer->own.closing) {
                struct frame frame;
                if (UNLIKELY(peer->own.guarded) && !peer->ops->admit(peer, bytes.ptr[used]))
                        break;
                int rc = parser_next(&peer->own.parser, bytes.ptr + used, bytes.len - used, &frame);
                if (rc == PARSE_MORE) {
                        *need = frame.need;
                        break;
                }
                if (rc < 0) {
                        peer_parse_error(
                                peer, rc, &frame, slice_of(bytes.ptr + used, bytes.len - used));
                        break;
                }
                if (UNLIKELY(trace))
                        trace_in(peer, &frame);
                verb_fn fn = peer->ops->verb[frame.verb];
                if (fn == NULL) {
                        peer_parse_error(peer, ERR_PROTO_OP, &frame,
                                slice_of(bytes.ptr + used, bytes.len - used));
                        break;
                }
                fn(peer, &frame);
                used += frame.consumed;
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
        peer->ops->on_read_end(peer);
        rcu_exit();
        if (peer->own.in_msgs != msgs_before)
                peer->own.last_ns = loop_now_ns(peer->loop);
        peer->own.chunk = NULL;
        return used;
}
