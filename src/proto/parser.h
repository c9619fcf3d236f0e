/* SPDX-License-Identifier: Apache-2.0 */
/* parser.h: bytes of a connection to operations, pulled one at a time.
 * Shape:  the input is contiguous and begins at an operation boundary; the parser keeps no bytes.
 * While an operation is incomplete the owner reads more behind it and calls again with the same
 * beginning. Thread: that of the connection. Before authentication the owner looks at data[0]
 * itself: a first byte other than 'C' or 'c' is refused as an authorization violation, even where
 * the parser would have found a syntax error. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/slice.h"
#include "proto/msg.h"
#include "proto/verb.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PARSE_MORE = 0,  /* incomplete; frame.need tells how much when it is known */
        PARSE_FRAME = 1, /* one operation; frame.consumed bytes belong to it */
};

/* One operation. Every slice is borrowed from the input: valid until those bytes move. Fields that
 * the verb does not have are empty (slices) or zero. */
struct frame {
        enum verb verb;
        uint32_t total_bytes; /* announced size: header and payload together */
        uint32_t
                line_bytes; /* PUB HPUB: of the control line, CRLF included, when msg.tail is set; else 0 */
        size_t consumed; /* PARSE_FRAME: bytes of the operation, CRLF included */
        size_t need;     /* PARSE_MORE: bytes of the whole operation, 0 when not known yet */
        int64_t max;     /* UNSUB: messages since SUB; -1: absent or unreadable */
        /* PUB HPUB. The tail is empty when the sender put other blanks or another line end than a
         * subscriber is sent. Chunk, n and step are the owner's, the parser leaves them alone. */
        struct msg msg;
        struct slice header_size, total_size; /* size tokens as the sender wrote them ("005") */
        struct slice subject;                 /* SUB */
        struct slice queue;                   /* SUB; empty: none */
        struct slice sid;                     /* SUB UNSUB */
        struct slice text; /* CONNECT and INFO json, -ERR text, arguments of the LINE shapes */
};

struct parser {
        /* Set by the owner, may change between two calls. */
        enum verb_kind kind;     /* verbs of other kinds are unknown operations */
        bool headers_ok;         /* HPUB was negotiated */
        int64_t max_payload;     /* bytes, header included; -1: no limit */
        size_t max_control_line; /* argument bytes of one line; kinds other than client get 16 times
                                    it */
        /* The parser's own notes about the incomplete operation; zero at a boundary. */
        size_t scanned; /* bytes known to hold no LF; 0 until the first argument byte */
        size_t args_at; /* with scanned: where the arguments begin */
        size_t need;    /* total bytes of the operation, its line is complete */
};

void parser_init(struct parser *p, enum verb_kind kind);

/* Read one operation from [data, data + len), which begins at an operation boundary.
 * Returns PARSE_FRAME, PARSE_MORE, or
 *   ERR_PROTO_OP            unknown verb or byte, payload without CRLF: -ERR 'Unknown Protocol Operation'
 *   ERR_PROTO_ARGS          wrong arguments, or HPUB without headers: closed without a word
 *   ERR_PROTO_CONTROL_LINE  -ERR 'maximum control line exceeded'
 *   ERR_PROTO_PAYLOAD       -ERR 'Maximum Payload Violation'; raised before the payload arrives: verb,
 *                           subject, reply and sizes of *out are set
 * With ERR_PROTO_ARGS out->verb is set. After an error the connection is over; the rest of *out is
 * undefined. */
MUST_CHECK int parser_next(struct parser *p, const char *data, size_t len, struct frame *out);

/* Publishers repeat themselves. How many operations, *frame at data included and at most max, come one after
 * the other with the very line of that PUB and lie within len bytes; 1 when that one alone is longer. */
static inline uint32_t parser_run(
        const struct frame *frame, const char *data, size_t len, uint32_t max)
{
        size_t step = frame->consumed, line = frame->line_bytes;
        const char *at = data;
        uint32_t n = 1;
        if (line == 0)
                return 1;
        for (; n < max && len >= 2 * step; n++, len -= step) {
                at += step;
                if (!bytes_equal(at, data, line) || memcmp(at + step - 2, "\r\n", 2) != 0)
                        break;
        }
        return n;
}

/* NATS number (sizes, UNSUB max): 1 to 9 ASCII digits, else -1. */
int64_t proto_parse_size(struct slice token);
