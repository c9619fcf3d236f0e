/* SPDX-License-Identifier: Apache-2.0 */
/* subsz.c: statistics of the subscription tries, summed over accounts (monitoring.md 5.7). The match
 * caches belong to the loops and keep no counts, so their fields are zero. */
#include "account/account.h"
#include "account/registry.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "monitor/connz.h"
#include "monitor/monitor_internal.h"
#include "peer/peer_server.h"
#include "subject/subject.h"
#include "subject/trie.h"

static void sum_up(const struct registry *registry, const char *only, struct trie_stats *sum)
{
        for (unsigned i = 0; i < registry_count(registry); i++) {
                const struct account *account = registry_at(registry, i);
                struct trie_stats stats;
                if (only[0] && !slice_eq_str(slice_str(only), account->name))
                        continue;
                trie_stats(account->trie, &stats);
                sum->subscriptions += stats.subscriptions;
                sum->inserts += stats.inserts;
                sum->removes += stats.removes;
        }
}

static void put_stats(struct json_writer *w, const struct trie_stats *sum)
{
        json_u64(w, "num_subscriptions", sum->subscriptions);
        json_u64(w, "num_cache", 0);
        json_u64(w, "num_inserts", sum->inserts);
        json_u64(w, "num_removes", sum->removes);
        json_u64(w, "num_matches", 0);
        json_f64(w, "cache_hit_rate", 0);
        json_u64(w, "max_fanout", 0);
        json_f64(w, "avg_fanout", 0);
}

void subsz_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        struct buf body = { 0 };
        struct json_writer w;
        struct trie_stats sum = { 0 };
        char now[48];
        const char *test = query_text(query, "test");
        int64_t offset = query_int(query, "offset"), limit = query_int(query, "limit");
        if (test[0] && !subject_is_valid_literal(slice_str(test))) {
                buf_printf(&body, "invalid test subject, must be valid publish subject: %s", test);
                answer_text(exchange, 400, buf_slice(&body));
                buf_fini(&body);
                return;
        }
        sum_up(monitor->env.peers->registry, query_text(query, "acc"), &sum);
        clock_rfc3339(clock_wall_ns(), now, sizeof now);
        json_begin(&w, &body, 2);
        json_object_open(&w, NULL);
        json_str(&w, "server_id", monitor->env.server_id);
        json_str(&w, "now", now);
        put_stats(&w, &sum);
        json_u64(&w, "total", 0);
        json_i64(&w, "offset", offset > 0 ? offset : 0);
        json_i64(&w, "limit", limit > 0 ? limit : CONNZ_LIMIT_DEFAULT);
        json_object_close(&w);
        answer_json(exchange, 200, &body);
}
