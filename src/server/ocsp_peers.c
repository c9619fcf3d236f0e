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

struct ocsp_cache *ocsp_peers_new_cache(const struct options *opts)
{
        return opts->tls.enabled && opts->tls.ocsp_peer.verify ? ocsp_cache_new(&opts->ocsp_cache)
                                                               : NULL;
}

void ocsp_peers_take_cache(struct server *server, struct ocsp_cache *cache)
{
        int64_t interval_ns = server->opts->ocsp_cache.save_interval_ns;
        if (cache == NULL) {
                ocsp_keeper_free(server->ocsp_keeper);
                server->ocsp_keeper = NULL;
        } else if (server->ocsp_keeper == NULL) {
                server->ocsp_keeper = ocsp_keeper_new(cache, interval_ns);
        } else {
                ocsp_keeper_replace(server->ocsp_keeper, cache, interval_ns);
        }
        if (server->monitor)
                monitor_set_ocsp_cache(server->monitor, cache);
        ocsp_cache_unref(server->ocsp_cache);
        server->ocsp_cache = cache;
}

void ocsp_peers_stop(struct server *server)
{
        ocsp_keeper_free(server->ocsp_keeper);
        ocsp_cache_unref(server->ocsp_cache);
}
