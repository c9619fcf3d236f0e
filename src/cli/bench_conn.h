/* SPDX-License-Identifier: Apache-2.0 */
/* bench_conn.h: a client connection of the load program: dial, INFO, TLS, CONNECT, PING … PONG, ready.
 * Owner: one loop. */
#pragma once
#include "base/slice.h"
#include "cli/bench.h"
#include "net/conn.h"

struct bench_conn;

struct bench_conn_ops {
        void (*on_ready)(struct bench_conn *bc);         /* the PONG behind CONNECT (and its SUBs) came */
        /* Bytes behind that PONG; return how many were used. */
        size_t (*on_data)(struct bench_conn *bc, struct slice bytes);
        void (*on_flushed)(struct bench_conn *bc);       /* may be NULL */
        void (*on_gone)(struct bench_conn *bc, bool failed); /* closed; free it */
};

struct bench_conn {
        struct conn conn;
        const struct bench_conn_ops *ops;
        struct bench_shared *shared;
        uint64_t start_ns;               /* when the dial began */
        char *greeting;                  /* SUB lines sent with CONNECT; owned, may be NULL */
        bool ready, greeted, failed;
};

/* False: the socket could not be made or dialled; nothing else happens. */
bool bench_dial(struct bench_conn *bc, struct loop *loop, struct bench_shared *shared,
        const struct bench_conn_ops *ops, char *greeting);
