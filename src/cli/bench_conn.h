/* SPDX-License-Identifier: Apache-2.0 */
/* bench_conn.h: a client connection of the load program: dial, INFO, TLS, CONNECT, PING … PONG,
 * ready. Owner: one loop. */
#pragma once
#include "base/slice.h"
#include "cli/bench.h"
#include "net/conn.h"

struct bench_conn;

struct bench_conn_ops {
        /* The PONG behind CONNECT (and its SUBs) came. */
        void (*on_ready)(struct bench_conn *bc);
        /* Bytes behind that PONG; return how many were used. Hand what is no message to
         * bench_conn_line(). */
        size_t (*on_data)(struct bench_conn *bc, struct slice bytes);
        void (*on_pong)(struct bench_conn *bc);              /* may be NULL */
        void (*on_flushed)(struct bench_conn *bc);           /* may be NULL */
        void (*on_gone)(struct bench_conn *bc, bool failed); /* the last call; free it */
};

struct bench_conn {
        struct conn conn;
        const struct bench_conn_ops *ops;
        struct bench_shared *shared;
        struct bench_worker *worker;
        struct list waiting; /* in worker->waiting until it is dialled */
        uint64_t start_ns;   /* when the dial began */
        char *greeting;      /* SUB lines sent with CONNECT; owned, may be NULL */
        bool dialling, ready, greeted, failed;
};

/* Find an address of the server that answers; the sentence for the user in eb. Main thread. The
 * connection that shows it becomes the first of the run: a server sees those asked for, no more. */
MUST_CHECK int bench_find_server(struct bench_shared *shared, struct errbuf *eb);

/* Dial soon: a few handshakes at a time, because servers bound how long one may take. Takes
 * greeting (may be NULL). Ends in on_gone, also when it never connects. */
void bench_dial(struct bench_conn *bc, struct bench_worker *worker,
        const struct bench_conn_ops *ops, char *greeting);

/* Take one whole control line other than a message: PING is answered, -ERR ends the connection.
 * 0: the line is not complete. */
size_t bench_conn_line(struct bench_conn *bc, struct slice bytes);

/* End the connection; the first failure of a run is told to the user. */
void bench_fail(struct bench_conn *bc, const char *what);
void bench_complain(struct bench_shared *shared, const char *what);

/* "MSG subject sid [reply] size" or "HMSG … header-size size" at the start of bytes. */
struct bench_msg {
        struct slice subject, reply;
        size_t line_bytes; /* with its CRLF */
        size_t size;       /* headers and payload, without the CRLF behind them */
};
enum bench_msg_result { BENCH_MSG, BENCH_MSG_PARTIAL, BENCH_NO_MSG };
enum bench_msg_result bench_read_msg(struct slice bytes, struct bench_msg *out);
/* One line of rest: of a message, then *body_bytes (with its CRLF) follow it, or another one, which is dealt
 * with. Returns the bytes of the line, 0: it is not whole. */
size_t bench_conn_head(struct bench_conn *bc, struct slice rest, size_t *body_bytes);
