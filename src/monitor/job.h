/* SPDX-License-Identifier: Apache-2.0 */
/* job.h: a request that needs the loops' help. Jobs take turns, so that however many are asked for,
 * one set of copies exists at a time. Control loop. */
#pragma once
#include "base/list.h"
#include "monitor/collect.h"

struct http_exchange;
struct job;
struct monitor;

struct job_ops {
        /* Its turn: fill collect.ask and return true to have the loops asked, then finish()
         * follows; or answer the exchange and return false. */
        bool (*start)(struct job *job);
        void (*finish)(struct job *job); /* collect has it all: answer the exchange */
        void (*free)(struct job *job);   /* last call */
};

struct job {
        const struct job_ops *ops;
        struct list turn; /* in monitor->jobs while it waits */
        struct monitor *monitor;
        struct http_exchange *exchange;
        struct collect collect; /* collect.ask.now_ns is set before start() */
};

/* Zeroed but for its own fields; the job belongs to the queue from now on. */
void job_queue(struct job *job, const struct job_ops *ops, struct monitor *monitor,
        struct http_exchange *exchange);
/* Forget those that wait. */
void jobs_drop(struct monitor *monitor);
