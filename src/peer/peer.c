/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/peer.h"
#include "account/account.h"
#include "account/registry.h"
#include "account/sub.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "proto/encode_client.h"
#include "subject/permit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const struct {
        const char *text, *wire;
        enum conn_close_how how;
} reasons[CLOSE_COUNT] = {
#define CLOSE(id, text, wire, how) [CLOSE_##id] = { text, wire, CONN_CLOSE_##how },
#include "peer/close_reason.def"
#undef CLOSE
};

const char *close_reason_text(enum close_reason reason)
{
        return reason < CLOSE_COUNT ? reasons[reason].text : "Unknown State";
}

/* ---- address and log prefix -------------------------------------------------------------- */

void peer_addr_set(struct peer_addr *addr, const struct sockaddr_storage *from)
{
        *addr = (struct peer_addr){ 0 };
        if (from->ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)from;
                addr->family = AF_INET;
                addr->port = ntohs(in->sin_port);
                memcpy(addr->ip, &in->sin_addr, 4);
        } else if (from->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
                bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
                addr->family = mapped ? AF_INET : AF_INET6;
                addr->port = ntohs(in6->sin6_port);
                memcpy(addr->ip, (const char *)&in6->sin6_addr + (mapped ? 12 : 0),
                        mapped ? 4 : 16);
        }
}

void peer_addr_ip(const struct peer_addr *addr, char *dst, size_t size)
{
        dst[0] = '\0';
        if (addr->family)
                inet_ntop(addr->family, addr->ip, dst, (socklen_t)size);
}

static void format_label(const struct peer *peer, char *dst, size_t size)
{
        struct buf label = { 0 };
        peer->ops->label(peer, &label);
        snprintf(dst, size, "%.*s", SLICE_ARG(buf_slice(&label)));
        buf_fini(&label);
}

static void format_tag(const struct log_tag *tag, char *dst, size_t size)
{
        const struct peer *peer = CONTAINER_OF(tag, struct peer, tag);
        char ip[64];
        peer_addr_ip(&peer->addr, ip, sizeof ip);
        bool v6 = peer->addr.family == AF_INET6;
        int n = snprintf(dst, size, "%s%s%s:%u - %s:%llu", v6 ? "[" : "", ip, v6 ? "]" : "",
                peer->addr.port, peer->ops->id_name, (unsigned long long)peer->id);
        if (peer->ops->label && n > 0 && (size_t)n < size)
                format_label(peer, dst + n, size - (size_t)n);
}

/* ---- life -------------------------------------------------------------------------------- */

static void free_if_done(struct peer *peer)
{
        struct loop *loop = peer->loop;
        if (!peer->own.socket_gone || !peer->own.subs_gone || peer->own.holds > 0)
                return;
        list_remove(&peer->own.member);
        peer->ops->free(peer);
        if (--loop->roster->alive == 0 && loop->roster->draining)
                loop_stop(loop);
}

void peer_hold(struct peer *peer)
{
        peer->own.holds++;
        ASSERT(peer->own.holds > 0);
}

void peer_release(struct peer *peer)
{
        ASSERT(peer->own.holds > 0);
        peer->own.holds--;
        free_if_done(peer);
}

/* The end of a million subscriptions takes a second, which belongs to all peers of the loop: it comes piece by
 * piece, one in each turn. Nobody gets anything by those that are left: the peer is closing. */
enum { RETIRE_STEP = 4096 };

struct retirement {
        struct mail mail;
        struct peer *peer;
        uint32_t at; /* subs_next() */
        struct sub *some[];
};

static void subs_are_gone(struct peer *peer)
{
        subs_fini(&peer->own.subs);
        peer->own.subs_gone = true;
        free_if_done(peer);
}

static void on_free_turn(struct mail *mail)
{
        struct retirement *retirement = CONTAINER_OF(mail, struct retirement, mail);
        struct peer *peer = retirement->peer;
        struct sub *sub = NULL;
        for (int i = 0; i < RETIRE_STEP && (sub = subs_next(&peer->own.subs, &retirement->at)); i++)
                sub_free(sub);
        if (sub) {
                loop_post(peer->loop, mail);
                return;
        }
        xfree(retirement);
        subs_are_gone(peer);
}

static void on_retired_mail(struct mail *mail)
{
        struct peer *peer = CONTAINER_OF(mail, struct peer, retire.mail);
        if (peer->own.subs.n == 0) {
                subs_are_gone(peer);
                return;
        }
        struct retirement *retirement = xnew(struct retirement);
        retirement->peer = peer;
        retirement->mail.deliver = on_free_turn;
        on_free_turn(&retirement->mail);
}

/* Reclaim thread: nobody can find the subscriptions any more; hand the peer back to its owner. */
static void on_retired(struct rcu_node *node)
{
        struct peer *peer = CONTAINER_OF(node, struct peer, retire.rcu);
        peer->retire.mail.deliver = on_retired_mail;
        loop_post(peer->loop, &peer->retire.mail);
}

static void tell_end(struct peer *peer, const struct sub *sub)
{
        if (UNLIKELY(peer->own.trace) && peer->own.reason != CLOSE_SERVER_SHUTDOWN)
                trace_end_of_sub(peer, sub_sid(sub));
}

/* Take all subscriptions of the peer out of the trie; returns them, peer->own.subs.n, or NULL for none. */
static struct sub **remove_all(struct peer *peer)
{
        struct sub *sub;
        uint32_t n = 0;
        if (peer->own.subs.n == 0)
                return NULL;
        peer_flush_subs(peer);
        struct sub **all = xcalloc(peer->own.subs.n, sizeof all[0]);
        for (uint32_t at = 0; (sub = subs_next(&peer->own.subs, &at));) {
                all[n++] = sub;
                tell_end(peer, sub);
        }
        subs_remove_all(peer->own.account, all, n);
        return all;
}

static void on_remove_turn(struct mail *mail)
{
        struct retirement *retirement = CONTAINER_OF(mail, struct retirement, mail);
        struct peer *peer = retirement->peer;
        struct sub *sub = NULL;
        size_t n = 0;
        while (n < RETIRE_STEP && (sub = subs_next(&peer->own.subs, &retirement->at))) {
                retirement->some[n++] = sub;
                tell_end(peer, sub);
        }
        subs_remove_all(peer->own.account, retirement->some, n);
        if (sub) {
                loop_post(peer->loop, mail);
                return;
        }
        xfree(retirement);
        rcu_defer(&peer->retire.rcu, on_retired);
}

static void retire(struct peer *peer)
{
        uint32_t step = peer->own.subs.n < RETIRE_STEP ? peer->own.subs.n : RETIRE_STEP;
        if (step == 0) {
                rcu_defer(&peer->retire.rcu, on_retired);
                return;
        }
        peer_flush_subs(peer);
        struct retirement *retirement =
                xcalloc(1, sizeof *retirement + step * sizeof retirement->some[0]);
        retirement->peer = peer;
        retirement->mail.deliver = on_remove_turn;
        on_remove_turn(&retirement->mail);
}

static void on_closed(struct conn *conn)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        peer->own.socket_gone = true;
        free_if_done(peer);
}

static void on_eof(struct conn *conn, int err)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        if (err == ERR_EOF)
                peer_close(peer, CLOSE_CLIENT_CLOSED);
        else if (err == ERR_IO || err == -EPIPE)
                peer_close(peer, CLOSE_WRITE_ERROR);
        else
                peer_close(peer, CLOSE_READ_ERROR);
}

static void on_secure(struct conn *conn)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        peer->ops->on_secure(peer);
}

static void on_first(struct conn *conn, bool got)
{
        struct peer *peer = CONTAINER_OF(conn, struct peer, own.conn);
        peer->ops->on_first(peer, got);
}

static const struct conn_ops peer_conn_ops = {
        .on_input = peer_on_input,
        .on_first = on_first,
        .on_secure = on_secure,
        .on_tls_failed = peer_on_tls_failed,
        .on_eof = on_eof,
        .on_write_timeout = slow_on_write_timeout,
        .on_flushed = slow_on_flushed,
        .on_closed = on_closed,
};

int peer_init(struct peer *peer, const struct peer_ops *ops, struct peer_server *server,
        struct loop *loop, int fd, const struct peer_addr *addr)
{
        ASSERT_OWNER(loop);
        peer->ops = ops;
        peer->loop = loop;
        peer->server = server;
        peer->tag.format = format_tag;
        int rc = loop->roster->draining ? ERR_CLOSED
                                        : conn_init(&peer->own.conn, loop, fd, &peer_conn_ops);
        if (rc < 0) {
                close(fd);
                return rc;
        }
        peer->id = atomic_fetch_add_explicit(&server->shared.next_id, 1, memory_order_relaxed) + 1;
        peer->addr = *addr;
        if (addr->family)
                peer->own.conn.source = conn_source_of(addr->ip, addr->family == AF_INET6);
        parser_init(&peer->own.parser, ops->kind);
        peer->own.account = registry_global(server->registry);
        peer->own.start_ns = peer->own.last_ns = clock_mono_ns();
        peer->own.start_wall_ns = clock_wall_of(peer->own.start_ns);
        peer->own.ping.fn = keepalive_on_timer;
        peer->own.stall.fn = slow_on_timer;
        peer->own.conn.write_deadline_ns = (uint64_t)peer_settings(peer)->timing.write_deadline_ns;
        list_push_back(&loop->roster->peers, &peer->own.member);
        loop->roster->n++;
        loop->roster->alive++;
        peer_apply_settings(peer);
        return 0;
}

struct settings *peer_settings(const struct peer *peer)
{
        return peer->loop->roster->settings;
}

void peer_apply_settings(struct peer *peer)
{
        const struct settings *settings = peer_settings(peer);
        peer->own.parser.max_control_line = (size_t)settings->limits.max_control_line_bytes;
        peer->own.parser.max_payload = settings->limits.max_payload_bytes;
        peer->own.queue_mark = slow_queue_mark(settings->limits.max_pending_bytes);
        peer->own.trace = settings->trace;
}

static void queue_err(struct peer *peer, struct slice text)
{
        if (peer_settings(peer)->trace) {
                struct buf line = { 0 };
                buf_printf(&line, "-ERR %.*s", SLICE_ARG(text));
                trace_out(peer, buf_slice(&line));
                buf_fini(&line);
        }
        char *dst = outq_reserve(&peer->own.conn.out, encode_err_max(text));
        outq_commit(&peer->own.conn.out, encode_err(dst, text));
        conn_touch(&peer->own.conn);
}

void peer_close(struct peer *peer, enum close_reason reason)
{
        ASSERT_OWNER(peer->loop);
        if (peer->own.closing)
                return;
        if (reasons[reason].wire)
                queue_err(peer, slice_str(reasons[reason].wire));
        peer->own.closing = true;
        peer->own.reason = (uint8_t)reason;
        atomic_store_explicit(&peer->shared.closed, true, memory_order_relaxed);
        loop_timer_stop(peer->loop, &peer->own.ping);
        loop_timer_stop(peer->loop, &peer->own.stall);
        list_remove(&peer->own.member);
        list_push_back(&peer->loop->roster->ending, &peer->own.member);
        peer->loop->roster->n--;
        peer->ops->on_close(peer);
        retire(peer);
        conn_close(&peer->own.conn, reasons[reason].how);
}

bool peer_may_notice(struct peer *peer, enum peer_notice notice)
{
        _Atomic uint64_t *at = &peer->server->shared.noticed_ns[notice];
        uint64_t last = atomic_load_explicit(at, memory_order_relaxed), now = clock_mono_ns();
        return (last == 0 || now - last >= NS_PER_SEC) &&
               atomic_compare_exchange_strong_explicit(
                       at, &last, now, memory_order_relaxed, memory_order_relaxed);
}

/* ---- subscriptions ----------------------------------------------------------------------- */

static void on_sub_mail(struct mail *mail)
{
        sub_free(CONTAINER_OF(mail, struct sub, link.mail));
}

static void on_sub_retired(struct rcu_node *node)
{
        struct sub *sub = CONTAINER_OF(node, struct sub, link.out);
        struct loop *home = sub->peer->loop;
        sub->link.mail.deliver = on_sub_mail;
        loop_post(home, &sub->link.mail);
}

void peer_subscribe(
        struct peer *peer, struct sub *sub, struct subs_key key, const struct trie_aim *aim)
{
        subs_batch_add(&peer->loop->roster->batch, peer->own.account, sub, aim);
        subs_put_key(&peer->own.subs, sub, key);
}

void peer_flush_subs(struct peer *peer)
{
        subs_batch_flush(&peer->loop->roster->batch);
}

void peer_unsubscribe(struct peer *peer, struct sub *sub)
{
        peer_flush_subs(peer);
        tell_end(peer, sub);
        subs_take(&peer->own.subs, sub);
        subs_remove(peer->own.account, sub);
        rcu_defer(&sub->link.out, on_sub_retired);
}

void peer_unsubscribe_all(struct peer *peer)
{
        struct sub **all = remove_all(peer);
        for (uint32_t i = 0; i < peer->own.subs.n; i++)
                rcu_defer(&all[i]->link.out, on_sub_retired);
        subs_fini(&peer->own.subs);
        xfree(all);
}

bool peer_denies_rcu(const struct sub *sub, struct slice subject)
{
        if (!sub_is_filtered(sub))
                return false;
        const struct permit *permit = rcu_deref(sub->peer->shared.permit);
        return permit && !permit_can_deliver(permit, subject, sub_queue(sub));
}

/* ---- output ------------------------------------------------------------------------------ */

void peer_send(struct peer *peer, struct slice bytes)
{
        if (peer->own.closing)
                return;
        conn_send(&peer->own.conn, bytes);
        slow_on_queued(peer); /* who asks without reading the answers is slow as well */
}

void peer_send_err(struct peer *peer, const char *fmt, ...)
{
        struct buf text = { 0 };
        va_list args;
        if (peer->own.closing)
                return;
        va_start(args, fmt);
        buf_vprintf(&text, fmt, args);
        va_end(args);
        queue_err(peer, buf_slice(&text));
        buf_fini(&text);
        slow_on_queued(peer);
}

/* ---- monitoring -------------------------------------------------------------------------- */

void peer_measure(const struct peer *peer, struct peer_info *out)
{
        uint64_t now = loop_now_ns(peer->loop);
        *out = (struct peer_info){ .id = peer->id, .kind = peer->ops->name };
        out->start_ns = peer->own.start_wall_ns;
        out->last_activity_ns = clock_wall_of(peer->own.last_ns);
        out->stop_ns = peer->own.closing ? clock_wall_ns() : 0;
        out->uptime_ns = clock_span_ns(peer->own.start_ns, now);
        out->idle_ns = clock_span_ns(peer->own.last_ns, now);
        out->reason = peer->own.reason;
        out->rtt_ns = peer->own.rtt_ns;
        out->pending_bytes = conn_pending_bytes(&peer->own.conn);
        out->in_msgs = peer->own.in_msgs;
        out->in_bytes = peer->own.in_bytes;
        out->out_msgs = peer->own.out_msgs;
        out->out_bytes = peer->own.out_bytes;
        out->stalls = atomic_load_explicit(&peer->shared.stalls, memory_order_relaxed);
        out->subscriptions = peer->own.subs.n;
}

void peer_snapshot(struct peer *peer, struct peer_info *out, unsigned want)
{
        peer_measure(peer, out);
        peer_addr_ip(&peer->addr, out->ip, sizeof out->ip);
        out->port = peer->addr.port;
        out->account = xstrdup(peer->own.account->name);
        peer->ops->snapshot(peer, out, want);
}
