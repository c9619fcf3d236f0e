/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/job.h"
#include "base/clock.h"
#include "monitor/monitor_internal.h"

static void start_next(struct monitor *monitor);

static void job_end(struct job *job)
{
        collect_fini(&job->collect);
        job->ops->free(job);
}

static void on_collected(struct collect *collect)
{
        struct job *job = CONTAINER_OF(collect, struct job, collect);
        struct monitor *monitor = job->monitor;
        job->ops->finish(job);
        job_end(job);
        monitor->job = NULL;
        start_next(monitor);
        monitor_check_stopped(monitor);
}

static void drop(struct job *job)
{
        http_answer(job->exchange, &(struct http_answer){ .status = 503 });
        job_end(job);
}

static void start(struct job *job)
{
        struct monitor *monitor = job->monitor;
        job->collect.ask.now_ns = clock_wall_ns();
        if (!job->ops->start(job)) {
                job_end(job);
                return;
        }
        monitor->job = job;
        job->collect.done = on_collected;
        collect_start(&job->collect, monitor->env.peers);
}

/* A client that went away while it waited is not asked for. */
static void start_next(struct monitor *monitor)
{
        while (monitor->job == NULL && !list_empty(&monitor->jobs)) {
                struct job *job = list_entry(monitor->jobs.next, struct job, turn);
                list_remove(&job->turn);
                if (job->exchange->conn)
                        start(job);
                else
                        drop(job);
        }
}

void job_queue(struct job *job, const struct job_ops *ops, struct monitor *monitor,
        struct http_exchange *exchange)
{
        job->ops = ops;
        job->monitor = monitor;
        job->exchange = exchange;
        list_push_back(&monitor->jobs, &job->turn);
        start_next(monitor);
}

void jobs_drop(struct monitor *monitor)
{
        while (!list_empty(&monitor->jobs)) {
                struct job *job = list_entry(monitor->jobs.next, struct job, turn);
                list_remove(&job->turn);
                drop(job);
        }
}
