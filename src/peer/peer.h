/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h: what every remote that speaks NATS has: a connection, a parser, subscriptions, timers, counters.
 * A kind embeds it first: struct client { struct peer peer; … }.
 *
 * Owner: one loop, for its whole life. Other loops hold a peer only through its subscriptions and touch
 * nothing but `shared`. Memory goes after both: the connection closed, and a grace period since its last
 * subscription left the trie. */
#pragma once
#include "base/list.h"
#include "base/log.h"
#include "base/rcu.h"
#include "net/conn.h"
#include "peer/close_reason.h"
#include "peer/peer_ops.h"
#include "peer/peer_server.h"
#include "peer/subs.h"
#include "proto/parser.h"
#include <netinet/in.h>
#include <stdatomic.h>

struct account;
struct peer_info;
struct peer_server;
struct permit;
struct settings;
struct trie_aim;

struct peer_addr {
        uint8_t ip[16]; /* 4 bytes used for IPv4 (mapped addresses are unmapped) */
        uint16_t port;
        uint8_t family; /* AF_INET, AF_INET6, 0: none */
};

struct peer {
        const struct peer_ops *ops; /* fixed at creation: any thread */
        struct loop *loop;
        struct peer_server *server;
        struct log_tag tag; /* "10.0.0.7:5312 - cid:42" */
        uint64_t id;
        struct peer_addr addr;
        struct {
                struct conn conn;
                struct parser parser;
                struct account *account; /* never NULL */
                struct chunk *chunk;     /* where the frame being handled lies */
                size_t chunk_bytes;      /* how much of it has been read */
                struct subs subs;
                struct list member; /* in the loop's roster */
                struct timer ping, stall;
                uint64_t start_ns;
                uint64_t
                        last_ns; /* last CONNECT, message in or out, SUB or UNSUB; not PING and PONG */
                uint64_t start_wall_ns; /* what monitoring shows */
                uint64_t active_ns;     /* last data, sub or PING: suppresses our PINGs */
                uint64_t ping_sent_ns;
                int64_t rtt_ns;     /* 0: unknown */
                uint64_t rtt_at_ns; /* when a PING measured it; 0: never */
                uint64_t in_msgs, in_bytes, out_msgs, out_bytes;
                uint64_t flushed_msgs; /* out_msgs at the last flush */
                int pings_out;
                uint8_t reason; /* enum close_reason, once closing */
                bool closing;
                bool guarded;                /* ops->admit is asked before each operation */
                uint8_t holds;               /* peer_hold() */
                bool socket_gone, subs_gone; /* the two ends that memory waits for */
                bool slow;                   /* past a write deadline and kept */
                bool throttled;              /* paused for a slow receiver or a full mailbox */
                bool saw_gate;               /* this read delivered to a gated receiver */
                uint64_t run_mark;           /* dispatch.c: seen in this run of messages */
                bool trace;                  /* protocol lines go to the log */
                size_t queue_mark; /* below so many queued bytes slow.c has nothing to look at */
        } own;
        struct {
                const struct permit *_Atomic permit; /* for filtered subscriptions; NULL: none is */
                _Atomic bool gated; /* more than 3/4 of max_pending waits: publishers hold back */
                _Atomic bool closed;
                _Atomic uint32_t stalls;
        } shared;
        union {
                struct rcu_node rcu;
                struct mail mail;
        } retire;
};

/* Owner. Take the socket and enter the roster; the account is the global one until somebody binds
 * another. On failure (negative) the socket is closed and nothing else happened. */
MUST_CHECK int peer_init(struct peer *peer, const struct peer_ops *ops, struct peer_server *server,
        struct loop *loop, int fd, const struct peer_addr *addr);

/* The only way a peer ends. Idempotent: the first reason stands. Sends the reason's -ERR, if it has one. */
void peer_close(struct peer *peer, enum close_reason reason);
static inline bool peer_is_closing(const struct peer *peer)
{
        return peer->own.closing;
}

/* Owner. Keep the memory of a peer that may close meanwhile, and let it go. */
void peer_hold(struct peer *peer);
void peer_release(struct peer *peer); /* may free it */

struct settings *peer_settings(const struct peer *peer); /* current, borrowed for the call */
void peer_apply_settings(struct peer *peer);             /* after a reload */

/* Either may close a peer that does not read. */
void peer_send(struct peer *peer, struct slice bytes);
void peer_send_err(struct peer *peer, const char *fmt, ...) PRINTF_LIKE(2, 3); /* -ERR 'text' */

/* Subscriptions. The sub was made for this peer, its sid is new and has this key, the aim is that of its subject.
 * It is found by messages from the flush on, which the pump sees to. */
void peer_subscribe(
        struct peer *peer, struct sub *sub, struct subs_key key, const struct trie_aim *aim);
void peer_flush_subs(struct peer *peer);
void peer_unsubscribe(struct peer *peer, struct sub *sub);
void peer_unsubscribe_all(struct peer *peer);
/* Any thread, inside a read section: is a message with this subject denied to the filtered subscription? */
bool peer_denies_rcu(const struct sub *sub, struct slice subject);

/* tls_log.c: the peer's key, as pins name it, is none of them; "": it showed no certificate. */
void peer_log_not_pinned(const struct peer *peer, const char *key);

/* tls_log.c: a failed handshake becomes a log line and a close. */
struct tls_verdict;
void peer_on_tls_failed(struct conn *conn, const struct tls_verdict *verdict);

/* pump.c: the on_input of every peer's connection. */
size_t peer_on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need);

/* parse_error.c: log what is wrong and close. rest begins with the operation. */
void peer_parse_error(struct peer *peer, int rc, const struct frame *frame, struct slice rest);

/* keepalive.c */
void keepalive_start(struct peer *peer);     /* at accept: a full interval */
void keepalive_connected(struct peer *peer); /* at CONNECT: soon, to measure the round trip */
void keepalive_on_ping(struct peer *peer);
void keepalive_on_pong(struct peer *peer);
void keepalive_on_timer(struct timer *timer);

/* slow.c: what a peer that reads too slowly costs, and whom it holds back. */
size_t slow_queue_mark(int64_t max_pending); /* for own.queue_mark */
bool slow_on_much(struct peer *peer);
/* After bytes were queued: gate, flush early, or close. false: the peer was closed. */
static inline bool slow_on_queued(struct peer *peer)
{
        const struct conn *conn = &peer->own.conn;
        if (LIKELY(conn->out.bytes < peer->own.queue_mark && !conn->blocked))
                return true;
        return slow_on_much(peer);
}
/* Room for so many bytes that nobody need look at in between? May flush, and thereby close. */
bool slow_make_room(struct peer *peer, size_t bytes);
static inline bool slow_has_room(struct peer *peer, size_t bytes)
{
        const struct conn *conn = &peer->own.conn;
        if (LIKELY(conn->out.bytes + bytes < peer->own.queue_mark && !conn->blocked))
                return true;
        return slow_make_room(peer, bytes);
}
void slow_on_flushed(struct conn *conn);
void slow_on_write_timeout(struct conn *conn, bool moved);
/* At the end of a read: hold the publisher back for a moment? congested: a mailbox is full. */
void slow_throttle(struct peer *peer, bool congested);
void slow_on_timer(struct timer *timer);

/* Is it time to log this again? Any loop. */
bool peer_may_notice(struct peer *peer, enum peer_notice notice);

/* trace.c: protocol lines of -V. */
void trace_in(struct peer *peer, const struct frame *frame);
void trace_out(struct peer *peer, struct slice line); /* without CRLF */
void trace_end_of_sub(struct peer *peer, struct slice sid);
void trace_payload(struct peer *peer, const char *arrow, struct slice body, size_t header_bytes);

void peer_addr_set(struct peer_addr *addr, const struct sockaddr_storage *from);
void peer_addr_ip(const struct peer_addr *addr, char *dst, size_t size); /* "::1"; "" when none */
/* Monitoring. Numbers only, nothing to free; and everything, with what `want` (PEER_WANT_*) adds. */
void peer_measure(const struct peer *peer, struct peer_info *out);
void peer_snapshot(struct peer *peer, struct peer_info *out, unsigned want);
