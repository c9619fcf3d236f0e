/* SPDX-License-Identifier: Apache-2.0 */
/* PINGs to quiet peers (client-protocol 2.7). The first tick after CONNECT always sends one, because
 * CONNECT only estimates the round trip. */
#include "base/rand.h"
#include "peer/peer.h"
#include "peer/settings.h"
#include "proto/encode_client.h"

#define FIRST_PING_NS (2 * NS_PER_SEC)
#define RTT_FRESH_NS (3600 * NS_PER_SEC)

void keepalive_start(struct peer *peer)
{
        loop_timer_start(peer->loop, &peer->own.ping,
                (uint64_t)peer_settings(peer)->timing.ping_interval_ns);
}

void keepalive_connected(struct peer *peer)
{
        uint64_t interval = (uint64_t)peer_settings(peer)->timing.ping_interval_ns;
        uint64_t first = interval < FIRST_PING_NS ? interval : FIRST_PING_NS;
        uint64_t now = loop_now_ns(peer->loop);
        if (peer->own.rtt_ns == 0)
                peer->own.rtt_ns = (int64_t)(now - peer->own.start_ns);
        peer->own.last_ns = now;
        loop_timer_start(peer->loop, &peer->own.ping, first + first / 1000 * rand_below(200));
}

void keepalive_on_ping(struct peer *peer)
{
        peer->own.active_ns = loop_now_ns(peer->loop);
        peer_send(peer, ENCODE_PONG);
}

void keepalive_on_pong(struct peer *peer)
{
        peer->own.pings_out = 0;
        if (peer->own.ping_sent_ns == 0)
                return;
        peer->own.rtt_at_ns = loop_now_ns(peer->loop);
        peer->own.rtt_ns = (int64_t)(peer->own.rtt_at_ns - peer->own.ping_sent_ns);
}

static bool may_skip(const struct peer *peer, uint64_t now, uint64_t interval)
{
        return peer->own.rtt_at_ns != 0 && now - peer->own.rtt_at_ns < RTT_FRESH_NS &&
               peer->own.active_ns != 0 && now - peer->own.active_ns < interval;
}

void keepalive_on_timer(struct timer *timer)
{
        struct peer *peer = CONTAINER_OF(timer, struct peer, own.ping);
        const struct timing_options *timing = &peer_settings(peer)->timing;
        uint64_t now = loop_now_ns(peer->loop);
        log_debug(&peer->tag, "%s Ping Timer", peer->ops->name);
        if (may_skip(peer, now, (uint64_t)timing->ping_interval_ns)) {
                log_debug(&peer->tag, "Delaying PING due to remote client data or ping");
        } else if (peer->own.pings_out + 1 > timing->ping_max) {
                log_debug(&peer->tag, "Stale Client Connection - Closing");
                stat_add(&peer->loop->stats, STAT_STALE_CONNECTIONS, 1);
                peer_close(peer, CLOSE_STALE);
                return;
        } else {
                peer->own.pings_out++;
                peer->own.ping_sent_ns = now;
                if (peer_settings(peer)->trace)
                        trace_out(peer, SLICE_LIT("PING"));
                peer_send(peer, ENCODE_PING);
        }
        loop_timer_start(peer->loop, timer, (uint64_t)timing->ping_interval_ns);
}
