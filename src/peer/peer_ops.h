/* SPDX-License-Identifier: Apache-2.0 */
/* peer_ops.h: what a kind of remote is. Nobody asks for a kind; they call these. Every call on the
 * peer's loop. */
#pragma once
#include "peer/close_reason.h"
#include "proto/parser.h"
#include "proto/verb.h"
#include <stdbool.h>

struct buf;
struct msg;
struct peer;
struct peer_info;
struct sub;

typedef void (*verb_fn)(struct peer *peer, const struct frame *frame);

enum deliver_result {
        DELIVERED,
        NOT_DELIVERED, /* closed, used up: somebody else of the queue group may take it */
};

struct peer_ops {
        const char *name;    /* "Client", "Router", "Gateway", "Leafnode", "Internal" */
        const char *id_name; /* "cid", "rid", …: the prefix of log lines */
        enum verb_kind kind; /* which verbs the parser knows */
        const verb_fn *verb; /* VERB_COUNT entries; NULL: a protocol error for this kind */
        /* Asked before each operation while own.guarded: may it be read now? first is the operation's first
         * byte. When not, the kind has answered and closed, or paused the connection. May be NULL. */
        bool (*admit)(struct peer *peer, char first);
        /* Queue the message's bytes; borrows msg; never blocks. */
        enum deliver_result (*deliver)(struct peer *peer, struct sub *sub, const struct msg *msg);
        /* All operations of one socket read were handled, still inside the read section. */
        void (*on_read_end)(struct peer *peer);
        void (*on_secure)(struct peer *peer); /* TLS is up */
        void (*on_first)(struct peer *peer, bool got);
        /* What the log says of this peer behind its address: each word as text_quote() has it, with " - " in
         * front; nothing when nothing is known. May be NULL. */
        void (*label)(const struct peer *peer, struct buf *out);
        /* A reload changed the settings; may close the peer. May be NULL. */
        void (*on_settings)(struct peer *peer);
        /* Fill what the kind knows; the base fields are filled already. want: PEER_WANT_* */
        void (*snapshot)(struct peer *peer, struct peer_info *out, unsigned want);
        /* Exactly once, when the close is decided; the reason is peer->own.reason. */
        void (*on_close)(struct peer *peer);
        void (*free)(struct peer *peer); /* last call: frees the embedding struct */
};
