/* SPDX-License-Identifier: Apache-2.0 */
/* connect: connections made and dropped as fast as they become ready, some at a time; a latency runs from
 * the dial to the PONG. idle: many connections with one subscription each, kept. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include <stdio.h>

struct visit {
        struct bench_conn bc;
        struct bench_worker *worker;
};

static const struct bench_conn_ops storm_ops, idle_ops;
static void next_visit(struct bench_worker *worker);

static size_t ignore_data(struct bench_conn *bc, struct slice bytes)
{
        if (slice_starts(bytes, SLICE_LIT("PING\r\n")))
                conn_send(&bc->conn, SLICE_LIT("PONG\r\n"));
        return bytes.len;
}

/* ---- connect ----------------------------------------------------------------------------- */

static void storm_ready(struct bench_conn *bc)
{
        struct visit *visit = CONTAINER_OF(bc, struct visit, bc);
        uint64_t now = clock_mono_ns();
        hist_add(&visit->worker->latency, now - bc->start_ns);
        if (atomic_fetch_add_explicit(&bc->shared->done, 1, memory_order_relaxed) + 1 >= bc->shared->opts->msgs)
                bench_note_end(bc->shared, now);
        conn_close(&bc->conn, CONN_CLOSE_NOW);
}

static void storm_gone(struct bench_conn *bc, bool failed)
{
        struct visit *visit = CONTAINER_OF(bc, struct visit, bc);
        struct bench_worker *worker = visit->worker;
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        xfree(visit);
        next_visit(worker);
}

static const struct bench_conn_ops storm_ops = {
        .on_ready = storm_ready,
        .on_data = ignore_data,
        .on_gone = storm_gone,
};

static void next_visit(struct bench_worker *worker)
{
        struct bench_shared *shared = worker->shared;
        while (!atomic_load(&shared->stop) && atomic_fetch_add(&shared->delivered, 1) < shared->opts->msgs) {
                struct visit *visit = xnew(struct visit);
                visit->worker = worker;
                if (bench_dial(&visit->bc, worker->loop, shared, &storm_ops, NULL))
                        return;
                atomic_fetch_add(&shared->errors, 1);
                xfree(visit);
        }
}

static uint32_t storm_conn_n(const struct bench_options *opts)
{
        (void)opts;
        return 0;
}

static void storm_setup(struct bench_worker *worker)
{
        (void)worker;
}

static void storm_go(struct bench_worker *worker)
{
        bench_share(worker, i, worker->shared->opts->clients)
                next_visit(worker);
}

static bool storm_done(const struct bench_shared *shared)
{
        return atomic_load(&shared->done) + atomic_load(&shared->errors) >= shared->opts->msgs;
}

const struct bench_kind bench_storm = { storm_conn_n, storm_setup, storm_go, storm_done };

/* ---- idle -------------------------------------------------------------------------------- */

enum { IDLE_AT_ONCE = 64 };

static void next_idle(struct bench_worker *worker);

static void idle_ready(struct bench_conn *bc)
{
        struct visit *visit = CONTAINER_OF(bc, struct visit, bc);
        hist_add(&visit->worker->latency, clock_mono_ns() - bc->start_ns);
        atomic_fetch_add(&bc->shared->done, 1);
        atomic_fetch_add(&bc->shared->ready, 1);
        next_idle(visit->worker);
}

static void idle_gone(struct bench_conn *bc, bool failed)
{
        struct visit *visit = CONTAINER_OF(bc, struct visit, bc);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        xfree(visit);
}

static const struct bench_conn_ops idle_ops = {
        .on_ready = idle_ready,
        .on_data = ignore_data,
        .on_gone = idle_gone,
};

static void next_idle(struct bench_worker *worker)
{
        struct bench_shared *shared = worker->shared;
        uint64_t i = atomic_fetch_add(&shared->delivered, 1);
        if (i >= shared->opts->clients)
                return;
        struct visit *visit = xnew(struct visit);
        char line[128];
        snprintf(line, sizeof line, "SUB %s.%llu 1\r\n", shared->opts->subject, (unsigned long long)i);
        visit->worker = worker;
        if (bench_dial(&visit->bc, worker->loop, shared, &idle_ops, xstrdup(line)))
                return;
        atomic_fetch_add(&shared->errors, 1);
        xfree(visit);
}

static uint32_t idle_conn_n(const struct bench_options *opts)
{
        return opts->clients;
}

static void idle_setup(struct bench_worker *worker)
{
        for (int i = 0; i < IDLE_AT_ONCE; i++)
                next_idle(worker);
}

static void idle_go(struct bench_worker *worker)
{
        (void)worker;
}

static bool idle_done(const struct bench_shared *shared)
{
        (void)shared;
        return false; /* ends by --hold */
}

const struct bench_kind bench_idle = { idle_conn_n, idle_setup, idle_go, idle_done };
