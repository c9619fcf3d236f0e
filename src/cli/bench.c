/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/version.h"
#include "cli/bench_conn.h"
#include "net/crypto_pool.h"
#include "os/os.h"
#include "tls/tls_ctx.h"
#include <signal.h>
#include <string.h>
#include <time.h>

enum { WATCH_NS = 2 * 1000 * 1000, BAR_EVERY = 25, READY_WAIT_S = 60, CRYPTO_QUEUE = 1 << 20 };

static const struct bench_kind *const kinds[BENCH_MODE_COUNT] = {
        [BENCH_PUB] = &bench_flow,
        [BENCH_SUB] = &bench_flow,
        [BENCH_PAIR] = &bench_flow,
        [BENCH_FANOUT] = &bench_flow,
        [BENCH_FANIN] = &bench_flow,
        [BENCH_REQUEST] = &bench_request,
        [BENCH_CONNECT] = &bench_storm,
        [BENCH_IDLE] = &bench_idle,
        [BENCH_SUBS] = &bench_subs,
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
        (void)signum;
        interrupted = 1;
}

/* ---- orders to the workers ------------------------------------------------------------------ */

struct order {
        struct mail mail;
        struct bench_worker *worker;
};

static const struct bench_kind *take_order(struct mail *mail, struct bench_worker **worker)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        *worker = order->worker;
        xfree(order);
        return kinds[(*worker)->shared->opts->mode];
}

static void on_setup(struct mail *mail)
{
        struct bench_worker *worker;
        take_order(mail, &worker)->setup(worker);
}

static void on_prepare(struct mail *mail)
{
        struct bench_worker *worker;
        take_order(mail, &worker)->prepare(worker);
}

static void on_go(struct mail *mail)
{
        struct bench_worker *worker;
        const struct bench_kind *kind = take_order(mail, &worker);
        worker->start_ns = clock_mono_ns();
        kind->go(worker);
}

static void on_end(struct mail *mail)
{
        struct bench_worker *worker;
        const struct bench_kind *kind = take_order(mail, &worker);
        if (kind->end)
                kind->end(worker);
        loop_stop(worker->loop);
}

static void tell_all(
        struct bench_worker *workers, const struct bench_options *opts, mail_fn deliver)
{
        for (uint32_t i = 0; i < opts->threads; i++) {
                struct order *order = xnew(struct order);
                order->worker = &workers[i];
                order->mail.deliver = deliver;
                loop_post(workers[i].loop, &order->mail);
        }
}

static void run_loop(void *ctx)
{
        loop_run(ctx);
}

static void start_workers(struct bench_worker *workers, struct bench_shared *shared)
{
        for (uint32_t i = 0; i < shared->opts->threads; i++) {
                struct bench_worker *worker = &workers[i];
                char name[24];
                snprintf(name, sizeof name, "bench-%u", i);
                worker->shared = shared;
                worker->index = i;
                worker->loop = loop_new(i);
                list_init(&worker->active);
                list_init(&worker->waiting);
                hist_init(&worker->latency);
                hist_init(&worker->lag);
                worker->thread = thread_start(name, THREAD_LOOP, run_loop, worker->loop);
        }
}

/* ---- watching ------------------------------------------------------------------------------- */

static void watch_pause(void)
{
        const struct timespec pause = { .tv_nsec = WATCH_NS };
        nanosleep(&pause, NULL);
}

static void draw(const struct bench_shared *shared, uint64_t start_ns, unsigned *turn)
{
        const struct bench_options *opts = shared->opts;
        uint64_t done = atomic_load(&shared->done), total = opts->msgs;
        if ((*turn)++ % BAR_EVERY != 0)
                return;
        if (opts->mode == BENCH_SUB) {
                done = atomic_load(&shared->delivered);
                total = bench_flow.expected(opts);
        } else if (opts->mode == BENCH_IDLE) {
                total = opts->clients;
        }
        bench_progress(opts, done, total, (double)(clock_mono_ns() - start_ns) / 1e9);
}

/* Wait until so many connections are ready, or prepared. False: some connection failed, the user
 * gave up, or it took too long. */
static bool wait_count(
        struct bench_shared *shared, _Atomic uint32_t *count, uint32_t want, uint64_t start_ns)
{
        uint64_t moved_ns = start_ns;
        uint32_t ready = 0;
        for (unsigned turn = 0;; watch_pause()) {
                uint32_t now_ready = atomic_load(count);
                if (now_ready >= want)
                        break;
                if (now_ready != ready)
                        moved_ns = clock_mono_ns();
                ready = now_ready;
                if (interrupted || atomic_load(&shared->errors) > 0)
                        return false;
                if (clock_mono_ns() - moved_ns > READY_WAIT_S * NS_PER_SEC) {
                        bench_complain(shared, "the server does not answer");
                        atomic_fetch_add(&shared->errors, 1);
                        return false;
                }
                if (shared->opts->mode == BENCH_IDLE)
                        draw(shared, start_ns, &turn);
        }
        return true;
}

static void wait_done(struct bench_shared *shared, uint64_t start_ns)
{
        const struct bench_options *opts = shared->opts;
        const struct bench_kind *kind = kinds[opts->mode];
        bool storm = opts->mode == BENCH_CONNECT;
        unsigned turn = 0;
        while (!interrupted && !kind->is_done(shared) &&
                (storm || atomic_load(&shared->errors) == 0)) {
                if (opts->mode == BENCH_IDLE &&
                        clock_mono_ns() - start_ns > opts->hold_s * NS_PER_SEC)
                        break;
                draw(shared, start_ns, &turn);
                watch_pause();
        }
        bench_progress_end(opts);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static bool usage_of(const struct bench_options *opts, struct os_usage *out)
{
        return opts->pid > 0 && os_process_usage((long)opts->pid, out) == 0;
}

/* The seconds from start to the last piece of work, or until now when the work is not complete. */
static double elapsed_s(const struct bench_shared *shared, uint64_t start_ns)
{
        enum bench_mode mode = shared->opts->mode;
        uint64_t first_ns = atomic_load(&shared->first_ns), end_ns = atomic_load(&shared->end_ns);
        if (mode == BENCH_SUB && first_ns > start_ns)
                start_ns = first_ns;
        bool complete = mode == BENCH_IDLE || kinds[mode]->is_done(shared);
        if (!complete || end_ns == 0)
                end_ns = clock_mono_ns();
        return end_ns > start_ns ? (double)(end_ns - start_ns) / 1e9 : 0;
}

/* What must be there before the messages. False: it did not come about. */
static bool measure_prepare(
        struct bench_shared *shared, struct bench_worker *workers, struct bench_result *result)
{
        const struct bench_options *opts = shared->opts;
        struct os_usage before = { 0 }, after = { 0 };
        bool known = usage_of(opts, &before);
        uint64_t start_ns = clock_mono_ns();
        tell_all(workers, opts, on_prepare);
        if (!wait_count(shared, &shared->prepared, kinds[opts->mode]->conn_n(opts), start_ns))
                return false;
        known = known && usage_of(opts, &after);
        result->prepare_s = (double)(atomic_load(&shared->end_ns) - start_ns) / 1e9;
        result->prepare_cpu_s = known ? (double)(after.cpu_ns - before.cpu_ns) / 1e9 : -1;
        result->prepare_rss_bytes = before.rss_bytes;
        return true;
}

/* False: it did not begin. The CPU of idle and connect includes the handshakes, that of the others
 * does not. */
static bool measure(
        struct bench_shared *shared, struct bench_worker *workers, struct bench_result *result)
{
        const struct bench_options *opts = shared->opts;
        const struct bench_kind *kind = kinds[opts->mode];
        struct os_usage before = { 0 }, after = { 0 };
        bool known = usage_of(opts, &before);
        uint64_t start_ns = clock_mono_ns();
        tell_all(workers, opts, on_setup);
        if (!wait_count(shared, &shared->ready, kind->conn_n(opts), start_ns) ||
                (kind->prepare && !measure_prepare(shared, workers, result))) {
                bench_progress_end(opts);
                return false;
        }
        uint64_t ready_ns = clock_mono_ns();
        if (opts->mode == BENCH_IDLE) {
                bench_are_up(opts);
        } else {
                known = usage_of(opts, &before);
                start_ns = ready_ns;
        }
        uint64_t load_ns = os_cpu_ns();
        atomic_store(&shared->go, true);
        tell_all(workers, opts, on_go);
        wait_done(shared, ready_ns);
        result->seconds = elapsed_s(shared, start_ns);
        known = known && usage_of(opts, &after);
        result->server_cpu_s = known ? (double)(after.cpu_ns - before.cpu_ns) / 1e9 : -1;
        result->load_cpu_s = (double)(os_cpu_ns() - load_ns) / 1e9;
        result->server_rss_bytes = after.rss_bytes;
        result->server_rss_before_bytes = before.rss_bytes;
        result->done = atomic_load(&shared->done);
        result->delivered = atomic_load(&shared->delivered);
        result->expected = kind->expected ? kind->expected(opts) : 0;
        result->errors = atomic_load(&shared->errors);
        result->resumed = atomic_load(&shared->resumed);
        result->interrupted = interrupted;
        return true;
}

/* ---- the program ---------------------------------------------------------------------------- */

static int compile_tls(const struct bench_options *opts, struct tls_ctx **out, struct errbuf *eb)
{
        const struct tls_client_options tls = {
                .ca_file = opts->ca,
                .cert_file = opts->cert,
                .key_file = opts->key,
                .insecure = opts->insecure,
                .resume = opts->resume,
        };
        *out = NULL;
        return opts->tls ? tls_ctx_new_client(&tls, out, eb) : 0;
}

static char *connect_line(const struct bench_options *opts)
{
        struct buf out = { 0 };
        struct json_writer w;
        buf_append_str(&out, "CONNECT ");
        json_begin(&w, &out, 0);
        json_object_open(&w, NULL);
        json_bool(&w, "verbose", false);
        json_bool(&w, "pedantic", false);
        json_str(&w, "name", "midge bench");
        json_str(&w, "lang", "c");
        json_str(&w, "version", MIDGE_VERSION);
        json_i64(&w, "protocol", 0);
        if (opts->user) {
                json_str(&w, "user", opts->user);
                json_str(&w, "pass", opts->password);
        }
        if (opts->token)
                json_str(&w, "auth_token", opts->token);
        json_object_close(&w);
        buf_append_str(&out, "\r\n");
        return buf_take_str(&out);
}

/* What must hold before any thread starts; the sentence for the user in eb. */
static int prepare(struct bench_shared *shared, struct errbuf *eb)
{
        const struct bench_options *opts = shared->opts;
        struct os_usage usage;
        int rc = compile_tls(opts, &shared->tls, eb);
        if (rc == 0 && opts->pid > 0) {
                rc = os_process_usage((long)opts->pid, &usage);
                if (rc < 0)
                        return errbuf_set(eb, rc, "--pid %llu: %s", (unsigned long long)opts->pid,
                                err_text(rc));
        }
        return rc == 0 ? bench_find_server(shared, eb) : rc;
}

/* The first Ctrl-C ends the measurement, a second one the program. */
static void catch_signals(void)
{
        struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
}

int bench_main(int argc, char **argv)
{
        /* Static: the connections go with the process, closing ten thousand of them proves nothing.
         */
        static struct bench_result result;
        static struct bench_options opts;
        static struct bench_shared shared;
        static struct bench_worker *workers;
        enum bench_args_result todo = bench_args(&opts, argc, argv, stdout, stderr);
        struct errbuf eb = { "" };
        if (todo != BENCH_RUN)
                return (int)todo;
        shared.opts = &opts;
        atomic_init(&shared.first_fd, -1);
        if (prepare(&shared, &eb) != 0) {
                fprintf(stderr, "midge bench: %s\n", eb.text);
                return 1;
        }
        catch_signals();
        (void)os_fd_limit_raise();
        hist_init(&result.latency);
        hist_init(&result.lag);
        shared.connect_line = connect_line(&opts);
        shared.crypto = crypto_pool_new(1, CRYPTO_QUEUE);
        workers = xcalloc(opts.threads, sizeof workers[0]);
        start_workers(workers, &shared);
        bool began = measure(&shared, workers, &result);
        atomic_store(&shared.stop, true);
        tell_all(workers, &opts, on_end);
        for (uint32_t i = 0; i < opts.threads; i++) {
                thread_join(workers[i].thread);
                hist_merge(&result.latency, &workers[i].latency);
                hist_merge(&result.lag, &workers[i].lag);
        }
        crypto_pool_free(shared.crypto); /* handshakes under way must not outlive the TLS library */
        if (began)
                bench_report(&opts, &result, stdout);
        return began && result.errors == 0 ? 0 : 1;
}
