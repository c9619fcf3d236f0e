/* SPDX-License-Identifier: Apache-2.0 */
/* /subsz: statistics of the subscription tries, summed over accounts, and on demand the list of all
 * subscriptions (monitoring.md 5.7). The match caches belong to the loops and keep no counts, so
 * their fields are zero. */
#include "account/account.h"
#include "account/registry.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "monitor/connz.h"
#include "monitor/job.h"
#include "monitor/monitor_internal.h"
#include "monitor/subsz.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "subject/subject.h"
#include "subject/trie.h"

struct subsz_job {
        struct job job;
        bool list;
        char *test, *account; /* "": not given */
        int64_t offset, limit;
        uint64_t total; /* that match, before paging */
};

static struct subsz_job *of(struct job *job)
{
        return CONTAINER_OF(job, struct subsz_job, job);
}

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

void subsz_put_stats(struct json_writer *w, const struct trie_stats *sum)
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

static void put_sub(struct json_writer *w, const struct peer_info *info, const struct sub_info *sub)
{
        json_object_open(w, NULL);
        json_str_opt(w, "account", info->account);
        json_str_opt(w, "account_tag", info->account);
        json_str(w, "subject", sub->subject);
        json_str_opt(w, "qgroup", sub->queue);
        json_str(w, "sid", sub->sid);
        json_u64(w, "msgs", sub->msgs);
        json_i64_opt(w, "max", (int64_t)sub->max);
        json_u64(w, "cid", info->id);
        json_object_close(w);
}

/* Count those that match; with a writer, print the page of them. */
static void walk(struct subsz_job *job, struct json_writer *w, const struct peer_info *info)
{
        for (uint32_t i = 0; i < info->sub_n; i++) {
                const struct sub_info *sub = &info->subs[i];
                if (job->test[0] && !subject_matches(slice_str(job->test), slice_str(sub->subject)))
                        continue;
                uint64_t at = job->total++, offset = (uint64_t)job->offset;
                if (w && at >= offset && at - offset < (uint64_t)job->limit)
                        put_sub(w, info, sub);
        }
}

static void walk_all(struct subsz_job *job, struct json_writer *w)
{
        const struct collect *collect = &job->job.collect;
        job->total = 0;
        for (unsigned i = 0; i < collect->part_n; i++)
                for (size_t at = 0; at < collect->parts[i].n; at++)
                        walk(job, w, &collect->parts[i].infos[at]);
}

static void put_list(struct subsz_job *job, struct json_writer *w)
{
        if (job->total <= (uint64_t)job->offset)
                return; /* an empty list is left out */
        json_array_open(w, "subscriptions_list");
        walk_all(job, w);
        json_array_close(w);
}

static void answer(struct job *base)
{
        struct subsz_job *job = of(base);
        const struct monitor_env *env = &base->monitor->env;
        struct trie_stats sum = { 0 };
        struct buf body = { 0 };
        struct json_writer w;
        char now[48];
        sum_up(env->peers->registry, job->account, &sum);
        walk_all(job, NULL);
        clock_rfc3339(base->collect.ask.now_ns, now, sizeof now);
        json_begin(&w, &body, 2);
        json_object_open(&w, NULL);
        json_str(&w, "server_id", env->server_id);
        json_str(&w, "now", now);
        subsz_put_stats(&w, &sum);
        json_u64(&w, "total", job->total);
        json_i64(&w, "offset", job->offset);
        json_i64(&w, "limit", job->limit);
        put_list(job, &w);
        json_object_close(&w);
        answer_json(base->exchange, 200, &body);
}

static bool on_start(struct job *base)
{
        struct subsz_job *job = of(base);
        struct collect_ask *ask = &base->collect.ask;
        if (job->account[0])
                ask->account =
                        registry_find(base->monitor->env.peers->registry, slice_str(job->account));
        if (!job->list || (job->account[0] && ask->account == NULL)) {
                answer(base);
                return false;
        }
        ask->need = SIZE_MAX;
        ask->want = PEER_WANT_SUBS;
        ask->user = "";
        return true;
}

static void on_free(struct job *base)
{
        struct subsz_job *job = of(base);
        xfree(job->test);
        xfree(job->account);
        xfree(job);
}

static const struct job_ops subsz_ops = { on_start, answer, on_free };

void subsz_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const char *test = query_text(query, "test");
        int64_t offset = query_int(query, "offset"), limit = query_int(query, "limit");
        if (test[0] && !subject_is_valid_literal(slice_str(test))) {
                struct buf error = { 0 };
                buf_printf(&error, "invalid test subject, must be valid publish subject: %s", test);
                answer_text(exchange, 400, buf_slice(&error));
                buf_fini(&error);
                return;
        }
        struct subsz_job *job = xnew(struct subsz_job);
        job->list = query_bool(query, "subs");
        job->test = xstrdup(test);
        job->account = xstrdup(query_text(query, "acc"));
        job->offset = offset > 0 ? offset : 0;
        job->limit = limit > 0 ? limit : CONNZ_LIMIT_DEFAULT;
        job_queue(&job->job, &subsz_ops, monitor, exchange);
}
