/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "base/mem.h"
#include "base/version.h"
#include "conf/advertise.h"
#include "peer/settings.h"
#include "proto/info.h"
#include "server/server_internal.h"
#include "tls/tls_ctx.h"
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

int check_advertise(const struct options *opts, int client_port, struct errbuf *eb)
{
        const char *text = opts->client.advertise;
        int port;
        if (text == NULL)
                return 0;
        char *host = xmalloc(strlen(text) + 1);
        int rc = advertise_split(text, client_port, host, &port, eb);
        xfree(host);
        return rc;
}

/* What clients are told to dial: the advertised address, which was checked, or where we listen. */
static char *advertised(const struct server *server, int *port)
{
        const struct listen_options *client = &server->opts->client;
        const char *text = client->advertise ? client->advertise : client->host;
        char *host = xmalloc(strlen(text) + 1);
        struct errbuf eb;
        *port = server->client_port;
        if (client->advertise == NULL ||
                advertise_split(text, server->client_port, host, port, &eb) < 0)
                memcpy(host, text, strlen(text) + 1);
        return host;
}

struct info_template *compile_info(struct server *server, bool lame_duck)
{
        int port;
        char *host = advertised(server, &port);
        const struct server_info info = {
                .server_id = server->id,
                .server_name =
                        server->opts->server_name[0] ? server->opts->server_name : server->id,
                .version = MIDGE_NATS_LEVEL,
                .go = MIDGE_TOOLCHAIN,
                .host = host,
                .port = port,
                .headers = !server->opts->no_header_support,
                .tls_required = server->tls && !server->opts->allow_non_tls,
                .tls_available = server->tls && server->opts->allow_non_tls,
                .tls_verify = server->tls && tls_ctx_requires_client_cert(server->tls),
                .ldm = lame_duck,
                .api_level = JETSTREAM_API_LEVEL,
                .xkey = server->xkey,
                .midge_version = MIDGE_VERSION,
        };
        struct info_template *made = info_template_new(&info);
        xfree(host);
        return made;
}

struct settings *compile_settings(struct server *server)
{
        struct settings *settings = settings_new(server->opts, compile_info(server, false),
                server->tls ? tls_ctx_ref(server->tls) : NULL, server->crypto, server->tls_rate);
        settings_set_auth(
                settings, auth_new(&server->opts->auth, server->peers.registry), auth_unref);
        return settings;
}
