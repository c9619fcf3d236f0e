/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "base/version.h"
#include "peer/settings.h"
#include "proto/info.h"
#include "server/server_internal.h"
#include "tls/tls_ctx.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JETSTREAM_API_LEVEL = 5 };

int compile_tls(const struct options *opts, struct tls_ctx **out, struct errbuf *eb)
{
        *out = NULL;
        return opts->tls.enabled ? tls_ctx_new_server(&opts->tls, out, eb) : 0;
}

int server_check_tls(const struct tls_options *opts, struct errbuf *eb)
{
        struct tls_ctx *ctx;
        int rc = tls_ctx_new_server(opts, &ctx, eb);
        if (rc == 0)
                tls_ctx_unref(ctx);
        return rc;
}

/* What clients are told to dial: the advertised address, or where we listen. */
static void advertised(const struct server *server, char *host, size_t size, int *port)
{
        const struct listen_options *client = &server->opts->client;
        const char *colon = client->advertise ? strrchr(client->advertise, ':') : NULL;
        *port = server->client_port;
        if (client->advertise == NULL) {
                snprintf(host, size, "%s", client->host);
        } else if (colon == NULL) {
                snprintf(host, size, "%s", client->advertise);
        } else {
                snprintf(host, size, "%.*s", (int)(colon - client->advertise), client->advertise);
                *port = (int)strtol(colon + 1, NULL, 10);
        }
}

struct info_template *compile_info(struct server *server, bool lame_duck)
{
        char host[256];
        struct server_info info = {
                .server_id = server->id,
                .server_name =
                        server->opts->server_name[0] ? server->opts->server_name : server->id,
                .version = MIDGE_NATS_LEVEL,
                .go = MIDGE_TOOLCHAIN,
                .host = host,
                .headers = !server->opts->no_header_support,
                .tls_required = server->tls != NULL,
                .tls_verify = server->tls && tls_ctx_requires_client_cert(server->tls),
                .ldm = lame_duck,
                .api_level = JETSTREAM_API_LEVEL,
                .xkey = server->xkey,
                .midge_version = MIDGE_VERSION,
        };
        advertised(server, host, sizeof host, &info.port);
        return info_template_new(&info);
}

struct settings *compile_settings(struct server *server)
{
        struct settings *settings = settings_new(server->opts, compile_info(server, false),
                server->tls ? tls_ctx_ref(server->tls) : NULL, server->crypto);
        settings_set_auth(
                settings, auth_new(&server->opts->auth, server->peers.registry), auth_unref);
        return settings;
}
