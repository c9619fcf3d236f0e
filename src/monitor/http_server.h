/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.h: a small HTTP/1.0 and 1.1 server for one port, plain or TLS.
 *
 *   on_request(exchange) ──► any time later, or at once ──► http_answer(exchange)
 *
 * Requests of a connection are answered in order, one at a time: while one is being answered the
 * connection is not read. Bounds: HTTP_CONN_MAX connections (the longest idle one makes room),
 * HTTP_HELD_BYTES of unfinished requests together, HEAD_NS for a head to arrive.
 * Thread: all on the loop given at the start. */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto_pool;
struct http_conn;
struct http_server;
struct loop;
struct tls_ctx;
struct tls_failure;

#define HTTP_CONN_MAX 256
#define HTTP_HELD_BYTES (16 * 1024 * 1024)

/* One request until its answer. */
struct http_exchange {
        struct http_conn *conn; /* NULL: the client went away; the answer is still due */
        struct slice path;      /* percent-decoded; starts with '/', or is "*" */
        struct slice query;     /* as sent, without '?' */
        bool is_get, is_head;
        int minor;       /* HTTP/1.minor */
        bool keep_alive; /* after the answer */
        void *ctx;       /* the handler's own */
        char text[];     /* holds path and query */
};

struct http_answer {
        int status;
        const char *content_type; /* NULL: none */
        const char *location;     /* NULL: none */
        bool any_origin;          /* Access-Control-Allow-Origin: * */
        bool nosniff;             /* X-Content-Type-Options: nosniff */
        struct slice body;        /* borrowed; not sent to a HEAD */
};

struct http_server_env {
        struct loop *loop;
        const char *host;
        int port;                   /* 0: any free one */
        struct tls_ctx *tls;        /* NULL: plain; else one reference is taken */
        struct crypto_pool *crypto; /* for TLS */
        void (*on_request)(void *ctx, struct http_exchange *exchange);
        /* Takes ownership; its listener is not set yet. */
        void (*on_tls_failure)(void *ctx, struct tls_failure *failure);
        void (*on_stopped)(void *ctx); /* nothing of the server is left */
        void *ctx;
};

/* eb: as listener_open(). */
MUST_CHECK int http_server_start(
        struct http_server **out, const struct http_server_env *env, struct errbuf *eb);
int http_server_port(const struct http_server *server);
void http_server_set_tls(struct http_server *server, struct tls_ctx *tls); /* takes a reference */
/* Asynchronous; ends in on_stopped(), never from inside this call. Exchanges that are still out
 * must be answered all the same. */
void http_server_stop(struct http_server *server);

/* Answer and free the exchange. */
void http_answer(struct http_exchange *exchange, const struct http_answer *answer);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). dst >= 30. */
void http_date(uint64_t wall_ns, char *dst, size_t size);
/* "Not Found"; "Unknown" for a status that is not used here. */
const char *http_status_text(int status);
