/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ocsp_keeper.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/ocsp_cache.h"
#include <errno.h>
#include <time.h>

#define IDLE_NS ((int64_t)3600 * (int64_t)NS_PER_SEC)

struct ocsp_keeper {
        struct thread *thread;
        struct ocsp_cache *kept; /* the thread's; counted, as is the next; NULL: none */
        pthread_mutex_t lock;    /* of what follows */
        pthread_cond_t wake, done;
        bool ordered;              /* to keep `wanted` from now on */
        struct ocsp_cache *wanted; /* NULL: none */
        int64_t interval_ns;
        bool ending, retimed, busy;
};

/* Wait for orders, or for the time to save. False: that time has come. */
static bool wait_locked(struct ocsp_keeper *keeper, struct timespec *until)
{
        int rc = 0;
        while (rc == 0 && !keeper->ordered && !keeper->ending && !keeper->retimed)
                rc = pthread_cond_timedwait(&keeper->wake, &keeper->lock, until);
        return rc != ETIMEDOUT;
}

static void set_deadline(const struct ocsp_keeper *keeper, struct timespec *until)
{
        clock_gettime(CLOCK_MONOTONIC, until);
        int64_t seconds = keeper->interval_ns / (int64_t)NS_PER_SEC;
        until->tv_sec += seconds < INT32_MAX ? (time_t)seconds : INT32_MAX;
}

static void replace(struct ocsp_keeper *keeper, struct ocsp_cache *next)
{
        if (keeper->kept)
                ocsp_cache_stop(keeper->kept);
        ocsp_cache_unref(keeper->kept);
        keeper->kept = next;
        if (next)
                ocsp_cache_start(next);
}

static void save(const struct ocsp_keeper *keeper)
{
        if (keeper->kept == NULL || !ocsp_cache_is_local(keeper->kept))
                return;
        log_debug(NULL, "OCSP peer cache save timer expired");
        ocsp_cache_save(keeper->kept);
}

/* One order, or a save, with the lock released meanwhile. False: the end. */
static bool serve_locked(struct ocsp_keeper *keeper, struct timespec *until)
{
        bool due = !wait_locked(keeper, until), ordered = keeper->ordered;
        bool ending = keeper->ending && !ordered;
        struct ocsp_cache *next = keeper->wanted;
        keeper->wanted = NULL;
        keeper->ordered = keeper->retimed = false;
        keeper->busy = true;
        pthread_mutex_unlock(&keeper->lock);
        if (ordered || ending)
                replace(keeper, next);
        else if (due)
                save(keeper);
        pthread_mutex_lock(&keeper->lock);
        keeper->busy = false;
        pthread_cond_signal(&keeper->done);
        set_deadline(keeper, until);
        return !ending;
}

static void work(void *ctx)
{
        struct ocsp_keeper *keeper = ctx;
        struct timespec until;
        pthread_mutex_lock(&keeper->lock);
        set_deadline(keeper, &until);
        while (serve_locked(keeper, &until))
                ;
        pthread_mutex_unlock(&keeper->lock);
}

struct ocsp_keeper *ocsp_keeper_new(void)
{
        struct ocsp_keeper *keeper = xnew(struct ocsp_keeper);
        pthread_mutex_init(&keeper->lock, NULL);
        thread_cond_init(&keeper->wake);
        pthread_cond_init(&keeper->done, NULL);
        keeper->interval_ns = IDLE_NS;
        keeper->thread = thread_start("ocsp-cache", THREAD_NONE, work, keeper);
        return keeper;
}

void ocsp_keeper_replace(struct ocsp_keeper *keeper, struct ocsp_cache *cache, int64_t interval_ns)
{
        pthread_mutex_lock(&keeper->lock);
        ocsp_cache_unref(keeper->wanted); /* its time never came */
        keeper->wanted = cache ? ocsp_cache_ref(cache) : NULL;
        keeper->ordered = true;
        keeper->interval_ns = interval_ns;
        pthread_cond_signal(&keeper->wake);
        pthread_mutex_unlock(&keeper->lock);
}

void ocsp_keeper_set_interval(struct ocsp_keeper *keeper, int64_t interval_ns)
{
        pthread_mutex_lock(&keeper->lock);
        keeper->retimed = keeper->retimed || keeper->interval_ns != interval_ns;
        keeper->interval_ns = interval_ns;
        pthread_cond_signal(&keeper->wake);
        pthread_mutex_unlock(&keeper->lock);
}

void ocsp_keeper_wait(struct ocsp_keeper *keeper)
{
        pthread_mutex_lock(&keeper->lock);
        while (keeper->ordered || keeper->busy)
                pthread_cond_wait(&keeper->done, &keeper->lock);
        pthread_mutex_unlock(&keeper->lock);
}

void ocsp_keeper_free(struct ocsp_keeper *keeper)
{
        if (keeper == NULL)
                return;
        pthread_mutex_lock(&keeper->lock);
        keeper->ending = true;
        pthread_cond_signal(&keeper->wake);
        pthread_mutex_unlock(&keeper->lock);
        thread_join(keeper->thread); /* with its last order done, and nothing kept */
        pthread_cond_destroy(&keeper->done);
        pthread_cond_destroy(&keeper->wake);
        pthread_mutex_destroy(&keeper->lock);
        xfree(keeper);
}
