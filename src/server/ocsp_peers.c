/* SPDX-License-Identifier: Apache-2.0 */
/* What the contexts with ocsp_peer share: the cache, and those who ask responders. Nothing of it is made
 * before a configuration asks for it; what was made stays until the end. */
#include "base/log.h"
#include "monitor/monitor.h"
#include "net/ocsp_share.h"
#include "server/ocsp_keeper.h"
#include "server/server_internal.h"
#include "tls/ocsp_peer.h"
#include "tls/tls_ctx.h"
#include <string.h>

void ocsp_peers_apply(struct server *server, const struct options *opts, struct tls_ctx *ctx,
        struct ocsp_cache *cache)
{
        if (ctx == NULL || !opts->tls.ocsp_peer.verify)
                return;
        if (server->ocsp_share == NULL)
                server->ocsp_share = ocsp_share_new(server->control, server_fetch_pool(server));
        struct ocsp_peer *peer = ocsp_peer_new(&opts->tls.ocsp_peer, cache, server->ocsp_share);
        tls_ctx_set_ocsp_peer(ctx, peer);
        ocsp_peer_unref(peer);
        log_debug(NULL, "Plugging TLS OCSP peer for [Client]");
}

static bool is_same_store(const struct ocsp_cache_options *a, const struct ocsp_cache_options *b)
{
        return a->type == b->type && a->preserve_revoked == b->preserve_revoked &&
               strcmp(a->local_store, b->local_store) == 0;
}

/* A cache that goes on forgets nothing: neither while a file is read nor because one cannot be written. */
struct ocsp_cache *ocsp_peers_make_cache(const struct server *server, const struct options *opts)
{
        if (!opts->tls.enabled || !opts->tls.ocsp_peer.verify)
                return NULL;
        if (server->ocsp_cache && is_same_store(&server->opts->ocsp_cache, &opts->ocsp_cache))
                return ocsp_cache_ref(server->ocsp_cache);
        return ocsp_cache_new(&opts->ocsp_cache);
}

void ocsp_peers_take_cache(struct server *server, struct ocsp_cache *cache)
{
        int64_t interval_ns = server->opts->ocsp_cache.save_interval_ns;
        if (cache && server->ocsp_keeper == NULL)
                server->ocsp_keeper = ocsp_keeper_new();
        if (cache != server->ocsp_cache)
                ocsp_keeper_replace(server->ocsp_keeper, cache, interval_ns);
        else if (cache)
                ocsp_keeper_set_interval(server->ocsp_keeper, interval_ns);
        if (server->monitor)
                monitor_set_ocsp_cache(server->monitor, cache);
        ocsp_cache_unref(server->ocsp_cache);
        server->ocsp_cache = cache;
}

void ocsp_peers_start(struct server *server)
{
        struct ocsp_cache *cache = ocsp_peers_make_cache(server, server->opts);
        ocsp_peers_apply(server, server->opts, server->tls, cache);
        ocsp_peers_take_cache(server, cache);
        if (cache)
                ocsp_keeper_wait(server->ocsp_keeper);
}

void ocsp_peers_stop(struct server *server)
{
        ocsp_keeper_free(server->ocsp_keeper);
        ocsp_cache_unref(server->ocsp_cache);
}
