/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/tlsz.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/options.h"
#include "monitor/connz.h"
#include "monitor/failures.h"
#include "monitor/monitor_internal.h"
#include "peer/peer_server.h"
#include "tls/facts.h"
#include "tls/tls_ctx.h"
#include <string.h>

static void put_time(struct json_writer *w, const char *key, uint64_t wall_ns)
{
        char text[48];
        clock_rfc3339(wall_ns, text, sizeof text);
        json_str(w, key, text);
}

static void put_date(struct json_writer *w, const char *key, int64_t seconds)
{
        put_time(w, key, seconds > 0 ? (uint64_t)seconds * NS_PER_SEC : 0);
}

static void put_cert(struct json_writer *w, const struct tls_cert_facts *cert)
{
        json_str(w, "subject", cert->subject);
        json_str(w, "issuer", cert->issuer);
        json_str(w, "serial", cert->serial);
        if (cert->name_n > 0) {
                json_array_open(w, "names");
                for (int i = 0; i < cert->name_n; i++)
                        json_str(w, NULL, cert->names[i]);
                json_array_close(w);
        }
        put_date(w, "not_before", cert->not_before_s);
        put_date(w, "not_after", cert->not_after_s);
        json_str(w, "key", cert->key);
        json_str(w, "cert_sha256", cert->sha256);
}

static void put_pair(struct json_writer *w, const struct tls_cert_facts *cert,
        const struct tls_options *tls, int i)
{
        json_object_open(w, NULL);
        put_cert(w, cert);
        json_i64(w, "intermediates", cert->chain_n);
        if (i < tls->pair_n)
                json_str_opt(w, "cert_file", tls->pairs[i].cert_file);
        json_object_close(w);
}

static void put_rotation(struct json_writer *w, const struct tls_rotation *rotation)
{
        json_object_open(w, "files");
        json_bool(w, "watched", rotation->watching);
        json_u64(w, "taken", rotation->taken_n);
        if (rotation->taken_ns)
                put_time(w, "last_taken", rotation->taken_ns);
        json_u64(w, "refused", rotation->refused_n);
        if (rotation->refused_ns)
                put_time(w, "last_refused", rotation->refused_ns);
        json_str_opt(w, "not_used_because", rotation->refusal);
        json_object_close(w);
}

static void put_authorities(struct json_writer *w, const struct tls_facts *facts)
{
        json_i64(w, "authority_count", facts->authority_total);
        json_array_open(w, "authorities");
        for (int i = 0; i < facts->authority_n; i++) {
                json_object_open(w, NULL);
                put_cert(w, &facts->authorities[i]);
                json_object_close(w);
        }
        json_array_close(w);
}

static void put_staple(struct json_writer *w, const struct tls_facts *facts)
{
        if (facts->staple == NULL)
                return;
        json_object_open(w, "staple");
        json_str(w, "status", facts->staple);
        put_date(w, "this_update", facts->staple_this_s);
        if (facts->staple_next_s)
                put_date(w, "next_update", facts->staple_next_s);
        json_object_close(w);
}

static void put_context(struct json_writer *w, const struct tlsz *page)
{
        const struct tls_options *tls = &page->options->tls;
        json_object_open(w, NULL);
        json_str(w, "listener", "client");
        json_str(w, "min_version", tls->min_version == TLS_VERSION_1_3 ? "1.3" : "1.2");
        json_bool(w, "verify", tls->verify);
        json_bool(w, "handshake_first", tls->handshake_first);
        json_array_open(w, "certificates");
        for (int i = 0; i < page->facts->cert_n; i++)
                put_pair(w, &page->facts->certs[i], tls, i);
        json_array_close(w);
        put_staple(w, page->facts);
        json_str_opt(w, "ca_file", tls->ca_file);
        if (tls->ca_file)
                put_authorities(w, page->facts);
        put_rotation(w, page->rotation);
        json_object_close(w);
}

/* Reasons in the order of their names, as Go prints maps. */
static void put_reasons(struct json_writer *w, const uint64_t *failed, bool noise)
{
        const char *last = "";
        for (;;) {
                int next = -1;
                for (int i = 0; i < TLS_REASON_COUNT; i++) {
                        const char *name = tls_reason_name((enum tls_reason)i);
                        if (failed[i] > 0 && tls_reason_is_noise((enum tls_reason)i) == noise &&
                                strcmp(name, last) > 0 &&
                                (next < 0 ||
                                        strcmp(name, tls_reason_name((enum tls_reason)next)) < 0))
                                next = i;
                }
                if (next < 0)
                        return;
                last = tls_reason_name((enum tls_reason)next);
                json_u64(w, last, failed[next]);
        }
}

static uint64_t sum(const uint64_t *failed, bool noise)
{
        uint64_t n = 0;
        for (int i = 0; i < TLS_REASON_COUNT; i++)
                if (tls_reason_is_noise((enum tls_reason)i) == noise)
                        n += failed[i];
        return n;
}

void tlsz_put_counts(
        struct json_writer *w, const char *key, const uint64_t failed[TLS_REASON_COUNT])
{
        json_object_open(w, key);
        json_u64(w, "failed", sum(failed, false));
        json_u64(w, "probes", sum(failed, true));
        json_object_open(w, "failed_by_reason");
        put_reasons(w, failed, false);
        json_object_close(w);
        json_object_open(w, "probes_by_reason");
        put_reasons(w, failed, true);
        json_object_close(w);
        json_object_close(w);
}

static void put_failed_cert(struct json_writer *w, const struct tls_verdict *verdict)
{
        if (verdict->sha256[0] == '\0')
                return;
        json_object_open(w, "certificate");
        json_str(w, "subject", verdict->subject);
        json_str_opt(w, "issuer", verdict->issuer);
        if (verdict->not_after_s) {
                put_date(w, "not_before", verdict->not_before_s);
                put_date(w, "not_after", verdict->not_after_s);
        }
        json_str(w, "cert_sha256", verdict->sha256);
        json_object_close(w);
}

static void put_failure(struct json_writer *w, const struct failure_entry *entry)
{
        const struct tls_failure *failure = entry->last;
        const struct tls_verdict *verdict = &failure->verdict;
        json_object_open(w, NULL);
        json_str(w, "reason", tls_reason_name(verdict->reason));
        json_str(w, "side", tls_side_name(verdict->side));
        json_str(w, "error", verdict->text);
        json_str(w, "rule", verdict->rule);
        json_str(w, "remedy", verdict->remedy);
        if (verdict->alert >= 0) {
                const char *name = tls_alert_text(verdict->alert);
                json_i64(w, "alert", verdict->alert);
                json_str_opt(w, "alert_name", name);
        }
        json_str(w, "listener", failure->listener);
        json_str(w, "ip", failure->ip);
        json_i64(w, "port", failure->port);
        if (failure->cid)
                json_u64(w, "cid", failure->cid);
        json_str_opt(w, "server_name", verdict->sni);
        put_failed_cert(w, verdict);
        json_u64(w, "count", entry->count);
        put_time(w, "first", entry->first_ns);
        put_time(w, "last", failure->at_ns);
        json_object_close(w);
}

/* Returns how many there are to page through. */
static uint64_t put_ring(struct json_writer *w, const char *key, const struct failure_ring *ring,
        const struct tlsz *page)
{
        int64_t at = 0;
        json_array_open(w, key);
        for (size_t i = 0; i < failure_ring_count(ring); i++) {
                const struct failure_entry *entry = failure_ring_at(ring, i);
                if (page->reason[0] &&
                        strcmp(page->reason, tls_reason_name(entry->last->verdict.reason)) != 0)
                        continue;
                if (at >= page->offset && at - page->offset < page->limit)
                        put_failure(w, entry);
                at++;
        }
        json_array_close(w);
        return (uint64_t)at;
}

void tlsz_render(const struct tlsz *page, struct buf *out)
{
        struct json_writer w;
        json_begin(&w, out, 2);
        json_object_open(&w, NULL);
        json_str(&w, "server_id", page->server_id);
        put_time(&w, "now", page->now_ns);
        json_array_open(&w, "contexts");
        if (page->facts)
                put_context(&w, page);
        json_array_close(&w);
        tlsz_put_counts(&w, "handshakes", page->failed);
        json_i64(&w, "offset", page->offset);
        json_i64(&w, "limit", page->limit);
        uint64_t total = put_ring(&w, "failures", page->failures, page);
        total += put_ring(&w, "probes", page->probes, page);
        json_u64(&w, "total", total);
        json_object_close(&w);
}

static const struct tls_rotation no_rotation;

void tlsz_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const struct monitor_env *env = &monitor->env;
        struct tls_facts *facts = env->tls ? tls_ctx_facts(env->tls) : NULL;
        uint64_t failed[TLS_REASON_COUNT];
        struct buf body = { 0 };
        int64_t offset = query_int(query, "offset"), limit = query_int(query, "limit");
        monitor_tls_failures(monitor, failed);
        const struct tlsz page = {
                .server_id = env->server_id,
                .now_ns = clock_wall_ns(),
                .options = env->options,
                .facts = facts,
                .rotation = env->rotation ? env->rotation : &no_rotation,
                .failed = failed,
                .failures = monitor->failures,
                .probes = monitor->probes,
                .reason = query_text(query, "reason"),
                .offset = offset > 0 ? offset : 0,
                .limit = limit > 0 ? limit : CONNZ_LIMIT_DEFAULT,
        };
        tlsz_render(&page, &body);
        tls_facts_free(facts);
        answer_json(exchange, 200, &body);
}
