/* SPDX-License-Identifier: Apache-2.0 */
/* One /connz request: read the options, ask the loops, add the closed ones, print. Requests take their
 * turns, so that however many come, one set of copies exists at a time. */
#include "account/registry.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "monitor/closed.h"
#include "monitor/collect.h"
#include "monitor/connz.h"
#include "monitor/monitor_internal.h"
#include "monitor/pick.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"

struct connz_job {
        struct list turn;                /* in monitor->jobs while it waits */
        struct monitor *monitor;
        struct http_exchange *exchange;
        struct connz_options opts;       /* its texts are the job's own */
        struct collect collect;
};

static void start_next(struct monitor *monitor);

static void job_free(struct connz_job *job)
{
        collect_fini(&job->collect);
        xfree((char *)job->opts.user);
        xfree((char *)job->opts.account);
        xfree((char *)job->opts.mqtt_client);
        xfree(job);
}

static bool finds_open_cid(const struct connz_job *job)
{
        for (unsigned i = 0; i < job->collect.part_n; i++)
                if (job->collect.parts[i].n > 0)
                        return job->opts.cid != 0;
        return false;
}

static void offer(struct connz_job *job, struct pick *pick, const struct peer_info *info)
{
        const struct pick_item item = {
                .key = connz_key(job->opts.sort, info, job->collect.ask.now_ns),
                .tie = info->id,
                .value = (struct peer_info *)info,
        };
        pick_offer(pick, item);
}

static void add_open(struct connz_job *job, struct pick *pick, struct connz_page *page)
{
        for (unsigned i = 0; i < job->collect.part_n; i++) {
                const struct collect_part *part = &job->collect.parts[i];
                page->total += part->total;
                for (size_t at = 0; at < part->n; at++)
                        offer(job, pick, &part->infos[at]);
        }
}

static void add_closed(struct connz_job *job, struct pick *pick, struct connz_page *page)
{
        const struct closed_ring *ring = job->monitor->closed;
        bool hidden = finds_open_cid(job);
        for (size_t i = 0; i < closed_ring_count(ring); i++) {
                const struct peer_info *info = closed_ring_at(ring, i);
                page->total += connz_closed_counts(&job->opts, info);
                if (!hidden && connz_closed_matches(&job->opts, info))
                        offer(job, pick, info);
        }
}

static void answer(struct connz_job *job, bool unknown_account)
{
        struct buf body = { 0 };
        struct pick pick;
        struct connz_page page = {
                .server_id = unknown_account ? "" : job->monitor->env.server_id,
                .now_ns = job->collect.ask.now_ns,
                .unknown_account = unknown_account,
        };
        pick_init(&pick, connz_need(&job->opts));
        if (!unknown_account && job->opts.state != QUERY_STATE_CLOSED)
                add_open(job, &pick, &page);
        if (!unknown_account && job->opts.state != QUERY_STATE_OPEN)
                add_closed(job, &pick, &page);
        pick_sort(&pick);
        page.items = pick.items;
        page.n = pick.n;
        connz_render(&job->opts, &page, &body);
        pick_fini(&pick);
        answer_json(job->exchange, 200, &body);
        job_free(job);
}

static void on_collected(struct collect *collect)
{
        struct connz_job *job = CONTAINER_OF(collect, struct connz_job, collect);
        struct monitor *monitor = job->monitor;
        answer(job, false);
        monitor->job = NULL;
        start_next(monitor);
        monitor_check_stopped(monitor);
}

static void start(struct connz_job *job)
{
        struct monitor *monitor = job->monitor;
        struct peer_server *peers = monitor->env.peers;
        struct connz_options *opts = &job->opts;
        const struct account *account = NULL;
        job->collect.ask.now_ns = clock_wall_ns();
        if (opts->account[0]) {
                account = registry_find(peers->registry, slice_str(opts->account));
                if (account == NULL) {
                        answer(job, true);
                        return;
                }
        }
        if (opts->state == QUERY_STATE_CLOSED) {
                answer(job, false);
                return;
        }
        job->collect.ask.sort = opts->sort;
        job->collect.ask.need = connz_need(opts);
        job->collect.ask.want = (opts->subs ? PEER_WANT_SUBS : 0) | (opts->auth ? PEER_WANT_CERTS : 0);
        job->collect.ask.cid = opts->cid;
        job->collect.ask.account = account;
        job->collect.ask.user = opts->user;
        job->collect.ask.nobody = opts->mqtt_client[0] && opts->cid == 0;
        job->collect.done = on_collected;
        monitor->job = job;
        collect_start(&job->collect, peers);
}

/* A client that went away while waiting is not asked for. */
static void start_next(struct monitor *monitor)
{
        while (monitor->job == NULL && !list_empty(&monitor->jobs)) {
                struct connz_job *job = list_entry(monitor->jobs.next, struct connz_job, turn);
                list_remove(&job->turn);
                if (job->exchange->conn) {
                        start(job);
                } else {
                        http_answer(job->exchange, &(struct http_answer){ .status = 503 });
                        job_free(job);
                }
        }
}

void connz_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        struct buf error = { 0 };
        struct connz_options opts;
        if (connz_options_read(&opts, query, &error) < 0) {
                answer_text(exchange, 400, buf_slice(&error));
                buf_fini(&error);
                return;
        }
        struct connz_job *job = xnew(struct connz_job);
        job->monitor = monitor;
        job->exchange = exchange;
        job->opts = opts;
        job->opts.user = xstrdup(opts.user);
        job->opts.account = xstrdup(opts.account);
        job->opts.mqtt_client = xstrdup(opts.mqtt_client);
        list_push_back(&monitor->jobs, &job->turn);
        start_next(monitor);
}

void connz_jobs_drop(struct monitor *monitor)
{
        list_foreach_safe(&monitor->jobs, it) {
                struct connz_job *job = list_entry(it, struct connz_job, turn);
                list_remove(&job->turn);
                http_answer(job->exchange, &(struct http_answer){ .status = 503 });
                job_free(job);
        }
}
