/* SPDX-License-Identifier: Apache-2.0 */
/* A new client is given to a loop. */
#include "base/clock.h"
#include "base/mem.h"
#include "client/client.h"
#include "net/loop.h"
#include "server/placement.h"
#include "server/server_internal.h"

#define SAMPLE_NS (100 * NS_PER_MS) /* how long the busy share is good for */

void accept_init(struct server *server)
{
        unsigned n = server->peers.loop_n;
        server->placement.loads = xcalloc(n, sizeof server->placement.loads[0]);
        server->placement.busy_ns = xcalloc(n, sizeof server->placement.busy_ns[0]);
        server->placement.at_ns = clock_mono_ns();
}

void accept_fini(struct server *server)
{
        xfree(server->placement.loads);
        xfree(server->placement.busy_ns);
}

static void sample_busy(struct server *server)
{
        uint64_t now_ns = clock_mono_ns();
        uint64_t span_ns = now_ns - server->placement.at_ns;
        if (span_ns < SAMPLE_NS)
                return;
        server->placement.at_ns = now_ns;
        for (unsigned i = 0; i < server->peers.loop_n; i++) {
                uint64_t busy_ns = atomic_load_explicit(
                        &server->loops[i]->shared.busy_ns, memory_order_relaxed);
                uint64_t more_ns = busy_ns - server->placement.busy_ns[i];
                server->placement.busy_ns[i] = busy_ns;
                server->placement.loads[i].busy_percent = (unsigned)(more_ns * 100 / span_ns);
        }
}

void accept_client(void *ctx, int fd)
{
        struct server *server = ctx;
        unsigned n = server->peers.loop_n;
        sample_busy(server);
        for (unsigned i = 0; i < n; i++)
                server->placement.loads[i].conn_n = atomic_load_explicit(
                        &server->loops[i]->shared.conn_n, memory_order_relaxed);
        server->placement.last = placement_choose(server->placement.loads, n,
                server->placement.last, placement_group(n, server->tls != NULL));
        client_accept_post(&server->peers, server->loops[server->placement.last], fd);
}
