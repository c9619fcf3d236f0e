/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h: `midge bench`: load against any NATS server, raw protocol, plain and TLS.
 *
 * Each thread runs one loop (net/loop.h) with its share of the connections; the main thread watches,
 * draws the progress bar and sums up. What the generator costs must stay small beside what the server
 * costs, because both often share a machine: publishers send prepared batches, subscribers count bytes. */
#pragma once
#include "base/list.h"
#include "cli/hist.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum bench_mode { BENCH_PUB, BENCH_SUB, BENCH_PAIR, BENCH_FANOUT, BENCH_REQUEST, BENCH_CONNECT, BENCH_IDLE };

struct bench_options {
        enum bench_mode mode;
        const char *host;
        int port;
        bool tls, tls_first, insecure;
        const char *ca, *cert, *key;
        const char *subject;
        uint64_t msgs;           /* in all, over all publishers or requesters; connections for connect */
        uint32_t size;           /* payload bytes */
        uint32_t clients;        /* publishers, pairs, subscribers of a fan-out, requesters, parallel connects */
        uint32_t subscribers;    /* fan-out only */
        const char *queue;       /* subscribers join it; NULL: none */
        double rate;             /* requests per second in all, open loop; 0: closed loop */
        uint32_t threads;
        uint32_t hold_s;         /* idle: keep the connections this long */
        long pid;                /* the server's, to read its CPU and memory; 0: do not */
        bool json, quiet;
};

struct bench_result {
        double seconds;
        uint64_t done;           /* messages, requests or connections that count */
        uint64_t delivered;      /* messages that reached subscribers */
        uint64_t errors;
        double server_cpu_s;     /* negative: unknown */
        uint64_t server_rss_bytes, server_rss_before_bytes;
        struct hist latency;     /* ns; empty when the mode measures none */
};

/* Shared by all threads of a run. */
struct bench_shared {
        const struct bench_options *opts;
        struct tls_ctx *tls;             /* client side; NULL: plain */
        struct crypto_pool *crypto;
        _Atomic uint32_t ready;          /* connections that may begin */
        _Atomic bool go, stop;
        _Atomic uint64_t done, delivered, errors;
        _Atomic uint32_t finished;       /* connections that did all their work */
        _Atomic uint64_t end_ns;         /* monotonic: when the last piece of work ended */
};

struct loop;

/* One thread of the run: a loop and the connections dealt to it. */
struct bench_worker {
        struct loop *loop;
        struct thread *thread;
        struct bench_shared *shared;
        uint32_t index;
        struct hist latency;             /* merged when the thread has ended */
        uint64_t start_ns;               /* when go was given */
        struct list publishers;          /* flow: this worker's, by struct flow's member */
};

/* What a mode is made of. setup and go run on the worker's thread. */
struct bench_kind {
        uint32_t (*conn_n)(const struct bench_options *opts);     /* that must be ready before go */
        void (*setup)(struct bench_worker *worker);               /* dial this worker's share */
        void (*go)(struct bench_worker *worker);
        bool (*is_done)(const struct bench_shared *shared);
};

extern const struct bench_kind bench_flow, bench_request, bench_storm, bench_idle;

/* Connections i with i % threads == index belong to this worker. */
#define bench_share(worker, i, total) \
        for (uint32_t i = (worker)->index; i < (total); i += (worker)->shared->opts->threads)

static inline void bench_note_end(struct bench_shared *shared, uint64_t now_ns)
{
        atomic_store_explicit(&shared->end_ns, now_ns, memory_order_relaxed);
}

/* bench_args.c: 0; or 1 after the usage text was printed to stderr; 2 after it was printed on request. */
int bench_args(struct bench_options *opts, int argc, char **argv);

/* bench_report.c */
void bench_progress(const struct bench_shared *shared, uint64_t total, double seconds);
void bench_progress_end(const struct bench_options *opts);
void bench_report(const struct bench_options *opts, const struct bench_result *result);

int bench_main(int argc, char **argv);
