/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "dispatch/dispatch.h"
#include "net/loop.h"
#include "os/os.h"
#include "peer/peer.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "server/placement.h"
#include "server/server_internal.h"
#include "subject/match_cache.h"
#include "tls/tls_session.h"
#include <stdatomic.h>
#include <stdio.h>

static void run(void *ctx)
{
        loop_run(ctx);
}

int workers_count(const struct server *server)
{
        int n = server->opts->loop_n > 0 ? server->opts->loop_n : os_cpu_n();
        _Static_assert((int)LOOP_N_MAX <= (int)LOOP_MAX, "a loop for each that may be asked for");
        return n < LOOP_N_MAX ? n : LOOP_N_MAX; /* a machine of more cores */
}

void workers_start(struct server *server)
{
        int n = workers_count(server);
        size_t entries = server->opts->disable_sublist_cache ? 0 : MATCH_CACHE_ENTRIES;
        server->loops = xcalloc((size_t)n, sizeof server->loops[0]);
        server->threads = xcalloc((size_t)n, sizeof server->threads[0]);
        server->peers.loops = server->loops;
        server->peers.loop_n = (unsigned)n;
        for (int i = 0; i < n; i++) {
                struct loop *loop = loop_new((unsigned)i);
                loop->own.may_spin = os_cpu_n() > 1; /* somebody else has to act meanwhile */
                loop->roster = roster_new(server->settings);
                dispatch_new(loop, &server->peers, entries);
                server->loops[i] = loop;
        }
        for (int i = 0; i < n; i++) {
                char name[24];
                snprintf(name, sizeof name, "loop-%d", i);
                server->threads[i] = thread_start(name, THREAD_LOOP, run, server->loops[i]);
        }
}

void workers_join(struct server *server)
{
        for (unsigned i = 0; i < server->peers.loop_n; i++)
                thread_join(server->threads[i]);
}

void workers_free(struct server *server)
{
        rcu_barrier_wait(); /* the reclaim thread may still be inside the post of the last letter */
        for (unsigned i = 0; i < server->peers.loop_n; i++) {
                struct roster *roster = server->loops[i]->roster;
                struct dispatch *dispatch = server->loops[i]->dispatch;
                loop_free(server->loops[i]);
                roster_free(roster);
                dispatch_free(dispatch);
        }
        xfree(server->threads);
        xfree(server->loops);
        server->peers.loop_n = 0;
}

struct loop_mail {
        struct mail mail;
        struct loop *loop;
        struct settings *settings;
        uint64_t n;
};

static struct loop_mail *letter_to(struct loop *loop, mail_fn deliver)
{
        struct loop_mail *letter = xnew(struct loop_mail);
        letter->loop = loop;
        letter->mail.deliver = deliver;
        return letter;
}

static void on_apply(struct mail *mail)
{
        struct loop_mail *letter = CONTAINER_OF(mail, struct loop_mail, mail);
        roster_apply(letter->loop, letter->settings);
        xfree(letter);
}

void workers_apply(struct server *server)
{
        for (unsigned i = 0; i < server->peers.loop_n; i++) {
                struct loop_mail *letter = letter_to(server->loops[i], on_apply);
                letter->settings = settings_ref(server->settings);
                loop_post(server->loops[i], &letter->mail);
        }
}

static void on_drain(struct mail *mail)
{
        struct loop_mail *letter = CONTAINER_OF(mail, struct loop_mail, mail);
        roster_drain(letter->loop);
        xfree(letter);
}

void workers_drain(struct server *server)
{
        for (unsigned i = 0; i < server->peers.loop_n; i++)
                loop_post(server->loops[i], &letter_to(server->loops[i], on_drain)->mail);
}

static void close_excess(struct peer *peer, void *ctx)
{
        uint64_t *left = ctx;
        if (*left == 0)
                return;
        (*left)--;
        peer_close(peer, CLOSE_MAX_CONNECTIONS);
}

static void on_trim(struct mail *mail)
{
        struct loop_mail *letter = CONTAINER_OF(mail, struct loop_mail, mail);
        roster_each(letter->loop, close_excess, &letter->n);
        xfree(letter);
}

/* Each loop gives in proportion to what it has. */
void workers_trim(struct server *server, uint64_t n)
{
        unsigned loop_n = server->peers.loop_n;
        uint64_t *shares = xcalloc(loop_n, sizeof shares[0]);
        for (unsigned i = 0; i < loop_n; i++)
                shares[i] = atomic_load_explicit(
                        &server->loops[i]->shared.conn_n, memory_order_relaxed);
        placement_trim(shares, loop_n, n);
        for (unsigned i = 0; i < loop_n; i++) {
                struct loop_mail *letter = letter_to(server->loops[i], on_trim);
                letter->n = shares[i];
                loop_post(server->loops[i], &letter->mail);
        }
        xfree(shares);
}

/* ---- pins ---------------------------------------------------------------------------------- */

struct pin_check {
        _Atomic unsigned loops_left, closed_n;
};

struct pin_mail {
        struct mail mail;
        struct loop *loop;
        struct pin_check *check;
};

static void close_unpinned(struct peer *peer, void *ctx)
{
        unsigned *closed_n = ctx;
        const struct tls_session *session = conn_tls(&peer->own.conn);
        const struct tls_ctx *now = peer_settings(peer)->tls;
        char key[65];
        if (session == NULL || now == NULL || tls_session_is_pinned(session, now, key))
                return;
        peer_log_not_pinned(peer, key);
        (*closed_n)++;
        peer_close(peer, CLOSE_TLS_HANDSHAKE);
}

static void on_check_pins(struct mail *mail)
{
        struct pin_mail *letter = CONTAINER_OF(mail, struct pin_mail, mail);
        struct pin_check *check = letter->check;
        unsigned closed_n = 0;
        roster_each(letter->loop, close_unpinned, &closed_n);
        xfree(letter);
        atomic_fetch_add(&check->closed_n, closed_n);
        if (atomic_fetch_sub(&check->loops_left, 1) != 1)
                return;
        if (atomic_load(&check->closed_n) > 0)
                log_info(NULL, "Disconnect %u clients due to pinned certs reload",
                        atomic_load(&check->closed_n));
        xfree(check);
}

void workers_check_pins(struct server *server)
{
        struct pin_check *check = xnew(struct pin_check);
        atomic_init(&check->loops_left, server->peers.loop_n);
        for (unsigned i = 0; i < server->peers.loop_n; i++) {
                struct pin_mail *letter = xnew(struct pin_mail);
                letter->loop = server->loops[i];
                letter->check = check;
                letter->mail.deliver = on_check_pins;
                loop_post(letter->loop, &letter->mail);
        }
}
