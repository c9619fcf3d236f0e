/* SPDX-License-Identifier: Apache-2.0 */
/* A failed handshake: the reference's line, then one that says which side, which certificate, which rule
 * and what to do; a record for monitoring, and a count. Timeouts and bytes that are no TLS at all are the
 * daily noise of port scans: DEBUG. */
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "peer/peer.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include "peer/tls_failure.h"

struct failure_mail {
        struct mail mail;
        struct peer_server *server;
        struct tls_failure *failure;
};

void peer_log_not_pinned(const struct peer *peer, const char *key)
{
        if (key[0])
                log_debug(&peer->tag, "Failed pinned cert test for key id: %s", key);
        else
                log_debug(&peer->tag,
                        "Failed pinned cert test as client did not provide a certificate");
}

static void tell(struct peer *peer, const struct tls_verdict *verdict)
{
        char line[TLS_FAILURE_LINE_BYTES];
        enum log_level level = verdict->quiet ? LOG_DEBUG : LOG_ERROR;
        uint64_t held;
        if (!tls_failure_is_told(&peer->loop->roster->handshakes, verdict,
                    slice_of((const char *)peer->addr.ip, sizeof peer->addr.ip),
                    loop_now_ns(peer->loop), &held))
                return;
        if (verdict->reason == TLS_REASON_NOT_PINNED)
                peer_log_not_pinned(peer, verdict->key_sha256);
        if (verdict->reason == TLS_REASON_TIMEOUT)
                log_at(level, &peer->tag, "TLS handshake timeout");
        else
                log_at(level, &peer->tag, "TLS handshake error: %s", verdict->text);
        tls_failure_line(verdict, held, line, sizeof line);
        log_at(level, &peer->tag, "TLS handshake verdict: %s", line);
}

static void on_failure(struct mail *mail)
{
        struct failure_mail *letter = CONTAINER_OF(mail, struct failure_mail, mail);
        letter->server->on_tls_failure(letter->server, letter->failure);
        xfree(letter);
}

static void record(struct peer *peer, const struct tls_verdict *verdict)
{
        struct peer_server *server = peer->server;
        atomic_fetch_add_explicit(
                &server->shared.tls_failures[verdict->reason], 1, memory_order_relaxed);
        if (server->on_tls_failure == NULL)
                return;
        struct failure_mail *letter = xnew(struct failure_mail);
        letter->failure = xnew(struct tls_failure);
        letter->failure->verdict = *verdict;
        letter->failure->at_ns = clock_wall_ns();
        letter->failure->listener = "client";
        letter->failure->port = peer->addr.port;
        letter->failure->cid = peer->id;
        peer_addr_ip(&peer->addr, letter->failure->ip, sizeof letter->failure->ip);
        letter->server = server;
        letter->mail.deliver = on_failure;
        roster_report(peer->loop->roster, server->control, &letter->mail);
}

void peer_on_tls_failed(struct conn *conn, const struct tls_verdict *verdict)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        tell(peer, verdict);
        record(peer, verdict);
        peer_close(peer, CLOSE_TLS_HANDSHAKE);
}
