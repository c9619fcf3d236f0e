/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/varz.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/version.h"
#include "conf/options.h"
#include "monitor/connz.h"
#include "monitor/monitor.h"
#include "monitor/tlsz.h"
#include <stdlib.h>
#include <string.h>

static void put_time(struct json_writer *w, const char *key, uint64_t wall_ns)
{
        char text[48];
        clock_rfc3339(wall_ns, text, sizeof text);
        json_str(w, key, text);
}

static void put_seconds(struct json_writer *w, const char *key, int64_t ns)
{
        json_f64(w, key, (double)ns / 1e9);
}

static void put_empty(struct json_writer *w, const char *key)
{
        json_object_open(w, key);
        json_object_close(w);
}

static void put_server(struct json_writer *w, const struct monitor_env *env)
{
        const struct options *opts = env->options;
        json_str(w, "server_id", env->server_id);
        json_str(w, "server_name", env->server_name);
        json_str(w, "version", MIDGE_NATS_LEVEL);
        json_i64(w, "proto", 1);
        json_str_opt(w, "git_commit", env->git_commit);
        json_str(w, "go", MIDGE_TOOLCHAIN);
        json_str(w, "host", opts->client.host);
        json_i64(w, "port", env->client_port);
        json_bool_opt(w, "auth_required", auth_options_required(&opts->auth));
        json_bool_opt(w, "tls_required", opts->tls.enabled && !opts->allow_non_tls);
        json_bool_opt(w, "tls_verify", opts->tls.enabled && opts->tls.verify);
        json_bool_opt(w, "tls_ocsp_peer_verify",
                opts->tls.enabled && !opts->allow_non_tls && opts->tls.ocsp_peer.verify);
}

static void put_limits(struct json_writer *w, const struct options *opts)
{
        json_i64(w, "max_connections", opts->limits.max_connections);
        json_i64_opt(w, "max_subscriptions", opts->limits.max_subscriptions);
        json_i64(w, "ping_interval", opts->timing.ping_interval_ns);
        json_i64(w, "ping_max", opts->timing.ping_max);
        json_str(w, "http_host", opts->monitor.host);
        json_i64(w, "http_port", opts->monitor.http_port);
        json_str(w, "http_base_path", opts->monitor.base_path);
        json_i64(w, "https_port", opts->monitor.https_port);
        put_seconds(w, "auth_timeout", opts->timing.auth_timeout_ns);
        json_i64(w, "max_control_line", opts->limits.max_control_line_bytes);
        json_i64(w, "max_payload", opts->limits.max_payload_bytes);
        json_i64(w, "max_pending", opts->limits.max_pending_bytes);
}

/* Parts that are not configured here are there all the same: tools look into them. */
static void put_parts(struct json_writer *w)
{
        static const char *const parts[] = { "cluster", "gateway", "leaf", "mqtt", "websocket",
                "jetstream" };
        for (size_t i = 0; i < ARRAY_N(parts); i++)
                put_empty(w, parts[i]);
}

static const char *write_timeout_text(enum write_timeout_policy policy)
{
        return policy == WRITE_TIMEOUT_CLOSE   ? "close"
               : policy == WRITE_TIMEOUT_RETRY ? "retry"
                                               : "";
}

static void put_process(
        struct json_writer *w, const struct monitor_env *env, const struct varz_numbers *n)
{
        char uptime[48];
        clock_uptime(n->uptime_ns / NS_PER_SEC, uptime, sizeof uptime);
        put_seconds(w, "tls_timeout", env->options->tls.timeout_ns);
        json_i64(w, "write_deadline", env->options->timing.write_deadline_ns);
        json_str_opt(w, "write_timeout", write_timeout_text(env->options->timing.write_timeout));
        put_time(w, "start", env->start_ns);
        put_time(w, "now", n->now_ns);
        json_str(w, "uptime", uptime);
        json_u64(w, "mem", n->rss_bytes);
        json_i64(w, "cores", n->cores);
        json_i64(w, "gomaxprocs", n->cores);
        json_f64(w, "cpu", n->cpu_percent);
}

static void put_counters(struct json_writer *w, const struct varz_numbers *n)
{
        static const struct {
                const char *key;
                enum stat_id id;
        } counters[] = {
                { "in_msgs", STAT_IN_CLIENT_MSGS }, /* clients are the only kind there is */
                { "in_bytes", STAT_IN_CLIENT_BYTES },
                { "in_client_msgs", STAT_IN_CLIENT_MSGS },
                { "in_client_bytes", STAT_IN_CLIENT_BYTES },
                { "out_msgs", STAT_OUT_CLIENT_MSGS },
                { "out_bytes", STAT_OUT_CLIENT_BYTES },
                { "out_client_msgs", STAT_OUT_CLIENT_MSGS },
                { "out_client_bytes", STAT_OUT_CLIENT_BYTES },
                { "slow_consumers", STAT_SLOW_CONSUMERS },
                { "stale_connections", STAT_STALE_CONNECTIONS },
                { "stalled_clients", STAT_STALLS },
        };
        json_u64(w, "connections", n->connections);
        json_u64(w, "total_connections", n->total_connections);
        json_u64(w, "routes", 0);
        json_u64(w, "remotes", 0);
        json_u64(w, "leafnodes", 0);
        for (size_t i = 0; i < ARRAY_N(counters); i++)
                json_u64(w, counters[i].key, n->counter[counters[i].id]);
        json_u64(w, "subscriptions", n->subscriptions);
}

static void put_hits(struct json_writer *w, const struct varz_numbers *n)
{
        json_object_open(w, "http_req_stats");
        for (size_t i = 0; i < n->hit_n; i++)
                json_u64(w, n->hits[i].name, n->hits[i].n);
        json_object_close(w);
}

struct pair {
        const char *key, *value;
};

static int compare_keys(const void *a, const void *b)
{
        return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Maps are printed in the order of their keys. */
static void put_metadata(struct json_writer *w, const struct options *opts)
{
        size_t n = (size_t)opts->about.metadata_n;
        if (n == 0)
                return;
        struct pair *pairs = xcalloc(n, sizeof pairs[0]);
        for (size_t i = 0; i < n; i++)
                pairs[i] = (struct pair){ opts->about.keys[i], opts->about.values[i] };
        qsort(pairs, n, sizeof pairs[0], compare_keys);
        json_object_open(w, "metadata");
        for (size_t i = 0; i < n; i++)
                json_str(w, pairs[i].key, pairs[i].value);
        json_object_close(w);
        xfree(pairs);
}

static void put_about(struct json_writer *w, const struct options *opts)
{
        if (opts->about.tag_n > 0) {
                json_array_open(w, "tags");
                for (int i = 0; i < opts->about.tag_n; i++)
                        json_str(w, NULL, opts->about.tags[i]);
                json_array_close(w);
        }
        put_metadata(w, opts);
}

static void put_by_kind(struct json_writer *w, const char *key, uint64_t clients)
{
        json_object_open(w, key);
        json_u64(w, "clients", clients);
        json_u64(w, "routes", 0);
        json_u64(w, "gateways", 0);
        json_u64(w, "leafs", 0);
        json_object_close(w);
}

static void put_disk(struct json_writer *w)
{
        json_object_open(w, "disk_io_wait_stats");
        json_u64(w, "waiters", 0);
        json_u64(w, "waits", 0);
        json_u64(w, "wait_time", 0);
        json_u64(w, "max_wait_time", 0);
        json_object_close(w);
}

static void put_ocsp_cache(struct json_writer *w, const struct ocsp_cache_stats *stats)
{
        json_object_open(w, "ocsp_peer_cache");
        json_str(w, "cache_type", "local");
        json_i64_opt(w, "cache_hits", (int64_t)stats->hits);
        json_i64_opt(w, "cache_misses", (int64_t)stats->misses);
        json_i64_opt(w, "cached_responses", (int64_t)stats->entries);
        json_i64_opt(w, "cached_revoked_responses", (int64_t)stats->revoked);
        json_i64_opt(w, "cached_good_responses", (int64_t)stats->good);
        json_i64_opt(w, "cached_unknown_responses", (int64_t)stats->unknown);
        json_object_close(w);
}

void varz_render(const struct monitor_env *env, const struct varz_numbers *n, struct buf *out)
{
        struct json_writer w;
        const struct options *opts = env->options;
        json_begin(&w, out, 2);
        json_object_open(&w, NULL);
        put_server(&w, env);
        put_limits(&w, opts);
        put_parts(&w);
        put_process(&w, env, n);
        put_counters(&w, n);
        put_hits(&w, n);
        put_time(&w, "config_load_time", env->config_load_ns);
        json_str(&w, "config_digest", opts->config_digest);
        put_about(&w, opts);
        if (n->ocsp_cached)
                put_ocsp_cache(&w, &n->ocsp_cache);
        put_by_kind(&w, "slow_consumer_stats", n->counter[STAT_SLOW_CONSUMERS]);
        put_by_kind(&w, "stale_connection_stats", n->counter[STAT_STALE_CONNECTIONS]);
        put_disk(&w);
        if (n->cert_not_after > 0)
                put_time(&w, "tls_cert_not_after", (uint64_t)n->cert_not_after * NS_PER_SEC);
        json_str(&w, "midge", MIDGE_VERSION); /* ours, behind everything the reference has */
        if (opts->tls.enabled)
                tlsz_put_counts(&w, "tls_handshakes", n->tls_failed);
        json_object_close(&w);
}
