/* SPDX-License-Identifier: Apache-2.0 */
/* One socket read is one read section: everything in it is parsed, matched and delivered, the mail for
 * other loops is posted, and only then the section ends. */
#include "base/buf.h"
#include "base/rcu.h"
#include "peer/peer.h"
#include "peer/settings.h"
#include "proto/redact.h"

static void on_parse_error(struct peer *peer, int rc, struct slice rest)
{
        struct buf snippet = { 0 };
        switch (rc) {
        case ERR_PROTO_CONTROL_LINE:
                log_error(&peer->tag, "maximum control line exceeded");
                peer_close(peer, CLOSE_MAX_CONTROL_LINE);
                break;
        case ERR_PROTO_PAYLOAD:
                log_error(&peer->tag, "maximum payload exceeded: limit %lld",
                        (long long)peer->own.parser.max_payload);
                peer_close(peer, CLOSE_MAX_PAYLOAD);
                break;
        case ERR_PROTO_ARGS:
                proto_snippet(rest, 0, &snippet);
                log_error(&peer->tag, "%s parser ERROR: bad arguments in %.*s", peer->ops->name,
                        SLICE_ARG(buf_slice(&snippet)));
                peer_close(peer, CLOSE_PROTOCOL);
                break;
        default:
                proto_snippet(rest, 0, &snippet);
                log_error(&peer->tag, "%s parser ERROR: unknown operation in %.*s", peer->ops->name,
                        SLICE_ARG(buf_slice(&snippet)));
                peer_close(peer, CLOSE_PROTOCOL_OP);
                break;
        }
        buf_fini(&snippet);
}

static size_t pump(struct peer *peer, struct slice bytes, size_t *need)
{
        bool trace = peer_settings(peer)->trace;
        size_t used = 0;
        while (used < bytes.len && !peer->own.closing) {
                struct frame frame;
                if (peer->ops->admit && !peer->ops->admit(peer, bytes.ptr[used]))
                        break;
                int rc = parser_next(&peer->own.parser, bytes.ptr + used, bytes.len - used, &frame);
                if (rc == PARSE_MORE) {
                        *need = frame.need;
                        break;
                }
                if (rc < 0) {
                        on_parse_error(peer, rc, slice_of(bytes.ptr + used, bytes.len - used));
                        break;
                }
                if (UNLIKELY(trace))
                        trace_in(peer, &frame);
                verb_fn fn = peer->ops->verb[frame.verb];
                if (fn == NULL) {
                        on_parse_error(peer, ERR_PROTO_OP, slice_of(bytes.ptr + used, bytes.len - used));
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
        peer->own.last_ns = loop_now_ns(peer->loop);
        peer->own.chunk = chunk;
        rcu_enter();
        size_t used = pump(peer, bytes, need);
        peer->ops->on_read_end(peer);
        rcu_exit();
        peer->own.chunk = NULL;
        return used;
}
