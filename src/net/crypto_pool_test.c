/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, held inside its first job while the queue is filled: then the order and the refusals
 * are exact. */
#include "net/crypto_pool.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/thread.h"
#include "net/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { QUEUE_MAX = 64, JOBS_MAX = 128 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static bool held, running;
static struct crypto_job jobs[JOBS_MAX], holder;
static uint64_t ran[JOBS_MAX];
static unsigned ran_n, home_n, expected;
static struct loop *loop;

static void run_holder(struct crypto_job *job)
{
        (void)job;
        pthread_mutex_lock(&lock);
        running = true;
        pthread_cond_broadcast(&wake);
        while (held)
                pthread_cond_wait(&wake, &lock);
        pthread_mutex_unlock(&lock);
}

static void run_job(struct crypto_job *job)
{
        ran[ran_n++] = job->source;
}

static void on_home(struct mail *mail)
{
        (void)mail;
        assert_ptr_equal(loop_current(), loop);
        if (++home_n == expected)
                loop_stop(loop);
}

static struct crypto_pool *start(void)
{
        struct crypto_pool *pool = crypto_pool_new(1, QUEUE_MAX);
        loop = loop_new(0);
        held = true;
        running = false;
        ran_n = home_n = expected = 0;
        holder = (struct crypto_job){ .run = run_holder, .home = loop, .done.deliver = on_home };
        assert_int_equal(crypto_pool_post(pool, &holder), 0);
        pthread_mutex_lock(&lock);
        while (!running)
                pthread_cond_wait(&wake, &lock);
        pthread_mutex_unlock(&lock);
        expected = 1;
        return pool;
}

static bool offer(struct crypto_pool *pool, uint64_t source)
{
        struct crypto_job *job = &jobs[expected - 1];
        *job = (struct crypto_job){
                .run = run_job, .home = loop, .source = source, .done.deliver = on_home
        };
        int rc = crypto_pool_post(pool, job);
        assert_true(rc == 0 || rc == ERR_AGAIN);
        expected += rc == 0;
        return rc == 0;
}

static void finish(struct crypto_pool *pool)
{
        pthread_mutex_lock(&lock);
        held = false;
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
        loop_run(loop);
        assert_int_equal(home_n, expected);
        assert_int_equal(ran_n, expected - 1);
        crypto_pool_free(pool);
        loop_free(loop);
}

static void sources_take_turns(void **state)
{
        (void)state;
        static const uint64_t want[] = { 7, 8, 9, 7, 8, 7, 7 };
        struct crypto_pool *pool = start();
        for (int i = 0; i < 4; i++)
                assert_true(offer(pool, 7));
        assert_true(offer(pool, 8));
        assert_true(offer(pool, 8));
        assert_true(offer(pool, 9));
        finish(pool);
        assert_memory_equal(ran, want, sizeof want);
}

/* A lone source gets half of the queue; the other half stays for others, each up to its share. */
static void a_storm_leaves_room(void **state)
{
        (void)state;
        struct crypto_pool *pool = start();
        unsigned storm = 0, other = 0, all = 0;
        while (offer(pool, 1))
                storm++;
        assert_int_equal(storm, QUEUE_MAX / 2);
        while (offer(pool, 2))
                other++;
        assert_int_equal(other, QUEUE_MAX / 8);
        assert_false(offer(pool, 1));
        for (uint64_t source = 3; source < 200; source++)
                all += offer(pool, source);
        assert_int_equal(storm + other + all, QUEUE_MAX); /* the bound of all */
        finish(pool);
        assert_int_equal(ran[1], 2); /* it had to wait for one job of the storm, not for all */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sources_take_turns),
                cmocka_unit_test(a_storm_leaves_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
