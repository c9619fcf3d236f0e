/* SPDX-License-Identifier: Apache-2.0 */
#include "net/crypto_pool.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"
#include "os/os.h"
#include <stdio.h>

enum {
        SOURCE_N = 256,
        SHARE = 8, /* once the queue is half full, one source may hold 1/SHARE of it */
};

struct lane {
        struct crypto_job *first, **last;
        int n;
        int next; /* ring of lanes that hold jobs; -1: not in the ring */
};

struct crypto_pool {
        pthread_mutex_t lock;
        pthread_cond_t wake;
        struct lane lanes[SOURCE_N];
        int ring_first, ring_last; /* -1: no lane holds a job */
        int queued, queue_max;
        bool stopping;
        struct thread **threads;
        int thread_n;
};

static void push(struct crypto_pool *pool, struct crypto_job *job)
{
        int i = (int)(job->source % SOURCE_N);
        struct lane *lane = &pool->lanes[i];
        job->next = NULL;
        if (lane->first == NULL) {
                lane->first = job;
                lane->last = &job->next;
                lane->next = -1;
                if (pool->ring_first < 0)
                        pool->ring_first = i;
                else
                        pool->lanes[pool->ring_last].next = i;
                pool->ring_last = i;
        } else {
                *lane->last = job;
                lane->last = &job->next;
        }
        lane->n++;
        pool->queued++;
}

/* One host that storms may fill half of the queue; the other half is for the others. */
static bool has_room(const struct crypto_pool *pool, const struct crypto_job *job)
{
        int share = pool->queue_max / SHARE > 0 ? pool->queue_max / SHARE : 1;
        if (pool->queued >= pool->queue_max)
                return false;
        return pool->queued < pool->queue_max / 2 || pool->lanes[job->source % SOURCE_N].n < share;
}

/* The first job of the first lane; the lane goes to the end of the ring when it holds more. */
static struct crypto_job *pop(struct crypto_pool *pool)
{
        int i = pool->ring_first;
        if (i < 0)
                return NULL;
        struct lane *lane = &pool->lanes[i];
        struct crypto_job *job = lane->first;
        lane->first = job->next;
        pool->ring_first = lane->next;
        lane->next = -1;
        if (pool->ring_first < 0)
                pool->ring_last = -1;
        if (lane->first) {
                if (pool->ring_first < 0)
                        pool->ring_first = i;
                else
                        pool->lanes[pool->ring_last].next = i;
                pool->ring_last = i;
        }
        lane->n--;
        pool->queued--;
        return job;
}

static void work(void *ctx)
{
        struct crypto_pool *pool = ctx;
        os_thread_yield_to_loops();
        pthread_mutex_lock(&pool->lock);
        for (;;) {
                struct crypto_job *job = pop(pool);
                if (job == NULL) {
                        if (pool->stopping)
                                break;
                        pthread_cond_wait(&pool->wake, &pool->lock);
                        continue;
                }
                pthread_mutex_unlock(&pool->lock);
                job->run(job);
                if (job->quiet)
                        loop_post_quiet(job->home, &job->done);
                else
                        loop_post(job->home, &job->done);
                pthread_mutex_lock(&pool->lock);
        }
        pthread_mutex_unlock(&pool->lock);
}

struct crypto_pool *crypto_pool_new(int thread_n, int queue_max)
{
        struct crypto_pool *pool = xnew(struct crypto_pool);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->wake, NULL);
        pool->ring_first = pool->ring_last = -1;
        pool->queue_max = queue_max;
        pool->thread_n = thread_n > 0 ? thread_n : os_cpu_n();
        pool->threads = xcalloc((size_t)pool->thread_n, sizeof(struct thread *));
        for (int i = 0; i < pool->thread_n; i++) {
                char name[24];
                snprintf(name, sizeof name, "crypto-%d", i);
                pool->threads[i] = thread_start(name, THREAD_CRYPTO, work, pool);
        }
        return pool;
}

void crypto_pool_free(struct crypto_pool *pool)
{
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        for (int i = 0; i < pool->thread_n; i++)
                thread_join(pool->threads[i]);
        xfree(pool->threads);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        xfree(pool);
}

int crypto_pool_post(struct crypto_pool *pool, struct crypto_job *job)
{
        int rc = 0;
        pthread_mutex_lock(&pool->lock);
        if (pool->stopping || !has_room(pool, job)) {
                rc = ERR_AGAIN;
        } else {
                push(pool, job);
                pthread_cond_signal(&pool->wake);
        }
        pthread_mutex_unlock(&pool->lock);
        return rc;
}
