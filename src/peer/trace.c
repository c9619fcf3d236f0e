/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol lines of -V, in the reference's form: <<- [PUB a 5], ->> [MSG a 1 5], MSG_PAYLOAD quoted. */
#include "base/buf.h"
#include "base/text.h"
#include "peer/peer.h"
#include "peer/settings.h"
#include "proto/redact.h"

static void arg(struct buf *line, struct slice s)
{
        if (s.len == 0)
                return;
        buf_append_char(line, ' ');
        buf_append_slice(line, s);
}

void trace_in(struct peer *peer, const struct frame *frame)
{
        struct buf line = { 0 };
        buf_append_str(&line, verb_text(frame->verb));
        if (frame->verb == VERB_CONNECT) {
                buf_append_char(&line, ' ');
                proto_redact_connect(frame->text, &line);
        } else {
                arg(&line, frame->msg.subject);
                arg(&line, frame->msg.reply);
                arg(&line, frame->subject);
                arg(&line, frame->queue);
                arg(&line, frame->sid);
                arg(&line, frame->header_size);
                arg(&line, frame->total_size);
                arg(&line, frame->text);
                if (frame->verb == VERB_UNSUB && frame->max >= 0)
                        buf_printf(&line, " %lld", (long long)frame->max);
        }
        log_trace(&peer->tag, "<<- [%.*s]", SLICE_ARG(buf_slice(&line)));
        buf_fini(&line);
        if (frame->verb == VERB_PUB || frame->verb == VERB_HPUB)
                trace_payload(peer, "<<-", slice_of(frame->msg.wire.ptr, frame->total_bytes),
                        frame->msg.header_bytes);
}

void trace_out(struct peer *peer, struct slice line)
{
        log_trace(&peer->tag, "->> [%.*s]", SLICE_ARG(line));
}

void trace_end_of_sub(struct peer *peer, struct slice sid)
{
        log_trace(&peer->tag, "<-> [DELSUB %.*s]", SLICE_ARG(sid));
}

void trace_payload(struct peer *peer, const char *arrow, struct slice body, size_t header_bytes)
{
        const struct settings *settings = peer_settings(peer);
        struct buf quoted = { 0 };
        if (settings->trace_headers) {
                body.len = header_bytes >= 4 ? header_bytes - 4 : 0;
        }
        if (body.len == 0)
                return;
        size_t max = (size_t)(settings->max_traced_msg_len > 0 ? settings->max_traced_msg_len : 0);
        bool cut = max > 0 && body.len > max;
        text_quote(&quoted, slice_of(body.ptr, cut ? max : body.len));
        if (cut && quoted.len > 0) {
                quoted.len--; /* the closing quote comes after the dots */
                buf_append_str(&quoted, "...\"");
        }
        log_trace(&peer->tag, "%s MSG_PAYLOAD: [%.*s]", arrow, SLICE_ARG(buf_slice(&quoted)));
        buf_fini(&quoted);
}
