/* SPDX-License-Identifier: Apache-2.0 */
/* The start-up lines people and tools look for: the reference's, in its order (config.md 4.6). */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "cred/secret.h"
#include "server/server_internal.h"
#include "tls/tls_ctx.h"
#include <string.h>

#define BIG_PAYLOAD_BYTES (8 * 1024 * 1024)

/* Every flag that the reference knows is about JetStream, so here none is supported yet. */
static void print_feature_flags(const struct options *opts)
{
        struct buf names = { 0 };
        if (opts->features.n == 0)
                return;
        for (int i = 0; i < opts->features.n; i++)
                buf_printf(&names, "%s%s", i ? ", " : "", opts->features.names[i]);
        log_info(NULL, "  Feature flags:");
        log_info(NULL, "    Configured:    none");
        log_info(NULL, "    Unsupported:   %.*s", SLICE_ARG(buf_slice(&names)));
        buf_fini(&names);
}

/* A user without a password is one whom only a certificate names, where certificates do. */
static bool has_plain_password(const struct auth_options *auth)
{
        if (auth->password[0] && !secret_is_bcrypt(auth->password))
                return true;
        for (int i = 0; i < auth->user_n; i++) {
                const char *password = auth->users[i].password;
                if (!secret_is_bcrypt(password) && (password[0] || !auth->tls_map))
                        return true;
        }
        return false;
}

void banner_auth_warning(const struct options *opts)
{
        const struct auth_options *auth = &opts->auth;
        if ((auth->given || auth->password[0]) && !auth_options_required(auth))
                log_warn(NULL,
                        "Authorization is configured without a user, nkey or token: everybody "
                        "may connect");
}

void banner_print(struct server *server)
{
        const struct options *opts = server->opts;
        log_info(NULL, "Starting nats-server");
        log_info(NULL, "  Version:  %s", MIDGE_NATS_LEVEL);
        log_info(NULL, "  Git:      [not set]");
        log_info(NULL, "  Midge:    %s", MIDGE_VERSION);
        log_info(NULL, "  Name:     %s", opts->server_name[0] ? opts->server_name : server->id);
        log_info(NULL, "  ID:       %s", server->id);
        print_feature_flags(opts);
        if (opts->prof_port != 0)
                log_warn(NULL, "prof_port is accepted but no port is opened: perf and gdb profile "
                               "this server");
        if (has_plain_password(&opts->auth))
                log_warn(NULL, "Plaintext passwords detected, use nkeys or bcrypt");
        banner_auth_warning(opts);
        if (opts->config_file)
                log_info(NULL, "Using configuration file: %s (%s)", opts->config_file,
                        opts->config_digest);
        if (opts->limits.max_payload_bytes > BIG_PAYLOAD_BYTES)
                log_warn(NULL,
                        "Maximum payloads over 8.00 MB are generally discouraged and could lead to "
                        "poor performance");
}

/* What the reference leaves to be found out by failing clients. */
void banner_tls_warnings(struct server *server)
{
        expiry_check(server);
        if (server->tls == NULL)
                return;
        if (tls_ctx_not_after(server->tls) == 0)
                log_warn(NULL, "The tls map has no certificate: every client will fail to connect");
        if (server->opts->ocsp.mode == OCSP_MODE_NEVER && tls_ctx_must_staple(server->tls))
                log_warn(NULL, "Certificate at '%s' has MustStaple but OCSP is disabled",
                        server->opts->tls.pairs[0].cert_file);
        if (tls_ctx_missing(server->tls)[0])
                log_warn(NULL, "This machine's TLS library lacks %s: no client can use them",
                        tls_ctx_missing(server->tls));
        if (server->opts->tls.verify && server->opts->tls.ca_file == NULL)
                log_warn(NULL,
                        "Client certificates are verified against the system's trust store because "
                        "ca_file is not set: one from any public CA passes");
}

/* The effective state, for whoever must prove that two ways to configure it are one (debug level). */
void banner_tls_settings(const struct server *server)
{
        const struct tls_options *tls = &server->opts->tls;
        struct buf text = { 0 };
        char timeout[40], fallback[40];
        if (server->tls == NULL) {
                log_debug(NULL, "TLS settings: none");
                return;
        }
        tls_ctx_describe(server->tls, &text);
        clock_duration(tls->timeout_ns, timeout, sizeof timeout);
        clock_duration(tls->first_fallback_ns, fallback, sizeof fallback);
        log_debug(NULL,
                "TLS settings: %.*s; map %s; timeout %s; first %s, fallback %s; rate %lld; "
                "without TLS %s",
                SLICE_ARG(buf_slice(&text)), tls->map ? "on" : "off", timeout,
                tls->handshake_first ? "on" : "off", fallback,
                (long long)tls->connection_rate_limit,
                server->opts->allow_non_tls ? "allowed" : "refused");
        buf_fini(&text);
}

static void tls_notice(const struct options *opts)
{
        bool only_first = opts->tls.handshake_first && opts->tls.first_fallback_ns == 0;
        log_info(NULL, "TLS %s for client connections",
                opts->allow_non_tls && !only_first ? "available" : "required");
        if (only_first)
                log_warn(NULL,
                        "Clients that are not using \"TLS Handshake First\" option will fail "
                        "to connect");
}

void banner_listening(struct server *server)
{
        const struct options *opts = server->opts;
        bool v6 = strchr(opts->client.host, ':') != NULL;
        log_info(NULL, "Listening for client connections on %s%s%s:%d", v6 ? "[" : "",
                opts->client.host, v6 ? "]" : "", server->client_port);
        if (server->tls) {
                tls_notice(opts);
                banner_tls_warnings(server);
        }
        log_info(NULL, "Server is ready");
}
