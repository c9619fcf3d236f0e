/* SPDX-License-Identifier: Apache-2.0 */
/* Today one context can be stapled: that of the client port, which HTTPS monitoring shares. */
#include "base/log.h"
#include "server/server_internal.h"
#include "server/stapler.h"
#include "tls/tls_ctx.h"

struct stapler *staples_make(
        struct server *server, const struct options *opts, struct tls_ctx *tls, struct errbuf *eb)
{
        const struct stapler_spec spec = { .kind = "Client",
                .tls = tls,
                .files = &opts->tls,
                .ocsp = &opts->ocsp,
                .store_dir = opts->store_dir };
        struct stapler *stapler;
        return stapler_new(server, &spec, &stapler, eb) < 0 ? NULL : stapler;
}

int staples_begin(struct server *server, struct errbuf *eb)
{
        server->stapler = staples_make(server, server->opts, server->tls, eb);
        if (server->stapler == NULL)
                return eb->text[0] ? ERR_CONFIG : 0;
        return stapler_begin(server->stapler, eb);
}

struct stapler *staples_settle(struct stapler *stapler, struct tls_ctx *tls, struct errbuf *problem)
{
        if (stapler == NULL)
                return NULL;
        errbuf_set(problem, 0, "%s", stapler_problem(stapler));
        if (!stapler_is_hopeless(stapler))
                return stapler;
        tls_ctx_set_staple(tls, NULL);
        stapler_free(stapler);
        return NULL;
}

void staples_run(struct server *server, const struct errbuf *problem)
{
        if (problem->text[0])
                log_warn(NULL, "Can't restart OCSP features: %s", problem->text);
        if (server->stapler)
                stapler_run(server->stapler);
}
