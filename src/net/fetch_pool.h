/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_pool.h: threads for what waits for other machines (fetch.h). A job is moved in and moved back by
 * mail, as with the crypto pool; but it may wait for seconds, so it is told when nobody waits any more. */
#pragma once
#include "base/macros.h"
#include "base/mailbox.h"
#include <stdatomic.h>
#include <stdbool.h>

struct fetch_job;
struct fetch_pool;
struct loop;

typedef void (*fetch_job_fn)(struct fetch_job *job);

struct fetch_job {
        struct mail
                done; /* done.deliver runs on `home` once run() has returned; always, and once */
        fetch_job_fn
                run; /* on a pool thread; returns soon once `stop` is set, also before it began */
        struct loop *home; /* outlives the pool */
        _Atomic bool stop; /* set by any thread: nobody waits for the outcome */
        struct fetch_job *next;
};

/* Any thread. At most queue_max jobs wait. */
struct fetch_pool *fetch_pool_new(int thread_n, int queue_max);

/* Stop every job, wait for the threads. A thread that hangs in the system's resolver is not waited for
 * longer than a second: it and its job are left behind (the process ends). NULL is fine. After the loops
 * stopped posting; their mailboxes must still be there. */
void fetch_pool_free(struct fetch_pool *pool);

/* Any thread. ERR_AGAIN: too many are waiting; the job was not taken. */
MUST_CHECK int fetch_pool_post(struct fetch_pool *pool, struct fetch_job *job);
