/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h: one published message on its way, borrowed for the length of a call.
 *
 *   wire: [ header_bytes of header ][ payload ][ CR LF ]
 *
 * The size tokens are the publisher's own text, which subscribers are shown (client-protocol 1.4). */
#pragma once
#include "base/slice.h"
#include <stdint.h>

struct chunk;

struct msg {
        struct slice subject, reply;          /* reply may be empty */
        struct slice header_size, total_size; /* header_size is empty for a plain message */
        struct slice wire;
        struct chunk *chunk; /* wire lies inside and may be referenced; NULL: copy it */
        uint32_t header_bytes;
};

/* Header and payload without the CRLF. */
static inline size_t msg_body_bytes(const struct msg *msg)
{
        return msg->wire.len - 2;
}
