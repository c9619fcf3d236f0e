/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_internal.h: the monitor's own struct and its endpoints, for the files of this folder. */
#pragma once
#include "base/list.h"
#include "monitor/http_server.h"
#include "monitor/monitor.h"
#include "monitor/query.h"
#include "net/timer.h"

struct buf;
struct closed_ring;
struct failure_ring;
struct job;

enum endpoint {
#define ENDPOINT(id, path, stat, count, handler, ...) ENDPOINT_##id,
#include "monitor/endpoint.def"
#undef ENDPOINT
        ENDPOINT_COUNT
};

/* CPU use between two samples; a timer takes them while somebody looks. */
struct cpu_gauge {
        struct timer timer;
        uint64_t cpu_ns, at_ns; /* the last sample: process time, monotonic clock */
        uint64_t asked_ns;      /* monotonic */
        double percent;         /* of one core, one decimal */
};

struct monitor {
        struct monitor_env env;
        struct http_server *http; /* NULL: stopped */
        int port;                 /* the real one */
        char *base;               /* "/", or "/nats" without a slash at the end */
        struct closed_ring *closed;
        struct failure_ring *failures, *probes; /* handshakes */
        uint64_t hits[ENDPOINT_COUNT];
        struct cpu_gauge cpu;
        struct job *job;  /* asking the loops; one at a time */
        struct list jobs; /* waiting for their turn */
        bool stopping;
};

/* A handler answers the exchange, now or later; the query ends with the call. */
typedef void (*endpoint_fn)(
        struct monitor *monitor, struct http_exchange *exchange, const struct query *query);
#define ENDPOINT(id, path, stat, count, handler, ...)                                              \
        void handler(struct monitor *monitor, struct http_exchange *exchange,                      \
                const struct query *query);
#include "monitor/endpoint.def"
#undef ENDPOINT

/* endpoint.c: which endpoint a decoded path names; ENDPOINT_COUNT: none. */
enum endpoint endpoint_find(const char *base, struct slice path);
const char *endpoint_path(enum endpoint endpoint);
void endpoint_serve(struct monitor *monitor, struct http_exchange *exchange);

void answer_json(struct http_exchange *exchange, int status, struct buf *body);
void answer_text(struct http_exchange *exchange, int status, struct slice body);

/* cpu_gauge.c */
void cpu_gauge_init(struct cpu_gauge *gauge);
void cpu_gauge_stop(struct monitor *monitor);
double cpu_gauge_read(struct monitor *monitor); /* and keep sampling for a while */

/* monitor.c: failed handshakes by reason (TLS_REASON_COUNT of them). */
void monitor_tls_failures(const struct monitor *monitor, uint64_t *failed);

/* monitor.c: free the monitor when nothing is under way any more. */
void monitor_check_stopped(struct monitor *monitor);
