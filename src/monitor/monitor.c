/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"
#include "account/account.h"
#include "account/registry.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "conf/options.h"
#include "monitor/closed.h"
#include "monitor/failures.h"
#include "monitor/job.h"
#include "monitor/monitor_internal.h"
#include "monitor/tlsz.h"
#include "monitor/varz.h"
#include "net/loop.h"
#include "os/os.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "proto/http.h"
#include "subject/trie.h"
#include "tls/tls_ctx.h"
#include <string.h>

/* ---- /varz: gather what counters and options say ----------------------------------------- */

static uint64_t load(const _Atomic uint64_t *counter)
{
        return atomic_load_explicit(counter, memory_order_relaxed);
}

static void sum_loops(const struct peer_server *peers, struct varz_numbers *n)
{
        for (unsigned i = 0; i < peers->loop_n; i++)
                for (int id = 0; id < STAT_COUNT; id++)
                        n->counter[id] += stat_get(&peers->loops[i]->stats, (enum stat_id)id);
        for (unsigned i = 0; i < registry_count(peers->registry); i++)
                n->subscriptions += trie_count(registry_at(peers->registry, i)->trie);
}

void monitor_tls_failures(const struct monitor *monitor, uint64_t *failed)
{
        const struct peer_server *peers = monitor->env.peers;
        for (int i = 0; i < TLS_REASON_COUNT; i++)
                failed[i] = load(&peers->shared.tls_failures[i]);
}

static size_t list_hits(const struct monitor *monitor, struct varz_hit *hits)
{
        size_t n = 0;
        for (int i = 0; i < ENDPOINT_COUNT; i++)
                if (monitor->hits[i] > 0)
                        hits[n++] = (struct varz_hit){ endpoint_path((enum endpoint)i),
                                monitor->hits[i] };
        return n;
}

void varz_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const struct peer_server *peers = monitor->env.peers;
        struct varz_hit hits[ENDPOINT_COUNT];
        struct buf body = { 0 };
        struct varz_numbers n = {
                .now_ns = clock_wall_ns(),
                .uptime_ns = clock_span_ns(monitor->env.start_mono_ns, clock_mono_ns()),
                .rss_bytes = os_rss_bytes(),
                .cores = os_cpu_n(),
                .cpu_percent = cpu_gauge_read(monitor),
                .connections = (uint64_t)atomic_load_explicit(
                        &peers->shared.client_n, memory_order_relaxed),
                .total_connections = load(&peers->shared.total_n),
                .cert_not_after = monitor->env.tls ? tls_ctx_not_after(monitor->env.tls) : 0,
                .hits = hits,
                .hit_n = list_hits(monitor, hits),
        };
        (void)query;
        sum_loops(peers, &n);
        monitor_tls_failures(monitor, n.tls_failed);
        n.ocsp_cached = monitor->env.ocsp_cache && ocsp_cache_is_local(monitor->env.ocsp_cache);
        if (n.ocsp_cached)
                ocsp_cache_stats(monitor->env.ocsp_cache, &n.ocsp_cache);
        varz_render(&monitor->env, &n, &body);
        answer_json(exchange, 200, &body);
}

/* ---- life -------------------------------------------------------------------------------- */

/* A handshake of our own port failed. */
static void on_tls_failure(void *ctx, struct tls_failure *failure)
{
        struct monitor *monitor = ctx;
        struct peer_server *peers = monitor->env.peers;
        atomic_fetch_add_explicit(
                &peers->shared.tls_failures[failure->verdict.reason], 1, memory_order_relaxed);
        failure->listener = "monitoring";
        monitor_add_tls_failure(monitor, failure);
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
        struct monitor *monitor = ctx;
        if (monitor->stopping)
                answer_text(exchange, 503, SLICE_LIT("503 Service Unavailable"));
        else
                endpoint_serve(monitor, exchange);
}

static void monitor_free(struct monitor *monitor)
{
        closed_ring_free(monitor->closed);
        failure_ring_free(monitor->failures);
        failure_ring_free(monitor->probes);
        xfree((char *)monitor->env.server_id);
        xfree((char *)monitor->env.server_name);
        xfree(monitor->base);
        xfree(monitor);
}

void monitor_check_stopped(struct monitor *monitor)
{
        struct monitor_env env = monitor->env;
        if (!monitor->stopping || monitor->http || monitor->job)
                return;
        monitor_free(monitor);
        if (env.on_stopped)
                env.on_stopped(env.stopped_ctx);
}

static void on_http_stopped(void *ctx)
{
        struct monitor *monitor = ctx;
        monitor->http = NULL;
        monitor_check_stopped(monitor);
}

static char *normal_base(const char *base)
{
        struct buf rooted = { 0 }, clean = { 0 };
        if (base[0] != '/')
                buf_append_char(&rooted, '/');
        buf_append_str(&rooted, base);
        http_path_clean(buf_slice(&rooted), &clean);
        buf_fini(&rooted);
        return buf_take_str(&clean);
}

/* HTTPS asks nobody for a certificate, whatever the client port does. */
static int https_ctx(const struct monitor_env *env, struct tls_ctx **out, struct errbuf *eb)
{
        *out = NULL;
        if (env->options->monitor.https_port == 0)
                return 0;
        if (env->tls == NULL)
                return errbuf_set(eb, ERR_CONFIG, "TLS cert and key required for HTTPS");
        return tls_ctx_without_verify(env->tls, out, eb);
}

static int start_http(struct monitor *monitor, struct tls_ctx *tls, struct errbuf *eb)
{
        const struct monitor_options *opts = &monitor->env.options->monitor;
        int port = tls ? opts->https_port : opts->http_port;
        const struct http_server_env env = {
                .loop = monitor->env.control,
                .host = opts->host,
                .port = port == -1 ? 0 : port,
                .tls = tls,
                .crypto = monitor->env.crypto,
                .on_request = on_request,
                .on_tls_failure = on_tls_failure,
                .on_stopped = on_http_stopped,
                .ctx = monitor,
        };
        int rc = http_server_start(&monitor->http, &env, eb);
        if (rc < 0) {
                errbuf_prefix(eb, "can't listen to the monitor port");
                return rc;
        }
        bool v6 = strchr(opts->host, ':') != NULL;
        log_info(NULL, "Starting %s monitor on %s%s%s:%d", tls ? "https" : "http", v6 ? "[" : "",
                opts->host, v6 ? "]" : "", http_server_port(monitor->http));
        return 0;
}

int monitor_start(struct monitor **out, const struct monitor_env *env, struct errbuf *eb)
{
        const struct monitor_options *opts = &env->options->monitor;
        struct tls_ctx *tls;
        if (opts->http_port != 0 && opts->https_port != 0)
                return errbuf_set(eb, ERR_CONFIG,
                        "can't specify both HTTP (%d) and HTTPs (%d) ports", opts->http_port,
                        opts->https_port);
        int rc = https_ctx(env, &tls, eb);
        if (rc < 0)
                return rc;
        struct monitor *monitor = xnew(struct monitor);
        monitor->env = *env;
        monitor->env.server_id = xstrdup(env->server_id);
        monitor->env.server_name = xstrdup(env->server_name);
        list_init(&monitor->jobs);
        cpu_gauge_init(&monitor->cpu);
        rc = start_http(monitor, tls, eb);
        tls_ctx_unref(tls);
        if (rc < 0) {
                monitor_free(monitor);
                return rc;
        }
        monitor->port = http_server_port(monitor->http);
        monitor->base = normal_base(opts->base_path);
        monitor->closed =
                closed_ring_new(env->options->limits.max_closed_clients, CLOSED_RING_SUBS_BYTES);
        monitor->failures = failure_ring_new(TLSZ_FAILURES);
        monitor->probes = failure_ring_new(TLSZ_PROBES);
        *out = monitor;
        return 0;
}

int monitor_port(const struct monitor *monitor)
{
        return monitor->port;
}

void monitor_set_options(
        struct monitor *monitor, const struct options *options, uint64_t config_load_ns)
{
        monitor->env.options = options;
        monitor->env.config_load_ns = config_load_ns;
}

void monitor_set_ocsp_cache(struct monitor *monitor, struct ocsp_cache *cache)
{
        monitor->env.ocsp_cache = cache;
}

void monitor_set_tls(struct monitor *monitor, struct tls_ctx *tls)
{
        struct tls_ctx *https;
        struct errbuf eb = { "" };
        monitor->env.tls = tls;
        if (monitor->env.options->monitor.https_port == 0 || tls == NULL)
                return;
        if (tls_ctx_without_verify(tls, &https, &eb) < 0) {
                log_error(NULL, "monitoring: the new certificate cannot be used: %s", eb.text);
                return;
        }
        http_server_set_tls(monitor->http, https);
        tls_ctx_unref(https);
}

void monitor_add_closed(struct monitor *monitor, struct peer_info *record)
{
        closed_ring_add(monitor->closed, record);
}

void monitor_add_tls_failure(struct monitor *monitor, struct tls_failure *failure)
{
        bool noise = tls_reason_is_noise(failure->verdict.reason);
        failure_ring_add(noise ? monitor->probes : monitor->failures, failure);
}

void monitor_stop(struct monitor *monitor)
{
        monitor->stopping = true;
        cpu_gauge_stop(monitor);
        http_server_stop(monitor->http);
        jobs_drop(monitor);
}
