/* SPDX-License-Identifier: Apache-2.0 */
/* The start-up lines people and tools look for: the reference's, in its order (config.md 4.6). */
#include "base/log.h"
#include "base/version.h"
#include "server/server_internal.h"
#include <string.h>

#define BIG_PAYLOAD_BYTES (8 * 1024 * 1024)

void banner_print(struct server *server)
{
        const struct options *opts = server->opts;
        log_info(NULL, "Starting nats-server");
        log_info(NULL, "  Version:  %s", MIDGE_NATS_LEVEL);
        log_info(NULL, "  Git:      [not set]");
        log_info(NULL, "  Midge:    %s", MIDGE_VERSION);
        log_info(NULL, "  Name:     %s", opts->server_name[0] ? opts->server_name : server->id);
        log_info(NULL, "  ID:       %s", server->id);
        if (opts->config_file)
                log_info(NULL, "Using configuration file: %s (%s)", opts->config_file, opts->config_digest);
        if (opts->limits.max_payload_bytes > BIG_PAYLOAD_BYTES)
                log_warn(NULL, "Maximum payloads over 8.00 MB are generally discouraged and could lead to "
                               "poor performance");
}

void banner_listening(struct server *server)
{
        const struct options *opts = server->opts;
        bool v6 = strchr(opts->client.host, ':') != NULL;
        log_info(NULL, "Listening for client connections on %s%s%s:%d", v6 ? "[" : "", opts->client.host,
                v6 ? "]" : "", server->client_port);
        if (server->tls) {
                log_info(NULL, "TLS required for client connections");
                if (opts->tls.handshake_first && opts->tls.first_fallback_ns == 0)
                        log_warn(NULL, "Clients that are not using \"TLS Handshake First\" option will fail "
                                       "to connect");
        }
        log_info(NULL, "Server is ready");
}
