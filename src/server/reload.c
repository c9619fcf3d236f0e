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
#include "server/stapler.h"
#include "tls/ocsp_cache.h"
#include "tls/tls_ctx.h"
#include <string.h>

/* All that is new, before anything changes. */
struct prepared {
        struct options *options;
        struct tls_ctx *tls;
        struct ocsp_cache *ocsp_cache; /* NULL: no ocsp_peer */
        struct option_diff diff;
        uint8_t files[TLS_FILES_DIGEST_BYTES]; /* taken before tls read them */
        bool same_tls;                         /* as the one in service, to the last byte */
};

static void log_changes(const struct prepared *next)
{
        const struct option_diff *diff = &next->diff;
        for (int i = 0; i < diff->n; i++) {
                struct buf line = { 0 };
                if (next->same_tls && diff->changes[i].row->type == OPTION_TLS)
                        continue; /* it was among them because files may have changed */
                option_change_line(&line, &diff->changes[i]);
                if (line.len > 0)
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

static bool has_changed(const struct option_diff *diff, const char *field)
{
        for (int i = 0; i < diff->n; i++)
                if (strcmp(diff->changes[i].row->field, field) == 0)
                        return true;
        return false;
}

void server_swap_tls(struct server *server, struct tls_ctx *next, struct stapler *stapler)
{
        struct settings *old_settings = server->settings;
        struct tls_ctx *old_tls = server->tls;
        stapler_free(server->stapler);
        server->stapler = stapler;
        server->tls = next;
        if (next && old_tls)
                tls_ctx_keep_tickets(next, old_tls);
        server->settings = compile_settings(server);
        workers_apply(server);
        if (server->monitor)
                monitor_set_tls(server->monitor, next);
        banner_tls_settings(server);
        settings_unref(old_settings);
        tls_ctx_unref(old_tls);
}

static bool is_same_tls(const struct server *server, const struct prepared *next)
{
        struct buf was = { 0 }, is = { 0 };
        if (server->tls == NULL || next->tls == NULL ||
                memcmp(server->rotation.in_service, next->files, sizeof next->files) != 0)
                return false;
        tls_ctx_describe(server->tls, &was);
        tls_ctx_describe(next->tls, &is);
        bool same = slice_eq(buf_slice(&was), buf_slice(&is));
        buf_fini(&was);
        buf_fini(&is);
        return same;
}

static void trim_clients(struct server *server)
{
        int64_t max = server->opts->limits.max_connections;
        int64_t excess = atomic_load(&server->peers.shared.client_n) - (max > 0 ? max : 0);
        if (excess <= 0)
                return;
        workers_trim(server, (uint64_t)excess);
        log_info(NULL, "Closed %lld connections to fall within max_connections", (long long)excess);
}

static void swap(struct server *server, struct prepared *next, struct stapler *stapler,
        const struct errbuf *problem)
{
        struct errbuf eb = { "" };
        struct options *old = server->opts, *now = next->options;
        server->opts = now;
        server->config_load_ns = clock_wall_ns();
        if (server->monitor)
                monitor_set_options(server->monitor, now, server->config_load_ns);
        next->same_tls = is_same_tls(server, next);
        server_swap_tls(server, next->tls, stapler);
        ocsp_peers_take_cache(server, next->ocsp_cache);
        if (has_changed(&next->diff, "TLSPinnedCerts"))
                workers_check_pins(server);
        trim_clients(server);
        move_files(server, old);
        /* Who reads it in the log may rely on it: loops read mail before input. */
        log_changes(next);
        if (server_open_log(now, &eb) < 0)
                log_error(NULL, "Failed to reload the log: %s", eb.text);
        options_free(old);
        rotation_start(server, next->files);
        banner_tls_warnings(server);
        staples_run(server, problem);
        banner_auth_warning(now);
        log_info(NULL, "Reloaded server configuration (%s)", now->config_digest);
}

static int prepare(struct server *server, struct prepared *next, struct buf *text)
{
        const struct options_hooks hooks = { .check_tls = server_check_tls };
        struct errbuf eb = { "" };
        if (server->opts->config_file == NULL) {
                buf_append_str(text,
                        "can only reload config when a file is provided using -c or --config");
                return ERR_CONFIG;
        }
        next->options = options_reload(server->opts, &server->launch->flags, &hooks, text);
        if (next->options == NULL)
                return ERR_CONFIG;
        if (check_advertise(next->options, server->client_port, &eb) < 0) {
                buf_printf(text, "invalid ClientAdvertise value of %s, err=%s",
                        next->options->client.advertise, eb.text);
                return ERR_CONFIG;
        }
        tls_files_digest(&next->options->tls, next->files);
        if (options_diff(server->opts, next->options, &next->diff, &eb) < 0 ||
                compile_tls(next->options, &next->tls, &eb) < 0) {
                buf_append_str(text, eb.text);
                return ERR_CONFIG;
        }
        next->ocsp_cache = ocsp_peers_make_cache(server, next->options);
        ocsp_peers_apply(server, next->options, next->tls, next->ocsp_cache);
        return 0;
}

/* One that is good and waits for the status of its certificate: nothing changes before that is known. */
struct reload {
        struct server *server;
        struct prepared next;
        struct stapler *stapler;
        struct errbuf problem; /* why there is no staple; "" */
};

static void reload_free(struct reload *reload)
{
        option_diff_fini(&reload->next.diff);
        xfree(reload);
}

void server_reload_drop(struct server *server)
{
        struct reload *reload = server->reload;
        server->reload = NULL;
        if (reload == NULL)
                return;
        stapler_free(reload->stapler);
        tls_ctx_unref(reload->next.tls);
        ocsp_cache_unref(reload->next.ocsp_cache);
        options_free(reload->next.options);
        reload_free(reload);
}

static void on_staple_known(void *ctx)
{
        struct reload *reload = ctx;
        struct server *server = reload->server;
        server->reload = NULL;
        struct stapler *stapler =
                staples_settle(reload->stapler, reload->next.tls, &reload->problem);
        swap(server, &reload->next, stapler, &reload->problem);
        reload_free(reload);
        if (server->reload_again) {
                server->reload_again = false;
                server_reload(server);
        }
}

void server_reload(struct server *server)
{
        struct buf text = { 0 };
        if (server->stopping)
                return;
        if (server->reload) {
                server->reload_again = true;
                return;
        }
        struct reload *reload = xnew(struct reload);
        struct prepared *next = &reload->next;
        reload->server = server;
        if (prepare(server, next, &text) < 0) {
                log_error(NULL, "Failed to reload server configuration: %.*s",
                        SLICE_ARG(buf_slice(&text)));
                if (next->options)
                        options_free(next->options);
                reload_free(reload);
        } else {
                rotation_drop(server); /* what it waits to take is read by this reload, too */
                server->reload = reload;
                reload->stapler = staples_make(server, next->options, next->tls, &reload->problem);
                if (reload->stapler)
                        stapler_prepare(reload->stapler, server->stapler, on_staple_known, reload);
                else
                        on_staple_known(reload);
        }
        buf_fini(&text);
}
