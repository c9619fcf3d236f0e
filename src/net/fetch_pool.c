/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch_pool.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"
#include "os/os.h"
#include <stdio.h>
#include <time.h>

enum { PATIENCE_S = 1 };

struct worker {
        struct fetch_pool *pool;
        struct thread *thread;
        struct fetch_job *job; /* running; NULL: none */
        bool ended;
};

struct fetch_pool {
        pthread_mutex_t lock;
        pthread_cond_t wake, ended;
        struct fetch_job *first, **last;
        int queued, queue_max;
        bool stopping;
        bool abandoned; /* whoever still runs must not touch anything any more */
        int worker_n;
        struct worker workers[];
};

static struct fetch_job *pop(struct fetch_pool *pool)
{
        struct fetch_job *job = pool->first;
        pool->first = job->next;
        if (pool->first == NULL)
                pool->last = &pool->first;
        pool->queued--;
        return job;
}

/* False: the pool was left behind while the job ran. */
static bool run_one(struct worker *worker)
{
        struct fetch_pool *pool = worker->pool;
        struct fetch_job *job = worker->job = pop(pool);
        if (pool->stopping)
                atomic_store(&job->stop, true);
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        worker->job = NULL;
        if (pool->abandoned)
                return false;
        loop_post(job->home, &job->done);
        return true;
}

static void work(void *ctx)
{
        struct worker *worker = ctx;
        struct fetch_pool *pool = worker->pool;
        bool on = true;
        os_thread_yield_to_loops();
        pthread_mutex_lock(&pool->lock);
        while (on && (pool->first || !pool->stopping)) {
                if (pool->first)
                        on = run_one(worker);
                else
                        pthread_cond_wait(&pool->wake, &pool->lock);
        }
        worker->ended = true;
        pthread_cond_signal(&pool->ended);
        pthread_mutex_unlock(&pool->lock);
}

struct fetch_pool *fetch_pool_new(int thread_n, int queue_max)
{
        struct fetch_pool *pool =
                xcalloc(1, sizeof *pool + (size_t)thread_n * sizeof pool->workers[0]);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->wake, NULL);
        thread_cond_init(&pool->ended);
        pool->last = &pool->first;
        pool->queue_max = queue_max;
        pool->worker_n = thread_n;
        for (int i = 0; i < thread_n; i++) {
                char name[24];
                snprintf(name, sizeof name, "fetch-%d", i);
                pool->workers[i].pool = pool;
                pool->workers[i].thread = thread_start(name, THREAD_FETCH, work, &pool->workers[i]);
        }
        return pool;
}

static bool all_ended(const struct fetch_pool *pool)
{
        for (int i = 0; i < pool->worker_n; i++)
                if (!pool->workers[i].ended)
                        return false;
        return true;
}

/* True: all threads have ended. */
static bool wait_for_workers(struct fetch_pool *pool)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PATIENCE_S;
        int rc = 0;
        while (rc == 0 && !all_ended(pool))
                rc = pthread_cond_timedwait(&pool->ended, &pool->lock, &until);
        return all_ended(pool);
}

void fetch_pool_free(struct fetch_pool *pool)
{
        if (pool == NULL)
                return;
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        for (int i = 0; i < pool->worker_n; i++)
                if (pool->workers[i].job)
                        atomic_store(&pool->workers[i].job->stop, true);
        pthread_cond_broadcast(&pool->wake);
        bool whole = wait_for_workers(pool);
        pool->abandoned = !whole;
        for (int i = 0; i < pool->worker_n; i++)
                if (!pool->workers[i].ended) {
                        thread_abandon(pool->workers[i].thread);
                        pool->workers[i].thread = NULL;
                }
        pthread_mutex_unlock(&pool->lock);
        for (int i = 0; i < pool->worker_n; i++)
                if (pool->workers[i].thread)
                        thread_join(pool->workers[i].thread);
        if (!whole)
                return; /* the pool is theirs now, too */
        pthread_cond_destroy(&pool->ended);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        xfree(pool);
}

int fetch_pool_post(struct fetch_pool *pool, struct fetch_job *job)
{
        int rc = 0;
        pthread_mutex_lock(&pool->lock);
        if (pool->stopping || pool->queued >= pool->queue_max) {
                rc = ERR_AGAIN;
        } else {
                job->next = NULL;
                *pool->last = job;
                pool->last = &job->next;
                pool->queued++;
                pthread_cond_signal(&pool->wake);
        }
        pthread_mutex_unlock(&pool->lock);
        return rc;
}
