/* SPDX-License-Identifier: Apache-2.0 */
/* connect: connections made and dropped as fast as they become ready, --clients at a time, or on a
 * schedule (--rate) with --clients at most; a latency runs from the dial, or the moment it was due,
 * to the PONG. With --resume one connection before the measurement fetches a ticket. idle: many connections with one subscription each, kept.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include "cli/bench_pace.h"
#include "tls/tls_session.h"

struct visit {
        struct bench_conn bc;
        uint64_t due_ns; /* with --rate: when it should have been dialled */
};

static size_t lines_only(struct bench_conn *bc, struct slice bytes)
{
        size_t used = 0;
        while (used < bytes.len && bc->conn.state == CONN_OPEN) {
                size_t n = bench_conn_line(bc, slice_of(bytes.ptr + used, bytes.len - used));
                if (n == 0)
                        break;
                used += n;
        }
        return used;
}

/* ---- connect ------------------------------------------------------------------------------- */

static const struct bench_conn_ops storm_ops;

static struct visit *next_visit(struct bench_worker *worker)
{
        struct bench_shared *shared = worker->shared;
        bool hopeless = atomic_load(&shared->errors) > 0 && atomic_load(&shared->done) == 0;
        if (hopeless || atomic_load(&shared->stop) ||
                atomic_fetch_add(&shared->dealt, 1) >= shared->opts->msgs)
                return NULL;
        struct visit *visit = xnew(struct visit);
        worker->visitors++;
        bench_dial(&visit->bc, worker, &storm_ops, NULL);
        return visit;
}

static uint32_t share_of(const struct bench_worker *worker, uint32_t total)
{
        return total / worker->shared->opts->threads +
               (worker->index < total % worker->shared->opts->threads);
}

static bool on_due(struct bench_worker *worker, uint64_t due_ns)
{
        if (worker->visitors >= share_of(worker, worker->shared->opts->clients))
                return false;
        struct visit *visit = next_visit(worker);
        if (visit)
                visit->due_ns = due_ns;
        return true;
}

static void storm_ready(struct bench_conn *bc)
{
        uint64_t now = clock_mono_ns();
        uint64_t due_ns = CONTAINER_OF(bc, struct visit, bc)->due_ns;
        struct tls_session *tls = conn_tls(&bc->conn);
        hist_add(&bc->worker->latency, now - (due_ns ? due_ns : bc->start_ns));
        if (tls && tls_session_resumed(tls))
                atomic_fetch_add(&bc->shared->resumed, 1);
        atomic_fetch_add(&bc->shared->done, 1);
        bench_note_end(bc->shared, now);
        conn_close(&bc->conn, CONN_CLOSE_NOW);
}

static void storm_gone(struct bench_conn *bc, bool failed)
{
        struct bench_worker *worker = bc->worker;
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        xfree(CONTAINER_OF(bc, struct visit, bc));
        worker->visitors--;
        if (worker->shared->opts->rate <= 0)
                next_visit(worker);
}

static const struct bench_conn_ops storm_ops = {
        .on_ready = storm_ready,
        .on_data = lines_only,
        .on_gone = storm_gone,
};

/* The connection that fetches a ticket: it came in front of the PONG. */
static void primer_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
        conn_close(&bc->conn, CONN_CLOSE_NOW);
}

static void primer_gone(struct bench_conn *bc, bool failed)
{
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        xfree(CONTAINER_OF(bc, struct visit, bc));
}

static const struct bench_conn_ops primer_ops = {
        .on_ready = primer_ready,
        .on_data = lines_only,
        .on_gone = primer_gone,
};

static uint32_t storm_conn_n(const struct bench_options *opts)
{
        return opts->resume ? 1 : 0;
}

static void storm_setup(struct bench_worker *worker)
{
        if (!worker->shared->opts->resume || worker->index > 0)
                return;
        struct visit *visit = xnew(struct visit);
        bench_dial(&visit->bc, worker, &primer_ops, NULL);
}

static void storm_go(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        if (opts->rate > 0)
                worker->pace = pace_start(worker, opts->rate / opts->threads,
                        (double)worker->start_ns, opts->msgs, on_due);
        else
                bench_share(worker, i, opts->clients) next_visit(worker);
}

static void storm_end(struct bench_worker *worker)
{
        pace_stop(worker->pace);
        worker->pace = NULL;
}

static bool storm_done(const struct bench_shared *shared)
{
        uint64_t done = atomic_load(&shared->done), errors = atomic_load(&shared->errors);
        return done + errors >= shared->opts->msgs || (errors > 0 && done == 0);
}

const struct bench_kind bench_storm = {
        .conn_n = storm_conn_n,
        .setup = storm_setup,
        .go = storm_go,
        .end = storm_end,
        .is_done = storm_done,
};

/* ---- idle ---------------------------------------------------------------------------------- */

static void idle_ready(struct bench_conn *bc)
{
        uint64_t now = clock_mono_ns();
        hist_add(&bc->worker->latency, now - bc->start_ns);
        bench_note_end(bc->shared, now);
        atomic_fetch_add(&bc->shared->done, 1);
        atomic_fetch_add(&bc->shared->ready, 1);
}

static void idle_gone(struct bench_conn *bc, bool failed)
{
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        xfree(CONTAINER_OF(bc, struct visit, bc));
}

static const struct bench_conn_ops idle_ops = {
        .on_ready = idle_ready,
        .on_data = lines_only,
        .on_gone = idle_gone,
};

static uint32_t idle_conn_n(const struct bench_options *opts)
{
        return opts->clients;
}

static void idle_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, opts->clients)
        {
                struct visit *visit = xnew(struct visit);
                char line[BENCH_SUBJECT_MAX + 32];
                snprintf(line, sizeof line, "SUB %s.%u 1\r\n", opts->subject, i);
                bench_dial(&visit->bc, worker, &idle_ops, xstrdup(line));
        }
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

const struct bench_kind bench_idle = {
        .conn_n = idle_conn_n,
        .setup = idle_setup,
        .go = idle_go,
        .is_done = idle_done,
};
