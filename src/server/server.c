/* SPDX-License-Identifier: Apache-2.0 */
/* Order of life, downwards at the start and upwards at the stop:
 *   log, registry, TLS, crypto pool, settings, worker loops, monitor, client listener, files, signals.
 * The control loop runs on the calling thread in between. */
#include "server/server.h"
#include "account/registry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "conf/load.h"
#include "monitor/monitor.h"
#include "net/crypto_pool.h"
#include "net/fetch_pool.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/ocsp_share.h"
#include "net/sigs.h"
#include "os/os.h"
#include "peer/peer_info.h"
#include "peer/settings.h"
#include "server/server_internal.h"
#include "server/stapler.h"
#include "tls/tls_ctx.h"
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
        HANDSHAKE_QUEUE_MAX = 16 * 1024,
        FETCH_THREADS = 4,
        FETCH_QUEUE_MAX = 1024,
};
#define DRAIN_PATIENCE_NS (2 * NS_PER_SEC)

/* Nothing waits for other machines unless somebody asks, so there are no threads for it either. */
struct fetch_pool *server_fetch_pool(struct server *server)
{
        if (server->fetches == NULL)
                server->fetches = fetch_pool_new(FETCH_THREADS, FETCH_QUEUE_MAX);
        return server->fetches;
}

void server_close_listener(struct server *server)
{
        if (server->clients == NULL)
                return;
        accept_stop(server);
        log_debug(NULL, "Client accept loop exiting..");
}

/* ---- stopping ---------------------------------------------------------------------------- */

/* Loops end by themselves when their last peer is gone; those that do not read are not waited for long. */
static void on_drain_timer(struct timer *timer)
{
        struct server *server = CONTAINER_OF(timer, struct server, drain_timer);
        workers_drain(server);
        loop_timer_start(server->control, timer, DRAIN_PATIENCE_NS);
}

static void end_if_done(struct server *server)
{
        if (server->workers_joined && server->monitor == NULL)
                loop_stop(server->control);
}

static void on_monitor_stopped(void *ctx)
{
        struct server *server = ctx;
        server->monitor = NULL;
        end_if_done(server);
}

struct join_mail {
        struct mail mail;
        struct server *server;
};

static void on_joined(struct mail *mail)
{
        struct join_mail *letter = CONTAINER_OF(mail, struct join_mail, mail);
        struct server *server = letter->server;
        xfree(letter);
        loop_timer_stop(server->control, &server->drain_timer);
        workers_free(server);
        server->workers_joined = true;
        end_if_done(server);
}

/* A thread of its own waits for the loops, so that the control loop goes on answering meanwhile. */
static void join_workers(void *ctx)
{
        struct server *server = ctx;
        workers_join(server);
        struct join_mail *letter = xnew(struct join_mail);
        letter->server = server;
        letter->mail.deliver = on_joined;
        loop_post(server->control, &letter->mail);
}

void server_stop(struct server *server)
{
        if (server->stopping)
                return;
        server->stopping = true;
        loop_timer_stop(server->control, &server->tls_rate_timer);
        log_info(NULL, "Initiating Shutdown...");
        if (server->lame)
                lame_duck_fini(server);
        server_close_listener(server);
        server_reload_drop(server);
        rotation_stop(server);
        stapler_free(server->stapler);
        server->stapler = NULL;
        expiry_stop(server);
        if (server->monitor)
                monitor_stop(server->monitor);
        workers_drain(server);
        server->drain_timer.fn = on_drain_timer;
        loop_timer_start(server->control, &server->drain_timer, DRAIN_PATIENCE_NS);
        server->joiner = thread_start("joiner", THREAD_NONE, join_workers, server);
}

static void on_signal(void *ctx, int signum)
{
        struct server *server = ctx;
        struct errbuf eb = { "" };
        switch (signum) {
        case SIGINT:
                log_info(NULL, "Trapped \"interrupt\" signal");
                server_stop(server);
                break;
        case SIGTERM:
                log_info(NULL, "Trapped \"terminated\" signal");
                if (server->lame == NULL)
                        server_stop(server);
                break;
        case SIGUSR1:
                log_info(NULL, "Trapped \"user defined signal 1\" signal");
                if (server->opts->log.file == NULL)
                        log_info(NULL, "File log re-open ignored, not a file logger");
                else if (log_reopen(&eb) < 0)
                        log_error(NULL, "Unable to re-open the log file: %s", eb.text);
                else
                        log_info(NULL, "File log re-opened");
                break;
        case SIGUSR2:
                log_info(NULL, "Trapped \"user defined signal 2\" signal");
                lame_duck_start(server);
                break;
        case SIGHUP:
                log_info(NULL, "Trapped \"hangup\" signal");
                server_reload(server);
                break;
        default:
                break;
        }
}

/* ---- throttling of handshakes ------------------------------------------------------------- */

static void on_tls_rate_timer(struct timer *timer)
{
        struct server *server = CONTAINER_OF(timer, struct server, tls_rate_timer);
        uint64_t blocked = rate_counter_take_blocked(server->tls_rate);
        if (blocked > 0)
                log_warn(NULL, "Rejected %llu connections due to TLS rate limiting",
                        (unsigned long long)blocked);
        loop_timer_start(server->control, timer, NS_PER_SEC);
}

static void start_tls_rate(struct server *server)
{
        int64_t limit = server->opts->tls.connection_rate_limit;
        if (limit <= 0)
                return;
        server->tls_rate = rate_counter_new(limit, NS_PER_SEC);
        server->tls_rate_timer.fn = on_tls_rate_timer;
        loop_timer_start(server->control, &server->tls_rate_timer, NS_PER_SEC);
}

/* ---- starting ---------------------------------------------------------------------------- */

static bool listeners_up(void *ctx)
{
        const struct server *server = ctx;
        return server->clients !=
               NULL; /* closed in lame duck mode: balancers must look elsewhere */
}

static int start_monitor(struct server *server, struct errbuf *eb)
{
        const struct options *opts = server->opts;
        if (opts->monitor.http_port == 0 && opts->monitor.https_port == 0)
                return 0;
        const struct monitor_env env = {
                .control = server->control,
                .crypto = server->crypto,
                .peers = &server->peers,
                .tls = server->tls,
                .rotation = &server->rotation.state,
                .ocsp_cache = server->ocsp_cache,
                .options = opts,
                .server_id = server->id,
                .server_name = opts->server_name[0] ? opts->server_name : server->id,
                .start_ns = server->start_ns,
                .start_mono_ns = server->start_mono_ns,
                .config_load_ns = server->config_load_ns,
                .client_port = server->client_port,
                .listeners_up = listeners_up,
                .listeners_ctx = server,
                .on_stopped = on_monitor_stopped,
                .stopped_ctx = server,
        };
        return monitor_start(&server->monitor, &env, eb);
}

static int start_listener(struct server *server, struct errbuf *eb)
{
        int rc = accept_open(server, eb);
        if (rc == 0)
                server->client_port = server->opts->client.bound_port =
                        listener_port(server->clients);
        return rc;
}

static int start_files(struct server *server, struct errbuf *eb)
{
        const struct options *opts = server->opts;
        if (opts->pid_file[0] && pid_file_write(opts->pid_file, eb) < 0)
                return ERR_IO;
        ports_file_write(server);
        return 0;
}

static void on_closed_record(struct peer_server *peers, struct peer_info *record)
{
        struct server *server = CONTAINER_OF(peers, struct server, peers);
        if (server->monitor && !server->stopping)
                monitor_add_closed(server->monitor, record);
        else
                peer_info_free(record);
}

static void on_tls_failure(struct peer_server *peers, struct tls_failure *failure)
{
        struct server *server = CONTAINER_OF(peers, struct server, peers);
        if (server->monitor && !server->stopping)
                monitor_add_tls_failure(server->monitor, failure);
        else
                xfree(failure);
}

int server_open_log(const struct options *opts, struct errbuf *eb)
{
        const struct log_options log = {
                .file = opts->log.file,
                .debug = opts->log.debug,
                .trace = opts->log.trace,
                .time = opts->log.time,
                .time_utc = opts->log.time_utc,
                .syslog = opts->log.syslog,
                .remote_syslog = opts->log.remote_syslog,
                .size_limit_bytes = opts->log.size_limit_bytes,
                .max_files = opts->log.max_files,
        };
        return log_open(&log, eb);
}

/* There is no log to say it in: standard error, in the form of Go's default logger. */
static void server_print_log_failure(const struct errbuf *eb)
{
        char stamp[32];
        time_t now = time(NULL);
        struct tm tm;
        localtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &tm);
        fprintf(stderr, "%s %s\n", stamp, eb->text);
}

static void init(struct server *server, struct launch *launch)
{
        *server = (struct server){ .opts = launch->options, .launch = launch };
        launch->options = NULL;
        server->start_ns = server->config_load_ns = clock_wall_ns();
        server->start_mono_ns = clock_mono_ns();
        nkey_fresh_name(NKEY_SERVER, server->id);
        nkey_fresh_name(NKEY_CURVE, server->xkey);
        server->peers.registry = registry_new();
        server->peers.id = server->id;
}

static void fini(struct server *server)
{
        ocsp_peers_stop(server);
        if (server->crypto)
                crypto_pool_free(server->crypto);
        fetch_pool_free(server->fetches);
        accept_fini(server);
        settings_unref(server->settings);
        rate_counter_free(server->tls_rate);
        tls_ctx_unref(server->tls);
        rcu_barrier_wait();
        registry_free(server->peers.registry);
        loop_free(server->control); /* reads what the pools have sent */
        ocsp_share_free(server->ocsp_share);
        options_free(server->opts);
}

/* Everything up to the first accept. What was started before a failure is stopped by the caller. */
static int start(struct server *server, const uint8_t *files, struct errbuf *eb)
{
        const struct options *opts = server->opts;
        const struct listen_options *client = &opts->client;
        ocsp_peers_start(server);
        banner_tls_settings(server);
        start_tls_rate(server);
        server->crypto = crypto_pool_new(opts->crypto_thread_n, HANDSHAKE_QUEUE_MAX);
        if (start_listener(server, eb) < 0) {
                struct errbuf cause = *eb;
                bool v6 = strchr(client->host, ':') != NULL;
                return errbuf_set(eb, ERR_IO, "Error listening on port: %s%s%s:%d, \"%s\"",
                        v6 ? "[" : "", client->host, v6 ? "]" : "",
                        client->port == -1 ? 0 : client->port, cause.text);
        }
        if (check_advertise(opts, server->client_port, eb) < 0) {
                struct errbuf cause = *eb;
                return errbuf_set(eb, ERR_CONFIG,
                        "Error setting server INFO with ClientAdvertise value of %s, err=%s",
                        client->advertise, cause.text);
        }
        server->settings = compile_settings(server);
        workers_start(server);
        accept_init(server);
        if (start_monitor(server, eb) < 0) {
                errbuf_prefix(eb, "Can't start monitoring");
                return ERR_IO;
        }
        if (start_files(server, eb) < 0) {
                errbuf_prefix(eb, "Could not write pidfile");
                return ERR_IO;
        }
        rotation_start(server, files);
        staples_run(server, &(const struct errbuf){ "" });
        banner_listening(server);
        accept_start(server);
        return 0;
}

/* What ended is remembered for those who ask, and only monitoring can ask. */
static void take_reports(struct server *server)
{
        const struct options *opts = server->opts;
        if (opts->monitor.http_port == 0 && opts->monitor.https_port == 0)
                return;
        server->peers.on_closed_record = on_closed_record;
        server->peers.on_tls_failure = on_tls_failure;
}

/* Loops cannot be made without descriptors: better to say so than to end in the middle of it. Besides there
 * are standard streams, log, listeners and what libuv keeps for itself. */
static bool enough_descriptors(struct server *server, int limit)
{
        enum { OF_A_LOOP = 3, OF_THE_SERVER = 16 };
        int loops = workers_count(server), need = OF_THE_SERVER + OF_A_LOOP * (loops + 1);
        if (limit < 0 || limit >= need)
                return true;
        log_fatal(NULL,
                "The limit of %d open files is too low: %d loops need %d to start (ulimit -n, "
                "LimitNOFILE=)",
                limit, loops, need);
        return false;
}

/* As the reference: a fatal line ends the process, nothing was served yet. */
NORETURN static void fail_start(void)
{
        log_flush();
        _exit(1);
}

/* What must be known before there is a log, as with the reference: the context, and the status of its
 * certificate. files: content of those behind it. */
static int start_tls(
        struct server *server, uint8_t files[TLS_FILES_DIGEST_BYTES], struct errbuf *eb)
{
        tls_files_digest(&server->opts->tls, files);
        int rc = compile_tls(server->opts, &server->tls, eb);
        return rc < 0 ? rc : staples_begin(server, eb);
}

static const int watched[] = { SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, 0 };

int server_run(struct launch *launch)
{
        static struct server server;
        struct errbuf eb = { "" };
        uint8_t files[TLS_FILES_DIGEST_BYTES];
        thread_set_role(THREAD_CONTROL, os_program()); /* by which pgrep and --signal find it */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN);           /* a file that may not grow is an error of that write */
        int fd_limit = os_fd_limit_raise(); /* best effort: the limit shows in accept errors */
        init(&server, launch);
        if (options_validate(server.opts, &eb) < 0 || start_tls(&server, files, &eb) < 0) {
                fprintf(stderr, "%s: %s\n", launch->program, eb.text);
                return 1;
        }
        if (server_open_log(server.opts, &eb) < 0) {
                server_print_log_failure(&eb);
                return 1;
        }
        if (!enough_descriptors(&server, fd_limit))
                fail_start();
        server.control = loop_new(LOOP_MAX);
        server.peers.control = server.control;
        take_reports(&server);
        server.sigs = sigs_open(server.control, watched, on_signal, &server);
        banner_print(&server);
        if (start(&server, files, &eb) < 0) {
                log_fatal(NULL, "%s", eb.text);
                fail_start();
        }
        loop_run(server.control);
        thread_join(server.joiner);
        sigs_close(server.sigs);
        ports_file_remove(&server, server.opts->ports_file_dir);
        log_info(NULL, "Server Exiting..");
        /* The log's thread rests while descriptors are closed below: libuv closes those of a loop by a bare
         * system call, after which ThreadSanitizer takes the next use of their numbers for a race. */
        log_flush();
        fini(&server);
        log_close();
        return 0;
}
