/* SPDX-License-Identifier: Apache-2.0 */
/* encode_client.h: what the server writes to clients, straight into memory the caller has reserved.
 * Each encode_x writes at most encode_x_max() bytes, no NUL, and returns how many. */
#pragma once
#include "base/bytes.h"
#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf;

#define ENCODE_OK SLICE_LIT("+OK\r\n")
#define ENCODE_PING SLICE_LIT("PING\r\n")
#define ENCODE_PONG SLICE_LIT("PONG\r\n")
#define ENCODE_CRLF SLICE_LIT("\r\n")
#define ENCODE_SIZE_MAX 20 /* digits of an uint64_t */

/* Decimal digits of n; dst holds ENCODE_SIZE_MAX. */
size_t encode_size(char *dst, uint64_t n);

static inline char *encode_put(char *dst, struct slice s)
{
        if (s.len)
                memcpy(dst, s.ptr, s.len);
        return dst + s.len;
}

/* "MSG subject sid tail" or "HMSG subject sid tail", where the tail is the publisher's text from the reply
 * to the CRLF. */
static inline size_t encode_msg_line_max(struct slice subject, struct slice sid, struct slice tail)
{
        return sizeof("HMSG   ") - 1 + subject.len + sid.len + tail.len;
}

/* Appends "[reply ][header-size ]total-size\r\n". */
void encode_msg_tail(
        struct buf *out, struct slice reply, struct slice header_size, struct slice total_size);

/* The line up to its tail; returns the end of what was written. */
ALWAYS_INLINE char *encode_msg_line(
        char *dst, bool with_header, struct slice subject, struct slice sid)
{
        *dst = 'H';
        dst += with_header;
        memcpy(dst, "MSG ", 4);
        dst = bytes_copy(dst + 4, subject.ptr, subject.len);
        *dst = ' ';
        dst = bytes_copy(dst + 1, sid.ptr, sid.len);
        *dst = ' ';
        return dst + 1;
}

/* "-ERR 'text'\r\n" */
static inline size_t encode_err_max(struct slice text)
{
        return text.len + sizeof("-ERR ''\r\n") - 1;
}
size_t encode_err(char *dst, struct slice text);

/* The whole 503 message to the requester: HMSG reply sid n n, the header block, no payload. */
static inline size_t encode_no_responders_max(
        struct slice reply, struct slice sid, struct slice subject)
{
        return reply.len + sid.len + subject.len + 2 * ENCODE_SIZE_MAX + 64;
}
size_t encode_no_responders(char *dst, struct slice reply, struct slice sid, struct slice subject);
