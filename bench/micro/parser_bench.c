/* SPDX-License-Identifier: Apache-2.0 */
/* parser_bench.c: nanoseconds for one operation, parsed out of a full 64 KiB read buffer. */
#include "base/macros.h"
#include "base/slice.h"
#include "proto/parser.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES ((size_t)64 * 1024)
#define ROUND_N 20
#define RUN_N 300

static const struct {
        const char *name;
        struct slice op;
} cases[] = {
        { "PUB 16 B", SLICE_LIT("PUB orders.eu.42 16\r\n0123456789abcdef\r\n") },
        { "PUB 16 B with reply",
                SLICE_LIT("PUB orders.eu.42 _INBOX.a1b2c3d4e5.77 16\r\n0123456789abcdef\r\n") },
        { "PUB 16 B, one letter", SLICE_LIT("PUB a 16\r\n0123456789abcdef\r\n") },
        { "HPUB 12+5 B", SLICE_LIT("HPUB orders.eu.42 12 17\r\nNATS/1.0\r\n\r\nhello\r\n") },
        { "SUB", SLICE_LIT("SUB orders.*.42 117\r\n") },
        { "UNSUB", SLICE_LIT("UNSUB 117\r\n") },
        { "PING", SLICE_LIT("PING\r\n") },
};

static double seconds(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Parse the whole buffer once; returns the number of operations. */
static size_t parse_all(struct parser *p, const char *data, size_t len, size_t *payload_bytes)
{
        struct frame frame;
        size_t n = 0;

        while (parser_next(p, data, len, &frame) == PARSE_FRAME) {
                *payload_bytes += msg_payload(&frame.msg).len;
                data += frame.consumed;
                len -= frame.consumed;
                n++;
        }
        return n;
}

static double best_ns(const char *data, size_t len, size_t *payload_bytes)
{
        double best = 1e9;

        for (int run = 0; run < RUN_N; run++) {
                double start = seconds(), ns;
                size_t n = 0;

                for (int round = 0; round < ROUND_N; round++) {
                        struct parser p;

                        parser_init(&p, VERB_KIND_CLIENT);
                        p.headers_ok = true;
                        n += parse_all(&p, data, len, payload_bytes);
                }
                ns = (seconds() - start) * 1e9 / (double)n;
                if (ns < best)
                        best = ns;
        }
        return best;
}

int main(void)
{
        static char data[BUFFER_BYTES];
        size_t payload_bytes = 0;

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                size_t len = 0, op = cases[i].op.len;

                while (len + op <= BUFFER_BYTES) {
                        memcpy(data + len, cases[i].op.ptr, op);
                        len += op;
                }
                printf("%-22s %6.1f ns\n", cases[i].name, best_ns(data, len, &payload_bytes));
        }
        return payload_bytes == 0; /* keeps the work alive */
}
