/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h: one published message on its way, borrowed for the length of a call.
 *
 *   tail: [reply ][header-size ]size CR LF     wire: [ header_bytes of header ][ payload ][ CR LF ]
 *
 * The tail is the publisher's own text, size tokens as it wrote them, and the end of every subscriber's
 * line (client-protocol 1.4). Mostly the wire follows it in memory, so that a delivery is one copy.
 *
 * A run is several messages of one line, step bytes apart:
 *
 *   PUB a 2 CRLF hi CRLF  PUB a 2 CRLF ho CRLF  PUB a 2 CRLF ha CRLF        n 3, step 15
 *
 * The fields tell the first one; the subject, being the same for all, may lie elsewhere. Whoever takes a
 * run takes all of it; msg_each() makes single messages, msg_part() shorter runs. */
#pragma once
#include "base/macros.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct chunk;

enum { MSG_SHARE_WAYS = 4, MSG_SHARE_SID_MAX = 11 };

/* What receivers on one loop are sent, by the sid in it: the first one with a sid makes the bytes, the
 * others, whose lines read the same, reference them. Owned by the dispatcher. */
struct msg_share {
        struct {
                struct chunk *chunk; /* one reference; NULL: nobody made them yet */
                struct slice bytes;  /* in chunk */
                uint8_t sid_len;
                char sid[MSG_SHARE_SID_MAX];
        } way[MSG_SHARE_WAYS];
};

struct msg {
        struct slice subject;
        struct slice reply; /* may be empty */
        struct slice
                tail; /* begins with the reply and a blank, when there is one; empty: not known yet */
        struct slice wire;
        struct chunk *chunk;   /* wire lies inside and may be referenced; NULL: copy it */
        uint32_t header_bytes; /* 0: a plain message */
        uint32_t n;            /* messages of the run; 1: a single one */
        uint32_t step;         /* with n > 1, where there is no reply */
        bool lent; /* chunk may be referenced by whoever is flushed or copies before the next read */
        struct msg_share *share; /* NULL: nobody else gets these bytes */
};

/* n messages of the run from the i-th on. */
static inline void msg_part(const struct msg *run, uint32_t i, uint32_t n, struct msg *part)
{
        size_t ahead = (size_t)i * run->step;
        *part = *run;
        part->n = n;
        part->share = NULL;
        if (i > 0) {
                part->tail.ptr += ahead;
                part->wire.ptr += ahead;
        }
}

/* One message of the run at a time: for (i = 0; msg_each(run, i, &msg); i++). */
static inline bool msg_each(const struct msg *run, uint32_t i, struct msg *msg)
{
        if (i == run->n)
                return false;
        msg_part(run, i, 1, msg);
        return true;
}

/* Header and payload without the CRLF. */
static inline size_t msg_body_bytes(const struct msg *msg)
{
        return msg->wire.len - 2;
}

static inline struct slice msg_payload(const struct msg *msg)
{
        return slice_of(msg->wire.ptr + msg->header_bytes, msg_body_bytes(msg) - msg->header_bytes);
}

/* Do tail and wire lie side by side? */
static inline bool msg_is_joined(const struct msg *msg)
{
        return msg->tail.ptr + msg->tail.len == msg->wire.ptr;
}
