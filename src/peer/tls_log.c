/* SPDX-License-Identifier: Apache-2.0 */
/* A failed handshake: the reference's line, then one that says which side, which certificate, which rule
 * and what to do. Timeouts and bytes that are no TLS at all are the daily noise of port scans: DEBUG. */
#include "peer/peer.h"
#include "tls/verdict.h"

void peer_on_tls_failed(struct conn *conn, const struct tls_verdict *verdict)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        char line[TLS_VERDICT_LINE_BYTES];
        enum log_level level = verdict->quiet ? LOG_DEBUG : LOG_ERROR;
        if (verdict->reason == TLS_REASON_TIMEOUT)
                log_at(level, &peer->tag, "TLS handshake timeout");
        else
                log_at(level, &peer->tag, "TLS handshake error: %s", verdict->text);
        tls_verdict_line(verdict, line, sizeof line);
        log_at(level, &peer->tag, "TLS handshake verdict: %s", line);
        peer_close(peer, CLOSE_TLS_HANDSHAKE);
}
