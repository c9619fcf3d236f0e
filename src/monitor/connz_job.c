/* SPDX-License-Identifier: Apache-2.0 */
/* One /connz request: read the options, ask the loops, add the closed ones, print. */
#include "account/registry.h"
#include "base/buf.h"
#include "base/mem.h"
#include "monitor/closed.h"
#include "monitor/connz.h"
#include "monitor/job.h"
#include "monitor/monitor_internal.h"
#include "monitor/pick.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"

struct connz_job {
        struct job job;
        struct connz_options opts; /* its texts are the job's own */
};

static struct connz_job *of(struct job *job)
{
        return CONTAINER_OF(job, struct connz_job, job);
}

static bool finds_open_cid(const struct connz_job *job)
{
        for (unsigned i = 0; i < job->job.collect.part_n; i++)
                if (job->job.collect.parts[i].n > 0)
                        return job->opts.cid != 0;
        return false;
}

static void offer(struct connz_job *job, struct pick *pick, const struct peer_info *info)
{
        const struct pick_item item = {
                .key = connz_key(job->opts.sort, info),
                .tie = info->id,
                .value = (struct peer_info *)info,
        };
        pick_offer(pick, item);
}

static void add_open(struct connz_job *job, struct pick *pick, struct connz_page *page)
{
        for (unsigned i = 0; i < job->job.collect.part_n; i++) {
                const struct collect_part *part = &job->job.collect.parts[i];
                page->total += part->total;
                for (size_t at = 0; at < part->n; at++)
                        offer(job, pick, &part->infos[at]);
        }
}

static void add_closed(struct connz_job *job, struct pick *pick, struct connz_page *page)
{
        const struct closed_ring *ring = job->job.monitor->closed;
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
                .server_id = unknown_account ? "" : job->job.monitor->env.server_id,
                .now_ns = job->job.collect.ask.now_ns,
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
        answer_json(job->job.exchange, 200, &body);
}

static bool on_start(struct job *base)
{
        struct connz_job *job = of(base);
        const struct connz_options *opts = &job->opts;
        struct collect_ask *ask = &base->collect.ask;
        if (opts->account[0]) {
                const struct registry *registry = base->monitor->env.peers->registry;
                ask->account = registry_find(registry, slice_str(opts->account));
                if (ask->account == NULL) {
                        answer(job, true);
                        return false;
                }
        }
        if (opts->state == QUERY_STATE_CLOSED) {
                answer(job, false);
                return false;
        }
        ask->sort = opts->sort;
        ask->need = connz_need(opts);
        ask->want = (opts->subs ? PEER_WANT_SUBS : 0) | (opts->auth ? PEER_WANT_CERTS : 0);
        ask->cid = opts->cid;
        ask->user = opts->user;
        ask->nobody = opts->mqtt_client[0] != '\0'; /* no connection has such an id */
        return true;
}

static void on_finish(struct job *base)
{
        answer(of(base), false);
}

static void on_free(struct job *base)
{
        struct connz_job *job = of(base);
        xfree((char *)job->opts.user);
        xfree((char *)job->opts.account);
        xfree((char *)job->opts.mqtt_client);
        xfree(job);
}

static const struct job_ops connz_ops = { on_start, on_finish, on_free };

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
        job->opts = opts;
        job->opts.user = xstrdup(opts.user);
        job->opts.account = xstrdup(opts.account);
        job->opts.mqtt_client = xstrdup(opts.mqtt_client);
        job_queue(&job->job, &connz_ops, monitor, exchange);
}
