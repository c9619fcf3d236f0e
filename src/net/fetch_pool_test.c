/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch_pool.h"
#include "base/err.h"
#include "base/thread.h"
#include "net/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { JOBS = 8 };

static struct fetch_job jobs[JOBS];
static _Atomic int ran_n, stopped_n, home_n;
static struct loop *loop;

static void run_short(struct fetch_job *job)
{
        assert_int_equal(thread_role(), THREAD_FETCH);
        atomic_fetch_add(&ran_n, 1);
}

static void run_until_stopped(struct fetch_job *job)
{
        atomic_fetch_add(&ran_n, 1);
        while (!atomic_load(&job->stop))
                usleep(1000);
        atomic_fetch_add(&stopped_n, 1);
}

static void on_home(struct mail *mail)
{
        if (atomic_fetch_add(&home_n, 1) + 1 == JOBS && loop_current() == loop)
                loop_stop(loop);
}

static void prepare(fetch_job_fn run)
{
        loop = loop_new(0);
        atomic_store(&ran_n, 0);
        atomic_store(&stopped_n, 0);
        atomic_store(&home_n, 0);
        for (int i = 0; i < JOBS; i++)
                jobs[i] = (struct fetch_job){ .run = run, .home = loop, .done.deliver = on_home };
}

static void jobs_go_and_come_back(void **state)
{
        prepare(run_short);
        struct fetch_pool *pool = fetch_pool_new(2, JOBS);
        for (int i = 0; i < JOBS; i++)
                assert_int_equal(fetch_pool_post(pool, &jobs[i]), 0);
        loop_run(loop);
        assert_int_equal(atomic_load(&ran_n), JOBS);
        fetch_pool_free(pool);
        loop_free(loop);
}

/* Those that run, and those that never began: each is told, runs, and comes back. */
static void the_end_stops_all(void **state)
{
        prepare(run_until_stopped);
        struct fetch_pool *pool = fetch_pool_new(2, JOBS - 2);
        struct fetch_job extra = jobs[0];
        for (int i = 0; i < 2; i++)
                assert_int_equal(fetch_pool_post(pool, &jobs[i]), 0);
        while (atomic_load(&ran_n) < 2)
                usleep(1000);
        for (int i = 2; i < JOBS; i++)
                assert_int_equal(fetch_pool_post(pool, &jobs[i]), 0);
        assert_int_equal(fetch_pool_post(pool, &extra), ERR_AGAIN);
        assert_int_equal(atomic_load(&ran_n), 2);
        fetch_pool_free(pool);
        assert_int_equal(atomic_load(&ran_n), JOBS);
        assert_int_equal(atomic_load(&stopped_n), JOBS);
        loop_free(loop); /* delivers what is left */
        assert_int_equal(atomic_load(&home_n), JOBS);
        fetch_pool_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_go_and_come_back),
                cmocka_unit_test(the_end_stops_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
