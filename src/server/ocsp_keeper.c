/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ocsp_keeper.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/ocsp_cache.h"
#include <errno.h>
#include <time.h>

struct ocsp_keeper {
        struct thread *thread;
        struct ocsp_cache *kept; /* the thread's; counted, as is the next */
        pthread_mutex_t lock;    /* of what follows */
        pthread_cond_t wake;
        struct ocsp_cache *wanted; /* NULL: the one that is kept */
        int64_t interval_ns;
        bool ending, retimed;
};

/* Wait for orders, or for the time to save. False: that time has come. */
static bool wait_locked(struct ocsp_keeper *keeper, struct timespec *until)
{
        int rc = 0;
        while (rc == 0 && keeper->wanted == NULL && !keeper->ending && !keeper->retimed)
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
        ocsp_cache_stop(keeper->kept);
        ocsp_cache_unref(keeper->kept);
        keeper->kept = next;
        ocsp_cache_start(next);
}

/* One order, or a save, with the lock released meanwhile. False: the end. */
static bool serve_locked(struct ocsp_keeper *keeper, struct timespec *until)
{
        bool ordered = wait_locked(keeper, until);
        struct ocsp_cache *next = keeper->wanted;
        bool ending = keeper->ending && next == NULL;
        keeper->wanted = NULL;
        keeper->retimed = false;
        pthread_mutex_unlock(&keeper->lock);
        if (next) {
                replace(keeper, next);
        } else if (ending) {
                ocsp_cache_stop(keeper->kept);
        } else if (!ordered && ocsp_cache_is_local(keeper->kept)) {
                log_debug(NULL, "OCSP peer cache save timer expired");
                ocsp_cache_save(keeper->kept);
        }
        pthread_mutex_lock(&keeper->lock);
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

struct ocsp_keeper *ocsp_keeper_new(struct ocsp_cache *cache, int64_t interval_ns)
{
        struct ocsp_keeper *keeper = xnew(struct ocsp_keeper);
        pthread_mutex_init(&keeper->lock, NULL);
        thread_cond_init(&keeper->wake);
        keeper->kept = ocsp_cache_ref(cache);
        keeper->interval_ns = interval_ns;
        ocsp_cache_start(cache);
        keeper->thread = thread_start("ocsp-cache", THREAD_NONE, work, keeper);
        return keeper;
}

void ocsp_keeper_replace(struct ocsp_keeper *keeper, struct ocsp_cache *cache, int64_t interval_ns)
{
        pthread_mutex_lock(&keeper->lock);
        ocsp_cache_unref(keeper->wanted); /* its time never came */
        keeper->wanted = ocsp_cache_ref(cache);
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

void ocsp_keeper_free(struct ocsp_keeper *keeper)
{
        if (keeper == NULL)
                return;
        pthread_mutex_lock(&keeper->lock);
        keeper->ending = true;
        pthread_cond_signal(&keeper->wake);
        pthread_mutex_unlock(&keeper->lock);
        thread_join(keeper->thread);
        ocsp_cache_unref(keeper->kept);
        ocsp_cache_unref(keeper->wanted);
        pthread_cond_destroy(&keeper->wake);
        pthread_mutex_destroy(&keeper->lock);
        xfree(keeper);
}
