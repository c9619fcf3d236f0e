/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h: one connection: socket, layers, input, output queue, handshake, closing.
 *
 *   WAIT_FIRST ──► HANDSHAKE ──► OPEN ──► FLUSHING ──► LINGER ──► CLOSED
 *      (optional)   (TLS only)            (last bytes)  (half closed, discards input)
 *
 * Every call on the owner loop. The memory belongs to whoever embeds the conn and may be freed from
 * on_closed() on: that is the last call, exactly once. */
#pragma once
#include "base/chunk.h"
#include "base/list.h"
#include "base/slice.h"
#include "net/loop.h"
#include "net/outq.h"
#include "net/timer.h"
#include "net/tr_tcp.h"
#include <netinet/in.h>
#include <stdbool.h>

struct conn;
struct crypto_pool;
struct handshake;
struct tls_ctx;
struct tls_session;
struct tls_verdict;
struct uv_poll_s;

enum conn_state {
        CONN_NEW, /* nothing is read until conn_open(), conn_start_tls() or conn_wait_first() */
        CONN_WAIT_FIRST, /* waiting for the first byte or the timer; leaves by on_first */
        CONN_HANDSHAKE,  /* TLS; leaves by on_secure or on_tls_failed */
        CONN_OPEN,       /* input goes to on_input */
        CONN_FLUSHING,   /* closing: the queue is being written, input ignored */
        CONN_LINGER, /* closing: our side is shut, input discarded so that the peer reads our last words */
        CONN_CLOSED, /* handles are going away; on_closed follows */
};

struct conn_ops {
        /* Bytes at an operation boundary. Return how many were used; the rest is presented again, longer.
         * *need: total bytes wanted for progress when known (else leave 0). The bytes lie in `chunk`. */
        size_t (*on_input)(
                struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need);
        /* WAIT_FIRST ended: got is false when the time passed without a byte. */
        void (*on_first)(struct conn *conn, bool got);
        void (*on_secure)(struct conn *conn);
        /* The handshake failed; the conn closes after this call. verdict is borrowed. */
        void (*on_tls_failed)(struct conn *conn, const struct tls_verdict *verdict);
        /* The peer ended (ERR_EOF) or the socket broke (other code). Call conn_close() from here. */
        void (*on_eof)(struct conn *conn, int err);
        /* The bytes queued when the deadline was armed did not leave in time. moved: some did. */
        void (*on_write_timeout)(struct conn *conn, bool moved);
        /* After a flush: how much is left. May be NULL. */
        void (*on_flushed)(struct conn *conn);
        void (*on_closed)(struct conn *conn);
};

struct conn {
        const struct conn_ops *ops;
        struct loop *loop;
        struct uv_poll_s *poll;
        struct transport *top; /* &tcp.base, or the TLS layer over it */
        struct tr_tcp tcp;
        uint64_t source;    /* conn_source_of() the peer; 0: the socket is asked for it */
        struct chunk *kept; /* bytes of an unfinished operation, NULL when none */
        uint32_t kept_bytes;
        uint32_t need;               /* total bytes the unfinished operation wants, 0: unknown */
        struct handshake *handshake; /* while HANDSHAKE, and until its job came back */
        struct outq out;
        struct list dirty;  /* in loop->own.dirty while bytes await the flush */
        struct timer timer; /* first byte, handshake, write deadline, linger: one at a time */
        uint64_t write_deadline_ns; /* set by the owner; 0: none */
        size_t deadline_mark;       /* bytes that must leave before the armed deadline */
        uint8_t state;              /* enum conn_state */
        uint8_t events;             /* what libuv watches */
        bool paused;                /* conn_pause(): not read */
        bool blocked;               /* the socket took less than we had; wait for writable */
        bool in_input;              /* inside on_input: no re-entrance */
        bool job_out;               /* a handshake step is with the crypto pool */
        bool early;                 /* the peer went on before it came back: not read till then */
        bool linger;                /* closing asked for LINGER */
        bool parted;                /* the top layer said goodbye */
        bool finish_wanted;         /* closing waits for the job */
        bool unread;                /* conn_pause_unread(): `kept` waits for the resume */
        bool fills; /* the last read filled its chunk: the next one gets a larger one */
        bool moved; /* bytes left since the deadline was armed */
};

/* Take the socket. ops must stay valid; nothing is read yet. 0 or negative errno (the fd stays open). */
MUST_CHECK int conn_init(struct conn *conn, struct loop *loop, int fd, const struct conn_ops *ops);

void conn_open(struct conn *conn); /* start reading plaintext */
void conn_wait_first(
        struct conn *conn, uint64_t timeout_ns); /* then on_first; no byte is consumed */
/* The first byte that waits in the socket, without taking it; -1: none (yet, or the peer has ended). */
int conn_first_byte(const struct conn *conn);
/* Handshake on the pool, from whatever bytes arrive next; server_name only for the client role. */
void conn_start_tls(struct conn *conn, struct tls_ctx *ctx, struct crypto_pool *pool,
        uint64_t timeout_ns, const char *server_name);
/* The TLS session once secure, else NULL. */
struct tls_session *conn_tls(const struct conn *conn);

/* Queue bytes and have them flushed at the end of the iteration. */
static inline void conn_touch(struct conn *conn)
{
        if (!list_linked(&conn->dirty))
                list_push_back(&conn->loop->own.dirty, &conn->dirty);
}

void conn_send(struct conn *conn, struct slice bytes);
/* Write now what the socket takes. */
void conn_flush(struct conn *conn);
/* Bytes queued here and in the layers below. */
static inline size_t conn_pending_bytes(const struct conn *conn)
{
        return conn->out.bytes + conn->top->ops->held(conn->top);
}

void conn_pause(struct conn *conn);
/* The same inside on_input, whose rest is complete operations that wait: the resume presents it again. */
void conn_pause_unread(struct conn *conn);
void conn_resume(struct conn *conn);

enum conn_close_how {
        CONN_CLOSE_FLUSH, /* write what is queued, within the write deadline, then close */
        CONN_CLOSE_LINGER, /* likewise, then wait briefly for the peer so that it can read our last words */
        CONN_CLOSE_NOW, /* drop what is queued */
};

/* Idempotent. on_closed() follows from the loop, never from inside this call. */
void conn_close(struct conn *conn, enum conn_close_how how);

static inline bool conn_is_closing(const struct conn *conn)
{
        return conn->state >= CONN_FLUSHING;
}

/* Hash of the peer's address (an IPv6 one's network), for the crypto pool's fairness. */
uint64_t conn_source(const struct conn *conn);
/* The same of 4 bytes of IPv4, or 16 of IPv6. */
uint64_t conn_source_of(const void *ip, bool six);
/* Peer address; false when the socket has none. */
bool conn_peer_addr(const struct conn *conn, struct sockaddr_storage *out);
