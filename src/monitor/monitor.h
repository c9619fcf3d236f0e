/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h: the server's state over HTTP or HTTPS, in the JSON of the reference (monitoring.md).
 *
 * Everything runs on the control loop; what connections know is asked of their loops by mail
 * (collect.h), so a request never stops anybody. */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

struct crypto_pool;
struct loop;
struct monitor;
struct ocsp_cache;
struct options;
struct peer_info;
struct peer_server;
struct tls_failure;
struct tls_rotation;
struct tls_ctx;

/* The two names are copied. The other pointers are borrowed and outlive the monitor, but for
 * options, tls and ocsp_cache, which the setters below replace. */
struct monitor_env {
        struct loop *control;
        struct crypto_pool *crypto; /* may be NULL without https */
        struct peer_server *peers;
        struct tls_ctx *tls;                 /* of the client port; NULL: none */
        const struct tls_rotation *rotation; /* of the client port's files; NULL: none */
        struct ocsp_cache *ocsp_cache;       /* of ocsp_peer; NULL: it is off */
        const struct options *options;
        const char *server_id;
        const char *server_name;
        const char *git_commit; /* NULL: not told */
        uint64_t start_ns;      /* wall clock, as is the next */
        uint64_t config_load_ns;
        uint64_t start_mono_ns; /* the same moment as start_ns, by the monotonic clock */
        int client_port;        /* the real one */
        /* Are all configured listeners up?
         * NULL: they are. */
        bool (*listeners_up)(void *ctx);
        void *listeners_ctx;
        /* The last call, some turns of the control loop after monitor_stop(). May be NULL. */
        void (*on_stopped)(void *ctx);
        void *stopped_ctx;
};

/* Listen and serve. Control thread, before or while its loop runs. Logs where it listens.
 * Returns: 0, or negative with the reference's words in eb */
MUST_CHECK int monitor_start(
        struct monitor **out, const struct monitor_env *env, struct errbuf *eb);

int monitor_port(const struct monitor *monitor); /* the real one */

/* After a reload. The old options are not touched any more. */
void monitor_set_options(
        struct monitor *monitor, const struct options *options, uint64_t config_load_ns);
/* Handshakes that begin from now on use it; on failure (logged) the last good one stays. */
void monitor_set_tls(struct monitor *monitor, struct tls_ctx *tls);

/* The cache before is not touched any more. */
void monitor_set_ocsp_cache(struct monitor *monitor, struct ocsp_cache *cache);

/* A connection ended: take its record into the ring of closed ones. */
void monitor_add_closed(struct monitor *monitor, struct peer_info *record);

/* Likewise of a failed handshake, into what /tlsz shows. */
void monitor_add_tls_failure(struct monitor *monitor, struct tls_failure *failure);

/* Stop listening, drop all connections, then free everything: asynchronous, while the loop runs on.
 * The pointer is not to be used any more. */
void monitor_stop(struct monitor *monitor);
