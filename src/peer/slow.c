/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver that falls behind costs bounded memory: past 3/4 of max_pending it raises its gate, and
 * whoever publishes to it is not read for a moment (client-protocol 4.3); past max_pending it is closed.
 * Large queues are flushed before the end of the iteration, so that one batch cannot pile up memory, and
 * nobody is judged before the socket had its chance. */
#include "peer/peer.h"
#include "account/account.h"
#include "base/clock.h"
#include "peer/settings.h"

enum { EARLY_FLUSH_BYTES = 512 * 1024 };
#define STALL_STEP_NS NS_PER_MS
#define STALL_TOTAL_NS (10 * NS_PER_MS)

static void count_slow(struct peer *peer)
{
        stat_add(&peer->loop->stats, STAT_SLOW_CONSUMERS, 1);
        atomic_fetch_add_explicit(
                &peer->own.account->shared.slow_consumers, 1, memory_order_relaxed);
}

/* An unblocked connection holds nothing below its queue, so the queue is all that is pending. */
size_t slow_queue_mark(int64_t max_pending)
{
        int64_t gate = max_pending / 4 * 3;
        return gate < EARLY_FLUSH_BYTES ? (size_t)(gate > 0 ? gate : 0) : EARLY_FLUSH_BYTES;
}

bool slow_make_room(struct peer *peer, size_t bytes)
{
        struct conn *conn = &peer->own.conn;
        if (conn->out.bytes > 0 && !conn->blocked)
                conn_flush(conn);
        return !peer->own.closing && !conn->blocked && bytes < peer->own.queue_mark;
}

bool slow_on_much(struct peer *peer)
{
        struct conn *conn = &peer->own.conn;
        int64_t limit = peer_settings(peer)->limits.max_pending_bytes;
        if (conn->out.bytes >= peer->own.queue_mark && !conn->blocked)
                conn_flush(conn);
        if (peer->own.closing)
                return false;
        int64_t pending = (int64_t)conn_pending_bytes(conn);
        if (pending <= limit / 4 * 3)
                return true;
        if (pending <= limit) {
                atomic_store_explicit(&peer->shared.gated, true, memory_order_relaxed);
                return true;
        }
        count_slow(peer);
        log_info(&peer->tag, "Slow Consumer Detected: MaxPending of %lld Exceeded",
                (long long)limit);
        peer_close(peer, CLOSE_SLOW_PENDING);
        return false;
}

void slow_on_flushed(struct conn *conn)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        int64_t limit = peer_settings(peer)->limits.max_pending_bytes;
        if (peer->own.out_msgs != peer->own.flushed_msgs) {
                peer->own.flushed_msgs = peer->own.out_msgs;
                peer->own.last_ns = loop_now_ns(peer->loop);
        }
        if (peer->own.slow && conn_pending_bytes(conn) == 0) {
                peer->own.slow = false;
                log_info(&peer->tag, "Slow Consumer Recovered: everything queued was written.");
        }
        if (!atomic_load_explicit(&peer->shared.gated, memory_order_relaxed))
                return;
        if ((int64_t)conn_pending_bytes(conn) < limit / 4 * 3)
                atomic_store_explicit(&peer->shared.gated, false, memory_order_relaxed);
}

void slow_on_write_timeout(struct conn *conn, bool moved)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        const struct settings *settings = peer_settings(peer);
        char deadline[40];
        clock_duration((int64_t)conn->write_deadline_ns, deadline, sizeof deadline);
        count_slow(peer);
        log_info(&peer->tag,
                "Slow Consumer %s: WriteDeadline of %s exceeded with %u chunks of %zu total bytes.",
                peer->own.slow ? "State" : "Detected", deadline, conn->out.n,
                conn_pending_bytes(conn));
        if (settings->timing.write_timeout == WRITE_TIMEOUT_RETRY && moved) {
                peer->own.slow = true;
                return;
        }
        peer_close(peer, CLOSE_SLOW_WRITE);
}

void slow_throttle(struct peer *peer, bool congested)
{
        bool gated = peer->own.saw_gate;
        peer->own.saw_gate = false;
        if (peer->own.closing || (!gated && !congested))
                return;
        if (gated)
                stat_add(&peer->loop->stats, STAT_STALLS, 1);
        if (gated && peer_may_notice(peer, NOTICE_STALLED))
                log_warn(&peer->tag, "Producer was stalled for a total of %dms - Account:%s",
                        (int)(STALL_TOTAL_NS / NS_PER_MS), peer->own.account->name);
        peer->own.throttled = true;
        conn_pause(&peer->own.conn);
        loop_timer_start(peer->loop, &peer->own.stall, gated ? STALL_TOTAL_NS : STALL_STEP_NS);
}

void slow_on_timer(struct timer *timer)
{
        struct peer *peer = CONTAINER_OF(timer, struct peer, own.stall);
        peer->own.throttled = false;
        conn_resume(&peer->own.conn);
}
