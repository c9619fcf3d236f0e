/* SPDX-License-Identifier: Apache-2.0 */
/* New clients: the listening socket lives on the first loop, which keeps them or hands them to the loop that
 * placement chooses. Accepting on the control thread instead costs each connection a letter and a wake-up.
 *
 * The control thread says when that begins and when it ends, and waits for the end: who was accepted has then
 * been posted to his loop, before whatever the control thread posts there next. */
#include "base/clock.h"
#include "base/mem.h"
#include "client/client.h"
#include "net/listener.h"
#include "net/loop.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "server/placement.h"
#include "server/server_internal.h"
#include <pthread.h>

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

/* ---- on the first loop ------------------------------------------------------------------- */

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

static struct loop *choose(struct server *server, const struct settings *settings)
{
        unsigned n = server->peers.loop_n;
        sample_busy(server);
        for (unsigned i = 0; i < n; i++)
                server->placement.loads[i].conn_n = atomic_load_explicit(
                        &server->loops[i]->shared.conn_n, memory_order_relaxed);
        server->placement.last = placement_choose(server->placement.loads, n,
                server->placement.last, placement_group(n, settings->tls != NULL));
        return server->loops[server->placement.last];
}

static void on_client(void *ctx, int fd, const struct sockaddr_storage *from)
{
        struct server *server = ctx;
        struct loop *here = server->loops[0];
        struct loop *loop = choose(server, here->roster->settings);
        struct peer_addr addr;
        peer_addr_set(&addr, from);
        if (loop == here)
                client_accept(&server->peers, loop, fd, &addr);
        else
                client_accept_post(&server->peers, loop, fd, &addr);
}

struct order {
        struct mail mail;
        struct listener *listener;
        struct loop *loop;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool obeyed; /* under lock */
};

static void on_start(struct mail *mail)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        listener_start(order->listener, order->loop);
        xfree(order);
}

static void on_stop(struct mail *mail)
{
        struct order *order = CONTAINER_OF(mail, struct order, mail);
        listener_close(order->listener);
        pthread_mutex_lock(&order->lock);
        order->obeyed = true;
        pthread_cond_signal(&order->wake);
        pthread_mutex_unlock(&order->lock); /* the last touch: it lies on the waiter's stack */
}

/* ---- on the control thread --------------------------------------------------------------- */

int accept_open(struct server *server, struct errbuf *eb)
{
        const struct listen_options *client = &server->opts->client;
        return listener_open(&server->clients, client->host, client->port == -1 ? 0 : client->port,
                on_client, server, eb);
}

void accept_start(struct server *server)
{
        struct order *order = xnew(struct order);
        order->mail.deliver = on_start;
        order->listener = server->clients;
        order->loop = server->loops[0];
        loop_post(order->loop, &order->mail);
}

void accept_stop(struct server *server)
{
        struct order order = { .mail.deliver = on_stop,
                .listener = server->clients,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .wake = PTHREAD_COND_INITIALIZER };
        loop_post(server->loops[0], &order.mail);
        pthread_mutex_lock(&order.lock);
        while (!order.obeyed)
                pthread_cond_wait(&order.wake, &order.lock);
        pthread_mutex_unlock(&order.lock);
        pthread_cond_destroy(&order.wake);
        pthread_mutex_destroy(&order.lock);
        server->clients = NULL;
}
