/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/connz.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "monitor/pick.h"
#include "monitor/query.h"
#include "peer/peer_info.h"
#include <string.h>

static const char *const sort_names[CONNZ_SORT_COUNT] = {
#define SORT(id, name, key) [CONNZ_SORT_##id] = name,
#include "monitor/connz_sort.def"
#undef SORT
};

/* ---- options ----------------------------------------------------------------------------- */

static int refuse(struct buf *error, const char *text)
{
        buf_append_str(error, text);
        return ERR_INVALID;
}

static bool sort_find(const char *name, enum connz_sort *out)
{
        for (int i = 0; i < CONNZ_SORT_COUNT; i++) {
                if (strcmp(name, sort_names[i]) == 0) {
                        *out = (enum connz_sort)i;
                        return true;
                }
        }
        return name[0] == '\0';
}

int connz_options_read(struct connz_options *out, const struct query *query, struct buf *error)
{
        int64_t offset = query_int(query, "offset"), limit = query_int(query, "limit");
        *out = (struct connz_options){
                .sort = CONNZ_SORT_CID,
                .auth = query_bool(query, "auth"),
                .subs = (int)query_int(query, "subs"),
                .state = (int)query_int(query, "state"),
                .offset = offset > 0 ? offset : 0,
                .limit = limit > 0 ? limit : CONNZ_LIMIT_DEFAULT,
                .cid = query_u64(query, "cid"),
                .user = query_text(query, "user"),
                .account = query_text(query, "acc"),
                .mqtt_client = query_text(query, "mqtt_client"),
        };
        if (!sort_find(query_text(query, "sort"), &out->sort)) {
                buf_printf(error, "invalid sorting option: %s", query_text(query, "sort"));
                return ERR_INVALID;
        }
        if (out->sort == CONNZ_SORT_STOP && out->state != QUERY_STATE_CLOSED)
                return refuse(error, "sort by stop only valid on closed connections");
        if (out->sort == CONNZ_SORT_REASON && out->state != QUERY_STATE_CLOSED)
                return refuse(error, "sort by reason only valid on closed connections");
        if (out->cid)
                out->limit = 1;
        return 0;
}

size_t connz_need(const struct connz_options *opts)
{
        uint64_t sum = (uint64_t)opts->offset + (uint64_t)opts->limit;
        return sum < SIZE_MAX ? (size_t)sum : SIZE_MAX;
}

/* ---- order ------------------------------------------------------------------------------- */

#define DOWN(value) (UINT64_MAX - (uint64_t)(value))

/* How many reasons have a smaller text. */
static uint64_t reason_rank(enum close_reason reason)
{
        uint64_t rank = 0;
        for (int i = 0; i < CLOSE_COUNT; i++)
                rank += strcmp(close_reason_text((enum close_reason)i), close_reason_text(reason)) <
                        0;
        return rank;
}

uint64_t connz_key(enum connz_sort sort, const struct peer_info *p)
{
        switch (sort) {
#define SORT(id, name, key)                                                                        \
        case CONNZ_SORT_##id:                                                                      \
                return key;
#include "monitor/connz_sort.def"
#undef SORT
        default:
                return p->id;
        }
}

/* ---- closed connections ------------------------------------------------------------------ */

static bool in_global_account(const struct peer_info *info)
{
        return info->account == NULL || strcmp(info->account, "$G") == 0;
}

/* The reference keeps "" for the global account, so that no filter ever finds its closed
 * connections. */
static const char *closed_account(const struct peer_info *info)
{
        return in_global_account(info) ? "" : info->account;
}

bool connz_closed_counts(const struct connz_options *opts, const struct peer_info *info)
{
        return opts->account[0] == '\0' || strcmp(opts->account, closed_account(info)) == 0;
}

bool connz_closed_matches(const struct connz_options *opts, const struct peer_info *info)
{
        if (!connz_closed_counts(opts, info) || (opts->cid && info->id != opts->cid))
                return false;
        if (opts->user[0] && strcmp(opts->user, info->user ? info->user : "") != 0)
                return false;
        return opts->mqtt_client[0] == '\0'; /* no connection has such an id */
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *key, uint64_t wall_ns)
{
        char text[48];
        clock_rfc3339(wall_ns, text, sizeof text);
        json_str(w, key, text);
}

static void put_uptime(struct json_writer *w, const char *key, uint64_t ns)
{
        char text[48];
        clock_uptime(ns / NS_PER_SEC, text, sizeof text);
        json_str(w, key, text);
}

static void put_rtt(struct json_writer *w, int64_t rtt_ns)
{
        char text[48];
        if (rtt_ns > (int64_t)NS_PER_US && rtt_ns < (int64_t)NS_PER_MS)
                rtt_ns -= rtt_ns % (int64_t)NS_PER_US;
        clock_duration(rtt_ns, text, sizeof text);
        json_str(w, "rtt", text);
}

static void put_certs(struct json_writer *w, const struct peer_info *info)
{
        json_array_open(w, "tls_peer_certs");
        for (int i = 0; i < info->cert_n; i++) {
                json_object_open(w, NULL);
                json_str_opt(w, "subject", info->certs[i].subject);
                json_str_opt(w, "spki_sha256", info->certs[i].spki_sha256);
                json_str_opt(w, "cert_sha256", info->certs[i].cert_sha256);
                json_object_close(w);
        }
        json_array_close(w);
}

static void put_sub_detail(
        struct json_writer *w, const struct peer_info *info, const struct sub_info *sub)
{
        json_object_open(w, NULL);
        if (info->stop_ns) {
                json_str_opt(w, "account", info->account);
                json_str_opt(w, "account_tag", info->account);
        }
        json_str(w, "subject", sub->subject);
        json_str_opt(w, "qgroup", sub->queue);
        json_str(w, "sid", sub->sid);
        json_u64(w, "msgs", sub->msgs);
        json_i64_opt(w, "max", (int64_t)sub->max);
        json_u64(w, "cid", info->id);
        json_object_close(w);
}

static void put_subs(struct json_writer *w, const struct peer_info *info, int subs)
{
        bool detail = subs == QUERY_SUBS_DETAIL;
        if (subs == QUERY_SUBS_NONE || info->sub_n == 0)
                return;
        json_array_open(w, detail ? "subscriptions_list_detail" : "subscriptions_list");
        for (uint32_t i = 0; i < info->sub_n; i++) {
                if (detail)
                        put_sub_detail(w, info, &info->subs[i]);
                else
                        json_str(w, NULL, info->subs[i].subject);
        }
        json_array_close(w);
}

static void put_traffic(struct json_writer *w, const struct peer_info *info)
{
        json_u64(w, "pending_bytes", info->pending_bytes);
        json_u64(w, "in_msgs", info->in_msgs);
        json_u64(w, "out_msgs", info->out_msgs);
        json_u64(w, "in_bytes", info->in_bytes);
        json_u64(w, "out_bytes", info->out_bytes);
        json_i64_opt(w, "stalls", (int64_t)info->stalls);
        json_u64(w, "subscriptions", info->subscriptions);
}

static void put_auth(struct json_writer *w, const struct peer_info *info)
{
        json_str_opt(w, "authorized_user", info->user);
        if (!in_global_account(info))
                json_str_opt(w, "account", info->account);
}

static void put_conn(
        struct json_writer *w, const struct connz_options *opts, const struct peer_info *info)
{
        json_object_open(w, NULL);
        json_u64(w, "cid", info->id);
        json_str_opt(w, "kind", info->kind);
        json_str_opt(w, "type", info->type);
        json_str(w, "ip", info->ip);
        json_i64(w, "port", info->port);
        put_time(w, "start", info->start_ns);
        put_time(w, "last_activity", info->last_activity_ns);
        if (info->stop_ns) {
                put_time(w, "stop", info->stop_ns);
                json_str(w, "reason", close_reason_text(info->reason));
        }
        put_rtt(w, info->rtt_ns);
        put_uptime(w, "uptime", info->uptime_ns);
        put_uptime(w, "idle", info->idle_ns);
        put_traffic(w, info);
        json_str_opt(w, "name", info->name);
        json_str_opt(w, "lang", info->lang);
        json_str_opt(w, "version", info->version);
        json_str_opt(w, "tls_version", info->tls_version);
        json_str_opt(w, "tls_cipher_suite", info->tls_cipher);
        if (opts->auth && info->cert_n > 0)
                put_certs(w, info);
        json_bool_opt(w, "tls_first", info->tls_first);
        if (opts->auth)
                put_auth(w, info);
        put_subs(w, info, opts->subs);
        if (opts->auth && (info->stop_ns == 0 || !in_global_account(info)))
                json_str_opt(w, "name_tag", info->account);
        json_object_close(w);
}

void connz_render(const struct connz_options *opts, const struct connz_page *page, struct buf *out)
{
        struct json_writer w;
        size_t n = opts->cid && page->n > 1 ? 1 : page->n;
        size_t start = (uint64_t)opts->offset < n ? (size_t)opts->offset : n;
        size_t shown = (uint64_t)opts->limit < n - start ? (size_t)opts->limit : n - start;
        json_begin(&w, out, 2);
        json_object_open(&w, NULL);
        json_str(&w, "server_id", page->server_id);
        put_time(&w, "now", page->now_ns);
        json_u64(&w, "num_connections", shown);
        json_u64(&w, "total", page->total);
        json_i64(&w, "offset", opts->offset);
        json_i64(&w, "limit", opts->limit);
        if (page->unknown_account) {
                json_nil(&w, "connections");
        } else {
                json_array_open(&w, "connections");
                for (size_t i = start; i < start + shown; i++)
                        put_conn(&w, opts, page->items[i].value);
                json_array_close(&w);
        }
        json_object_close(&w);
}
