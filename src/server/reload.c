/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: read again, build everything new, check it whole, then swap; when anything is wrong nothing
 * changes, the last good one goes on serving, and the log says why (config.md 5.1). */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/diff.h"
#include "conf/load.h"
#include "monitor/monitor.h"
#include "peer/settings.h"
#include "server/server_internal.h"
#include "tls/tls_ctx.h"
#include <string.h>

static void log_changes(const struct option_diff *diff)
{
        for (int i = 0; i < diff->n; i++) {
                struct buf line = { 0 };
                option_change_line(&line, &diff->changes[i]);
                log_info(NULL, "%.*s", SLICE_ARG(buf_slice(&line)));
                buf_fini(&line);
        }
}

/* Pid and ports files move with their paths. */
static void move_files(struct server *server, const struct options *old)
{
        struct errbuf eb = { "" };
        const struct options *now = server->opts;
        if (now->pid_file[0] && strcmp(now->pid_file, old->pid_file) != 0 &&
                pid_file_write(now->pid_file, &eb) < 0)
                log_error(NULL, "Failed to write pidfile: %s", eb.text);
        if (strcmp(now->ports_file_dir, old->ports_file_dir) != 0) {
                ports_file_remove(server, old->ports_file_dir);
                ports_file_write(server);
        }
}

static void swap(struct server *server, struct options *now, struct tls_ctx *tls,
        const struct option_diff *diff)
{
        struct errbuf eb = { "" };
        struct options *old = server->opts;
        struct settings *old_settings = server->settings;
        struct tls_ctx *old_tls = server->tls;
        server->opts = now;
        server->tls = tls;
        server->config_load_ns = clock_wall_ns();
        server->settings = compile_settings(server);
        workers_apply(server);
        log_changes(
                diff); /* who reads it in the log may rely on it: loops read mail before input */
        if (server->monitor) {
                monitor_set_options(server->monitor, now, server->config_load_ns);
                monitor_set_tls(server->monitor, tls);
        }
        int64_t excess = atomic_load(&server->peers.shared.client_n) - now->limits.max_connections;
        if (excess > 0)
                workers_trim(server, (uint64_t)excess);
        move_files(server, old);
        if (server_open_log(now, &eb) < 0)
                log_error(NULL, "Failed to reload the log: %s", eb.text);
        settings_unref(old_settings);
        tls_ctx_unref(old_tls);
        options_free(old);
        banner_tls_warnings(server);
        log_info(NULL, "Reloaded server configuration (%s)", now->config_digest);
}

static int prepare(struct server *server, struct options **now, struct tls_ctx **tls,
        struct option_diff *diff, struct buf *text)
{
        const struct options_hooks hooks = { .check_tls = server_check_tls };
        struct errbuf eb = { "" };
        if (server->opts->config_file == NULL) {
                buf_append_str(text,
                        "can only reload config when a file is provided using -c or --config");
                return ERR_CONFIG;
        }
        *now = options_reload(server->opts, &server->launch->flags, &hooks, text);
        if (*now == NULL)
                return ERR_CONFIG;
        if (options_diff(server->opts, *now, diff, &eb) < 0 || compile_tls(*now, tls, &eb) < 0) {
                buf_append_str(text, eb.text);
                return ERR_CONFIG;
        }
        return 0;
}

void server_reload(struct server *server)
{
        struct options *now = NULL;
        struct tls_ctx *tls = NULL;
        struct option_diff diff = { 0 };
        struct buf text = { 0 };
        if (prepare(server, &now, &tls, &diff, &text) < 0) {
                log_error(NULL, "Failed to reload server configuration: %.*s",
                        SLICE_ARG(buf_slice(&text)));
                if (now)
                        options_free(now);
        } else {
                swap(server, now, tls, &diff);
        }
        option_diff_fini(&diff);
        buf_fini(&text);
}
