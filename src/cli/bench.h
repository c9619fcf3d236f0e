/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h: `midge bench`: load against any NATS server, raw protocol, plain and TLS.
 *
 * Each thread runs one loop (net/loop.h) with its share of the connections; the main thread
 * watches, draws the progress bar and sums up. What the generator costs must stay small beside what
 * the server costs, because both often share a machine: publishers send prepared batches,
 * subscribers compare each message's line with the one they expect. */
#pragma once
#include "base/list.h"
#include "cli/hist.h"
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum bench_mode {
        BENCH_PUB,
        BENCH_SUB,
        BENCH_PAIR,
        BENCH_FANOUT,
        BENCH_FANIN,
        BENCH_REQUEST,
        BENCH_CONNECT,
        BENCH_IDLE,
        BENCH_SUBS,
        BENCH_MODE_COUNT
};

enum {
        BENCH_SUBJECT_MAX = 128, /* bytes */
        BENCH_SIZE_MAX = 64 * 1024 * 1024,
        BENCH_CLIENTS_MAX = 1000 * 1000,
        BENCH_THREADS_MAX = 64,
        BENCH_HOLD_MAX = 24 * 3600,
        BENCH_WINDOW_MAX = 1 << 20,
        BENCH_VARY_MAX = 10000,
        BENCH_SUBSCRIPTIONS_MAX = 100 * 1000 * 1000,
};
#define BENCH_MSGS_MAX 1000000000000ULL
#define BENCH_RATE_MAX 10e6
#define BENCH_RECORD_MAX (4ULL << 30) /* bytes of messages that subs prepares */

struct bench_options {
        enum bench_mode mode;
        char host[256];
        int port;
        bool tls, tls_first, insecure;
        const char *ca, *cert, *key;
        const char *user, *password, *token;
        const char *subject;
        uint64_t msgs;          /* messages, requests or connections in all */
        uint32_t size;          /* payload bytes */
        uint32_t clients;       /* publishers, pairs, subscribers of sub, requesters, connections */
        uint32_t window;        /* pair: messages that may be on their way at once; 0: no limit */
        uint32_t subscribers;   /* of a fan-out; responders of request */
        uint32_t vary;          /* flows: subjects that take turns; 0: one */
        const char *queue;      /* subscribers join it; NULL: none */
        double rate;            /* requests or connections per second in all; 0: as they come */
        uint32_t subscriptions; /* subs: in all */
        bool inboxes;           /* request: an inbox for each request, given up with its reply */
        bool resume;            /* connect: TLS sessions go on from the newest ticket */
        uint32_t threads;
        uint32_t hold_s; /* idle: keep the connections this long */
        uint64_t pid;    /* the server's, to read its CPU and memory; 0: do not */
        bool json, quiet;
};

struct bench_result {
        double seconds;
        uint64_t done;      /* messages, requests or connections that count */
        uint64_t delivered; /* messages that reached subscribers */
        uint64_t expected;  /* deliveries of a complete run */
        uint64_t errors;
        uint64_t resumed; /* connections whose TLS session was resumed */
        bool interrupted;
        double prepare_s, prepare_cpu_s; /* subs: to subscribe */
        uint64_t prepare_rss_bytes;      /* resident memory before that */
        double server_cpu_s;             /* negative: unknown */
        double load_cpu_s;               /* of this program meanwhile */
        uint64_t server_rss_bytes, server_rss_before_bytes;
        struct hist latency; /* ns; empty when the mode measures none */
        struct hist lag;     /* ns by which requests left behind their schedule; open loop only */
};

/* Shared by all threads of a run. */
struct bench_shared {
        const struct bench_options *opts;
        struct tls_ctx *tls; /* client side; NULL: plain */
        struct crypto_pool *crypto;
        struct sockaddr_storage addr; /* of the server: one that answered */
        socklen_t addr_len;
        _Atomic int first_fd; /* connected already, while it was looked for; -1: taken */
        char *connect_line;
        _Atomic bool info_seen;    /* the first INFO was checked */
        _Atomic bool complained;   /* the first failure was told; the others are counted */
        _Atomic uint32_t ready;    /* connections that may begin */
        _Atomic uint32_t prepared; /* subs: connections whose subscriptions are all there */
        _Atomic bool go, stop;
        _Atomic uint64_t done, delivered, errors, resumed;
        _Atomic uint64_t dealt;    /* connect, idle: connections begun */
        _Atomic uint32_t finished; /* publishers whose every message the server has read */
        _Atomic uint64_t first_ns; /* sub: when the first message came */
        _Atomic uint64_t end_ns;   /* monotonic: when the last piece of work ended */
};

struct chunk;
struct loop;
struct pace;
struct thread;

/* One thread of the run: a loop and the connections dealt to it. */
struct bench_worker {
        struct loop *loop;
        struct thread *thread;
        struct bench_shared *shared;
        uint32_t index;
        struct hist latency, lag; /* merged when the thread has ended */
        uint64_t start_ns;        /* when go was given */
        struct list active;       /* flow: publishers; request: requesters */
        struct chunk *batch;      /* flow: what publishers of one subject all send */
        struct pace *pace;        /* with --rate */
        struct list *turn;        /* request with --rate: whose turn it is, in active */
        uint32_t visitors;        /* connect: connections that are there */
        struct list waiting;      /* connections to be dialled */
        uint32_t dialling;        /* connections not yet ready */
        bool in_dial;
};

/* What a mode is made of. setup, go and end run on the worker's thread. */
struct bench_kind {
        uint32_t (*conn_n)(const struct bench_options *opts);   /* that must be ready before go */
        uint64_t (*expected)(const struct bench_options *opts); /* deliveries; NULL: none */
        void (*setup)(struct bench_worker *worker);             /* dial this worker's share */
        void (*prepare)(struct bench_worker *worker); /* measured by itself; may be NULL */
        void (*go)(struct bench_worker *worker);
        void (*end)(struct bench_worker *worker); /* may be NULL */
        bool (*is_done)(const struct bench_shared *shared);
};

extern const struct bench_kind bench_flow, bench_request, bench_storm, bench_idle, bench_subs;
extern const char *const bench_mode_names[BENCH_MODE_COUNT];

/* Connections i with i % threads == index belong to this worker. */
#define bench_share(worker, i, total)                                                              \
        for (uint32_t i = (worker)->index; i < (total); i += (worker)->shared->opts->threads)

static inline void bench_note_end(struct bench_shared *shared, uint64_t now_ns)
{
        atomic_store_explicit(&shared->end_ns, now_ns, memory_order_relaxed);
}

/* bench_args.c: BENCH_RUN, or what the program exits with after the text was printed: help to out,
 * a complaint to err. opts borrows from argv. */
enum bench_args_result { BENCH_RUN = -1, BENCH_HELP = 0, BENCH_WRONG = 2 };
enum bench_args_result bench_args(
        struct bench_options *opts, int argc, char **argv, FILE *out, FILE *err);

/* bench_report.c */
void bench_progress(
        const struct bench_options *opts, uint64_t done, uint64_t total, double seconds);
void bench_progress_end(const struct bench_options *opts);
/* idle: from here on whoever waits may look at the server. On standard error, unless --quiet. */
void bench_are_up(const struct bench_options *opts);
void bench_report(const struct bench_options *opts, const struct bench_result *result, FILE *out);

int bench_main(int argc, char **argv);
