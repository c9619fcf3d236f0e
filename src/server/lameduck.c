/* SPDX-License-Identifier: Apache-2.0 */
/* Lame duck mode (client-protocol 7.1): no new clients, tell the present ones, wait a grace period, then
 * close them one by one spread over the rest of the time, so that a fleet of clients does not reconnect in
 * one moment. The control thread keeps the pace; loops close the next of their clients when asked. */
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "client/client.h"
#include "net/loop.h"
#include "peer/roster.h"
#include "proto/info.h"
#include "server/server_internal.h"

struct lame_duck {
        uint64_t
                interval_ns; /* between two clients; each wait is random in [interval/2, interval) */
        uint64_t batch;      /* clients per step, more than 1 when there are very many */
        unsigned next_loop;
        bool closing;
};

enum { STEP_MIN_NS = 1000 * 1000 };

struct ask {
        struct mail mail;
        struct loop *loop;
        struct info_template *info; /* to tell: one reference */
        uint64_t n;                 /* to close */
};

static void tell(struct peer *peer, void *ctx)
{
        struct client *client = client_of(peer);
        if (client->opts.protocol >= 1 && client->first_pong_sent)
                client_send_info(client, ctx, false);
}

static void on_tell(struct mail *mail)
{
        struct ask *ask = CONTAINER_OF(mail, struct ask, mail);
        roster_each(ask->loop, tell, ask->info);
        info_template_unref(ask->info);
        xfree(ask);
}

static void close_some(struct peer *peer, void *ctx)
{
        uint64_t *left = ctx;
        if (*left == 0)
                return;
        (*left)--;
        peer_close(peer, CLOSE_SERVER_SHUTDOWN);
}

static void on_close_some(struct mail *mail)
{
        struct ask *ask = CONTAINER_OF(mail, struct ask, mail);
        roster_each(ask->loop, close_some, &ask->n);
        xfree(ask);
}

static void ask_loop(struct loop *loop, mail_fn deliver, struct info_template *info, uint64_t n)
{
        struct ask *ask = xnew(struct ask);
        ask->loop = loop;
        ask->info = info;
        ask->n = n;
        ask->mail.deliver = deliver;
        loop_post(loop, &ask->mail);
}

static int64_t client_n(const struct server *server)
{
        return atomic_load_explicit(&server->peers.shared.client_n, memory_order_relaxed);
}

static void begin_closing(struct server *server)
{
        const struct timing_options *timing = &server->opts->timing;
        struct lame_duck *lame = server->lame;
        int64_t span = timing->lame_duck_duration_ns - timing->lame_duck_grace_ns;
        uint64_t n = (uint64_t)(client_n(server) > 0 ? client_n(server) : 1);
        lame->closing = true;
        lame->interval_ns = (span > 0 ? (uint64_t)span : NS_PER_SEC) / n;
        if (lame->interval_ns > NS_PER_SEC)
                lame->interval_ns = NS_PER_SEC;
        lame->batch = 1;
        if (lame->interval_ns < STEP_MIN_NS) {
                lame->batch = STEP_MIN_NS / (lame->interval_ns ? lame->interval_ns : 1) + 1;
                lame->interval_ns = STEP_MIN_NS;
        }
        log_info(NULL, "Closing existing clients");
}

static void on_lame_timer(struct timer *timer)
{
        struct server *server = CONTAINER_OF(timer, struct server, lame_timer);
        struct lame_duck *lame = server->lame;
        if (!lame->closing)
                begin_closing(server);
        if (client_n(server) <= 0) {
                server_stop(server);
                return;
        }
        for (uint64_t i = 0; i < lame->batch; i++)
                ask_loop(server->loops[lame->next_loop++ % server->peers.loop_n], on_close_some,
                        NULL, 1);
        uint64_t half = lame->interval_ns / 2;
        loop_timer_start(server->control, timer, half + rand_below((uint32_t)(half + 1)));
}

void lame_duck_start(struct server *server)
{
        if (server->stopping || server->lame || server->clients == NULL)
                return;
        log_info(NULL, "Entering lame duck mode, stop accepting new clients");
        server->lame = xnew(struct lame_duck);
        server->lame_timer.fn = on_lame_timer;
        server_close_listener(server);
        if (client_n(server) <= 0) {
                server_stop(server);
                return;
        }
        struct info_template *info = compile_info(server, true);
        for (unsigned i = 0; i < server->peers.loop_n; i++)
                ask_loop(server->loops[i], on_tell, info_template_ref(info), 0);
        info_template_unref(info);
        loop_timer_start(server->control, &server->lame_timer,
                (uint64_t)server->opts->timing.lame_duck_grace_ns);
}

void lame_duck_fini(struct server *server)
{
        loop_timer_stop(server->control, &server->lame_timer);
        xfree(server->lame);
        server->lame = NULL;
}
