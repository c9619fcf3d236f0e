/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/crypto_pool.h"
#include "net/loop.h"
#include "os/os.h"
#include "tls/tls_ctx.h"
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { WATCH_MS = 20, READY_WAIT_S = 60 };

static const struct bench_kind *const kinds[] = {
        [BENCH_PUB] = &bench_flow,         [BENCH_SUB] = &bench_flow,       [BENCH_PAIR] = &bench_flow,
        [BENCH_FANOUT] = &bench_flow,      [BENCH_REQUEST] = &bench_request, [BENCH_CONNECT] = &bench_storm,
        [BENCH_IDLE] = &bench_idle,
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
        (void)signum;
        interrupted = 1;
}

struct order {
        struct mail mail;
        struct bench_worker *worker;
};

static void on_setup(struct mail *mail)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        kinds[order->worker->shared->opts->mode]->setup(order->worker);
        xfree(order);
}

static void on_go(struct mail *mail)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        order->worker->start_ns = clock_mono_ns();
        kinds[order->worker->shared->opts->mode]->go(order->worker);
        xfree(order);
}

static void on_end(struct mail *mail)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        loop_stop(order->worker->loop);
        xfree(order);
}

static void tell_all(struct bench_worker *workers, const struct bench_options *opts, mail_fn deliver)
{
        for (uint32_t i = 0; i < opts->threads; i++) {
                struct order *order = xnew(struct order);
                order->worker = &workers[i];
                order->mail.deliver = deliver;
                loop_post(workers[i].loop, &order->mail);
        }
}

static void watch_pause(void)
{
        const struct timespec pause = { .tv_nsec = WATCH_MS * 1000 * 1000 };
        nanosleep(&pause, NULL);
}

/* False: some connection failed, the user gave up, or it took too long. */
static bool wait_ready(struct bench_shared *shared, uint32_t want)
{
        uint64_t deadline = clock_mono_ns() + READY_WAIT_S * NS_PER_SEC;
        while (atomic_load(&shared->ready) < want) {
                if (interrupted || atomic_load(&shared->errors) > 0 || clock_mono_ns() > deadline)
                        return false;
                watch_pause();
        }
        return true;
}

static void wait_done(struct bench_shared *shared, uint64_t start_ns)
{
        const struct bench_options *opts = shared->opts;
        const struct bench_kind *kind = kinds[opts->mode];
        bool storm = opts->mode == BENCH_CONNECT;
        for (;;) {
                uint64_t now = clock_mono_ns();
                if (interrupted || kind->is_done(shared) || (!storm && atomic_load(&shared->errors) > 0))
                        break;
                if (opts->mode == BENCH_IDLE && now - start_ns > opts->hold_s * NS_PER_SEC)
                        break;
                bench_progress(shared, opts->msgs, (double)(now - start_ns) / 1e9);
                watch_pause();
        }
        bench_progress_end(opts);
}

static void run_loop(void *ctx)
{
        loop_run(ctx);
}

static void start_workers(struct bench_worker *workers, struct bench_shared *shared)
{
        for (uint32_t i = 0; i < shared->opts->threads; i++) {
                char name[24];
                snprintf(name, sizeof name, "bench-%u", i);
                workers[i].shared = shared;
                workers[i].index = i;
                workers[i].loop = loop_new(i);
                list_init(&workers[i].publishers);
                hist_init(&workers[i].latency);
                workers[i].thread = thread_start(name, THREAD_LOOP, run_loop, workers[i].loop);
        }
}

static void measure(struct bench_shared *shared, struct bench_worker *workers, struct bench_result *result)
{
        const struct bench_options *opts = shared->opts;
        struct os_usage before = { 0 }, after = { 0 };
        bool known = opts->pid > 0 && os_process_usage(opts->pid, &before) == 0;
        if (opts->mode == BENCH_IDLE || opts->mode == BENCH_CONNECT)
                result->server_rss_before_bytes = before.rss_bytes;
        tell_all(workers, opts, on_setup);
        uint64_t start_ns = clock_mono_ns();
        if (!wait_ready(shared, kinds[opts->mode]->conn_n(opts))) {
                result->errors = atomic_load(&shared->errors) + 1;
                return;
        }
        if (opts->mode != BENCH_IDLE) {
                if (known)
                        known = os_process_usage(opts->pid, &before) == 0;
                start_ns = clock_mono_ns();
        }
        if (result->server_rss_before_bytes == 0)
                result->server_rss_before_bytes = before.rss_bytes;
        uint64_t ready_ns = clock_mono_ns();
        atomic_store(&shared->go, true);
        tell_all(workers, opts, on_go);
        wait_done(shared, ready_ns);
        uint64_t end_ns = atomic_load(&shared->end_ns);
        if (opts->mode == BENCH_IDLE)
                end_ns = ready_ns;
        result->seconds = (double)((end_ns ? end_ns : clock_mono_ns()) - start_ns) / 1e9;
        known = known && os_process_usage(opts->pid, &after) == 0;
        result->server_cpu_s = known ? (double)(after.cpu_ns - before.cpu_ns) / 1e9 : -1;
        result->server_rss_bytes = after.rss_bytes;
        result->done = atomic_load(&shared->done);
        result->delivered = opts->mode <= BENCH_FANOUT ? atomic_load(&shared->delivered) : 0;
        result->errors = atomic_load(&shared->errors);
}

static int compile_tls(const struct bench_options *opts, struct tls_ctx **out)
{
        struct errbuf eb = { "" };
        const struct tls_client_options tls = {
                .ca_file = opts->ca,
                .cert_file = opts->cert,
                .key_file = opts->key,
                .insecure = opts->insecure,
        };
        *out = NULL;
        if (!opts->tls || tls_ctx_new_client(&tls, out, &eb) == 0)
                return 0;
        fprintf(stderr, "midge bench: %s\n", eb.text);
        return 1;
}

int bench_main(int argc, char **argv)
{
        static struct bench_result result;
        struct bench_options opts;
        int rc = bench_args(&opts, argc, argv);
        if (rc != 0)
                return rc == 2 ? 0 : 2;
        struct bench_shared shared = { .opts = &opts };
        if (compile_tls(&opts, &shared.tls) != 0)
                return 1;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, on_interrupt);
        (void)os_fd_limit_raise();
        hist_init(&result.latency);
        result.server_cpu_s = -1;
        shared.crypto = crypto_pool_new(1, 1 << 20);
        struct bench_worker *workers = xcalloc(opts.threads, sizeof workers[0]);
        start_workers(workers, &shared);
        measure(&shared, workers, &result);
        atomic_store(&shared.stop, true);
        tell_all(workers, &opts, on_end);
        for (uint32_t i = 0; i < opts.threads; i++) {
                thread_join(workers[i].thread);
                hist_merge(&result.latency, &workers[i].latency);
        }
        bench_report(&opts, &result);
        /* The connections go with the process: closing ten thousand of them in order proves nothing. */
        return result.errors ? 1 : 0;
}
