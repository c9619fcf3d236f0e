/* SPDX-License-Identifier: Apache-2.0 */
/* /accountz and /accstatz: the accounts of this server (monitoring.md 5.8, 5.9). There is one account, so
 * what it sent and received is what the server did. */
#include "account/account.h"
#include "account/registry.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/stat.h"
#include "monitor/monitor_internal.h"
#include "monitor/subsz.h"
#include "net/loop.h"
#include "peer/peer_server.h"
#include "subject/trie.h"

static void put_time(struct json_writer *w, const char *key, uint64_t wall_ns)
{
        char text[48];
        clock_rfc3339(wall_ns, text, sizeof text);
        json_str(w, key, text);
}

static void open_page(struct json_writer *w, struct buf *body, const struct monitor_env *env)
{
        json_begin(w, body, 2);
        json_object_open(w, NULL);
        json_str(w, "server_id", env->server_id);
        put_time(w, "now", clock_wall_ns());
}

static int64_t clients_of(const struct account *account)
{
        return atomic_load_explicit(&account->shared.client_n, memory_order_relaxed);
}

static void put_detail(
        struct json_writer *w, const struct monitor_env *env, const struct account *account)
{
        struct trie_stats stats;
        trie_stats(account->trie, &stats);
        json_object_open(w, "account_detail");
        json_str(w, "account_name", account->name);
        put_time(w, "update_time", env->start_ns);
        json_bool(w, "expired", false);
        json_bool(w, "complete", true);
        json_bool(w, "jetstream_enabled", false);
        json_i64(w, "leafnode_connections", 0);
        json_i64(w, "client_connections", clients_of(account));
        json_u64(w, "subscriptions", stats.subscriptions);
        json_str(w, "name_tag", account->name);
        json_object_open(w, "sublist_stats");
        subsz_put_stats(w, &stats);
        json_object_close(w);
        json_object_close(w);
}

static void put_names(struct json_writer *w, const struct registry *registry)
{
        json_array_open(w, "accounts");
        for (unsigned i = 0; i < registry_count(registry); i++)
                json_str(w, NULL, registry_at(registry, i)->name);
        json_array_close(w);
}

void accountz_serve(
        struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const struct monitor_env *env = &monitor->env;
        const struct registry *registry = env->peers->registry;
        const char *name = query_text(query, "acc");
        const struct account *account = registry_find(registry, slice_str(name));
        struct buf body = { 0 };
        struct json_writer w;
        if (name[0] && account == NULL) {
                buf_printf(&body, "Account %s does not exist", name);
                answer_text(exchange, 400, buf_slice(&body));
                buf_fini(&body);
                return;
        }
        open_page(&w, &body, env);
        if (account)
                put_detail(&w, env, account);
        else
                put_names(&w, registry);
        json_object_close(&w);
        answer_json(exchange, 200, &body);
}

static uint64_t sum(const struct peer_server *peers, enum stat_id id)
{
        uint64_t n = 0;
        for (unsigned i = 0; i < peers->loop_n; i++)
                n += stat_get(&peers->loops[i]->stats, id);
        return n;
}

static void put_traffic(struct json_writer *w, const char *key, uint64_t msgs, uint64_t bytes)
{
        static const char *const others[] = { "gateways", "routes", "leafs" };
        json_object_open(w, key);
        json_u64(w, "msgs", msgs);
        json_u64(w, "bytes", bytes);
        for (size_t i = 0; i < ARRAY_N(others); i++) {
                json_object_open(w, others[i]);
                json_u64(w, "msgs", 0);
                json_u64(w, "bytes", 0);
                json_object_close(w);
        }
        json_object_close(w);
}

static void put_statz(
        struct json_writer *w, const struct peer_server *peers, const struct account *account)
{
        json_object_open(w, NULL);
        json_str(w, "acc", account->name);
        json_str(w, "name", account->name);
        json_i64(w, "conns", clients_of(account));
        json_i64(w, "leafnodes", 0);
        json_i64(w, "total_conns", clients_of(account));
        json_u64(w, "num_subscriptions", trie_count(account->trie));
        put_traffic(w, "sent", sum(peers, STAT_OUT_CLIENT_MSGS), sum(peers, STAT_OUT_CLIENT_BYTES));
        put_traffic(
                w, "received", sum(peers, STAT_IN_CLIENT_MSGS), sum(peers, STAT_IN_CLIENT_BYTES));
        json_u64(w, "slow_consumers",
                atomic_load_explicit(&account->shared.slow_consumers, memory_order_relaxed));
        json_object_close(w);
}

void accstatz_serve(
        struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const struct monitor_env *env = &monitor->env;
        const struct account *account = registry_global(env->peers->registry);
        struct buf body = { 0 };
        struct json_writer w;
        open_page(&w, &body, env);
        json_array_open(&w, "account_statz");
        if (query_bool(query, "unused") || clients_of(account) > 0)
                put_statz(&w, env->peers, account);
        json_array_close(&w);
        json_object_close(&w);
        answer_json(exchange, 200, &body);
}
