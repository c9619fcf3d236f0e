/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: one chunk of the loop serves every connection, because an idle one then holds no buffer. Bytes
 * of an unfinished operation are kept in a block of their own size and put in front of the next read; an
 * operation larger than a read gets a block of its full size and is received straight into it.
 *
 * Writing: producers append to `out` and touch the conn; the loop flushes it once per iteration. */
#include "net/conn.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/conn_internal.h"
#include "net/loop_internal.h"
#include "net/tr_tls.h"
#include "tls/tls_session.h"
#include <sys/socket.h>
#include <unistd.h>

enum {
        READ_MAX_BYTES = 1024 * 1024, /* per poll event: fairness between connections */
        WHOLE_LEAST_BYTES = 8 * 1024, /* smaller beginnings are moved sooner than read around */
        IOV_MAX_USED = 1024,
        FLUSH_ROUNDS = 16,
        LINGER_MAX_BYTES = 1024 * 1024,
};
#define LINGER_NS (500 * NS_PER_MS)
#define CLOSE_FLUSH_NS (10 * NS_PER_SEC)

static void conn_read(struct conn *conn);

/* ---- what libuv watches ------------------------------------------------------------------ */

static bool wants_read(const struct conn *conn)
{
        switch (conn->state) {
        case CONN_WAIT_FIRST:
        case CONN_LINGER:
                return true;
        case CONN_HANDSHAKE:
                return !conn->early && !conn->blocked;
        case CONN_OPEN:
                return !conn->paused;
        default:
                return false;
        }
}

static void on_poll(uv_poll_t *poll, int status, int events);

void conn_watch(struct conn *conn)
{
        int events = (wants_read(conn) ? UV_READABLE : 0) |
                     (conn->blocked && !conn->job_out ? UV_WRITABLE : 0);
        if (conn->state == CONN_CLOSED || events == conn->events)
                return;
        conn->events = (uint8_t)events;
        if (events)
                uv_poll_start(conn->poll, events, on_poll);
        else
                uv_poll_stop(conn->poll);
}

/* ---- ending ------------------------------------------------------------------------------ */

/* The layers' goodbye; the end of the stream follows. */
static void say_goodbye(struct conn *conn)
{
        conn->tcp.ending = true;
        conn->top->ops->shutdown(conn->top);
}

static void on_poll_closed(uv_handle_t *handle)
{
        struct conn *conn = handle->data;
        xfree(handle);
        conn->poll = NULL;
        conn->top->ops->free(conn->top);
        conn->ops->on_closed(conn);
}

static void conn_final(struct conn *conn)
{
        if (conn->state == CONN_CLOSED)
                return;
        loop_timer_stop(conn->loop, &conn->timer);
        if (conn->handshake)
                conn_handshake_recall(conn);
        if (conn->job_out) { /* the pool holds the session: end when it comes back */
                if (!conn->early && !conn->finish_wanted)
                        loop_await(conn->loop, true);
                conn->finish_wanted = true;
                conn->state = CONN_FLUSHING;
                conn->blocked = false;
                conn_watch(conn);
                return;
        }
        if (conn->state != CONN_LINGER)
                say_goodbye(conn);
        conn->state = CONN_CLOSED;
        if (list_linked(&conn->dirty))
                list_remove(&conn->dirty);
        outq_fini(&conn->out);
        if (conn->kept)
                chunk_unref(conn->kept);
        conn->kept = NULL;
        conn_handshake_free(conn);
        uv_close((uv_handle_t *)conn->poll, on_poll_closed); /* stops watching at once */
        close(conn->tcp.fd); /* last: libuv still names the number to the kernel, which reuses it */
}

/* Everything is written: half-close and wait for the peer, or end at once. */
static void conn_written(struct conn *conn)
{
        if (!conn->job_out && !conn->parted) {
                conn->parted = true;
                say_goodbye(conn);
        }
        if (!conn->job_out && conn->top->ops->held(conn->top) > 0) { /* the goodbye as well */
                conn->blocked = true;
                conn_watch(conn);
                return;
        }
        if (!conn->linger || conn->job_out) {
                conn_final(conn);
                return;
        }
        if (shutdown(conn->tcp.fd, SHUT_WR) != 0) {
                conn_final(conn);
                return;
        }
        conn->state = CONN_LINGER;
        conn->blocked = false;
        conn->deadline_mark = LINGER_MAX_BYTES;
        loop_timer_start(conn->loop, &conn->timer, LINGER_NS);
        conn_watch(conn);
}

/* Discard input so that closing does not reset the connection before our last words were read. */
static void linger_read(struct conn *conn)
{
        char sink[4096];
        for (int i = 0; i < 16; i++) {
                ssize_t n = conn->tcp.base.ops->recv(&conn->tcp.base, sink, sizeof sink);
                if (n == ERR_AGAIN)
                        return;
                if (n < 0 || (size_t)n >= conn->deadline_mark) {
                        conn_final(conn);
                        return;
                }
                conn->deadline_mark -= (size_t)n;
        }
}

void conn_close(struct conn *conn, enum conn_close_how how)
{
        if (conn->state == CONN_CLOSED)
                return;
        if (conn_is_closing(conn)) {
                if (how == CONN_CLOSE_NOW)
                        conn_final(conn);
                return;
        }
        bool plain = conn->state != CONN_HANDSHAKE;
        conn->state = CONN_FLUSHING;
        conn->linger = how == CONN_CLOSE_LINGER;
        if (conn->kept && !conn->in_input) {
                chunk_unref(conn->kept);
                conn->kept = NULL;
        }
        if (how == CONN_CLOSE_NOW || !plain) {
                outq_clear(&conn->out);
                if (conn->linger && !conn->job_out)
                        conn_written(conn);
                else
                        conn_final(conn);
                return;
        }
        loop_timer_start(conn->loop, &conn->timer,
                conn->write_deadline_ns ? conn->write_deadline_ns : CLOSE_FLUSH_NS);
        conn_touch(conn);
        conn_watch(conn);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* sent: bytes that left this process; what the TLS layer took but still holds has not. */
static void arm_deadline(struct conn *conn, size_t sent)
{
        size_t pending = conn_pending_bytes(conn);
        if (sent > 0)
                conn->moved = true;
        if (pending == 0 || conn->write_deadline_ns == 0) {
                loop_timer_stop(conn->loop, &conn->timer);
                return;
        }
        if (timer_is_armed(&conn->timer)) {
                conn->deadline_mark -= sent < conn->deadline_mark ? sent : conn->deadline_mark;
                if (conn->deadline_mark > 0)
                        return;
        }
        conn->deadline_mark = pending;
        conn->moved = false;
        loop_timer_start(conn->loop, &conn->timer, conn->write_deadline_ns);
}

/* 0 or a negative error. */
static int send_some(struct conn *conn)
{
        struct iovec iov[IOV_MAX_USED];
        conn->blocked = false;
        for (int round = 0; round < FLUSH_ROUNDS; round++) {
                size_t bytes;
                int n = outq_iov(&conn->out, iov, IOV_MAX_USED, &bytes);
                if (n == 0 && conn->top->ops->held(conn->top) == 0)
                        break;
                ssize_t sent = conn->top->ops->send(conn->top, iov, n);
                if (sent < 0)
                        return (int)sent;
                outq_consume(&conn->out, (size_t)sent);
                if ((size_t)sent < bytes && conn->top == &conn->tcp.base) {
                        conn->blocked = true;
                        break;
                }
                if (conn->top->ops->held(conn->top) > 0) {
                        conn->blocked = true;
                        break;
                }
        }
        if (conn->out.bytes > 0)
                conn->blocked = true; /* socket full, or our share of this turn is used up */
        return 0;
}

void conn_flush(struct conn *conn)
{
        if (list_linked(&conn->dirty))
                list_remove(&conn->dirty);
        if (conn->state == CONN_HANDSHAKE || conn->state >= CONN_LINGER)
                return;
        size_t before = conn_pending_bytes(conn);
        if (send_some(conn) < 0) {
                if (conn->state == CONN_FLUSHING)
                        conn_final(conn);
                else
                        conn->ops->on_eof(conn, ERR_IO); /* whatever it was, it was a write */
                return;
        }
        if (conn->blocked)
                outq_unpin(&conn->out);
        if (conn->state == CONN_FLUSHING) {
                if (conn_pending_bytes(conn) == 0)
                        conn_written(conn);
                else
                        conn_watch(conn);
                return;
        }
        if (conn->state == CONN_OPEN) {
                size_t after = conn_pending_bytes(conn);
                arm_deadline(conn, before > after ? before - after : 0);
        }
        conn_watch(conn);
        if (conn->ops->on_flushed)
                conn->ops->on_flushed(conn);
}

void conn_send(struct conn *conn, struct slice bytes)
{
        outq_append(&conn->out, bytes);
        conn_touch(conn);
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool is_shared_size(const struct chunk *chunk)
{
        return chunk->cap == LOOP_READ_BYTES || chunk->cap == LOOP_FULL_READ_BYTES;
}

/* Keep the bytes of an unfinished operation in a block of their own. */
static bool keep_rest(struct conn *conn, struct slice rest, size_t cap)
{
        if (cap < rest.len)
                cap = rest.len;
        if (cap == LOOP_READ_BYTES || cap == LOOP_FULL_READ_BYTES)
                cap++; /* never taken for a spare */
        struct chunk *kept = chunk_try_new(cap);
        if (kept == NULL)
                return false;
        memcpy(kept->data, rest.ptr, rest.len);
        conn->kept = kept;
        conn->kept_bytes = (uint32_t)rest.len;
        return true;
}

/* Keep what stands in chunk behind `used`; takes the reference to chunk. The end of a read is usually the
 * beginning of a small operation, which joins the next read. One that is larger than a read, or that a
 * whole read did not finish, gets a block of its full size and is received there, so that its bytes move
 * twice at most however slowly it comes. False: memory is short, the bytes are lost. */
static bool keep(struct conn *conn, struct chunk *chunk, size_t len, size_t used)
{
        if (used == 0 && !is_shared_size(chunk)) {
                conn->kept = chunk;
                conn->kept_bytes = (uint32_t)len;
                return true;
        }
        bool whole = conn->need > LOOP_READ_BYTES || used == 0;
        bool kept =
                keep_rest(conn, slice_of(chunk->data + used, len - used), whole ? conn->need : 0);
        loop_give_spare(conn->loop, chunk);
        return kept;
}

/* Present bytes[0, len) of chunk; takes the caller's reference to chunk. */
static void present(struct conn *conn, struct chunk *chunk, size_t len)
{
        size_t need = 0;
        conn->in_input = true;
        size_t used = conn->ops->on_input(conn, chunk, slice_of(chunk->data, len), &need);
        if (chunk_is_shared(chunk))
                loop_flush(
                        conn->loop); /* what was lent comes back, still warm, for the next read */
        conn->in_input = false;
        if (used < len && conn->state == CONN_OPEN) {
                conn->need = (uint32_t)need;
                if (!keep(conn, chunk, len, used))
                        conn->ops->on_eof(conn, ERR_NOMEM);
        } else {
                loop_give_spare(conn->loop, chunk);
        }
}

/* What a pause left. */
static void present_kept(struct conn *conn)
{
        struct chunk *chunk = conn->kept;
        conn->unread = false;
        conn->kept = NULL;
        if (chunk)
                present(conn, chunk, conn->kept_bytes);
}

/* Where the next read goes: the kept block when it has room, else the loop's chunk with the kept bytes
 * moved to its front. */
static struct chunk *input_chunk(struct conn *conn, size_t *filled)
{
        struct chunk *chunk = conn->kept;
        *filled = conn->kept ? conn->kept_bytes : 0;
        conn->kept = NULL;
        if (chunk && *filled < chunk->cap)
                return chunk;
        struct chunk *spare = loop_take_spare(conn->loop, conn->fills);
        if (chunk == NULL)
                return spare;
        if (*filled > spare->cap / 2) { /* a very long line: keep the room growing with it */
                chunk_unref(spare);
                spare = chunk_new(*filled * 2);
        }
        memcpy(spare->data, chunk->data, *filled);
        chunk_unref(chunk);
        return spare;
}

/* A stream of large operations of one size is read up to the end of one of them, so that no beginning of
 * the next one is left to be moved. */
static size_t read_room(const struct conn *conn, const struct chunk *chunk, size_t filled)
{
        size_t need = conn->need;
        if (need < WHOLE_LEAST_BYTES || need > chunk->cap || filled >= need)
                return chunk->cap - filled;
        return chunk->cap - chunk->cap % need - filled;
}

/* Nothing was read. */
static void put_back(struct conn *conn, struct chunk *chunk, size_t filled)
{
        if (filled == 0)
                loop_give_spare(conn->loop, chunk);
        else if (!keep(conn, chunk, filled, 0))
                conn->ops->on_eof(conn, ERR_NOMEM);
}

/* Letters that came while we read go first (loop.h); one of them may have closed or paused us. */
static bool is_still_wanted(struct conn *conn, struct chunk *chunk)
{
        conn->in_input = true;
        loop_take_mail(conn->loop);
        conn->in_input = false;
        if (conn->state == CONN_OPEN)
                return true;
        loop_give_spare(conn->loop, chunk);
        return false;
}

/* Bytes that a layer holds are read to the end: no event of the socket would announce them. */
static void conn_read(struct conn *conn)
{
        size_t all = 0;
        while (all < READ_MAX_BYTES || conn->top->ops->has_input(conn->top)) {
                size_t filled;
                struct chunk *chunk = input_chunk(conn, &filled);
                size_t room = read_room(conn, chunk, filled);
                ssize_t n = conn->top->ops->recv(conn->top, chunk->data + filled, room);
                if (n <= 0) {
                        put_back(conn, chunk, filled);
                        if (n != ERR_AGAIN)
                                conn->ops->on_eof(conn, (int)n);
                        return;
                }
                if (!is_still_wanted(conn, chunk))
                        return;
                all += (size_t)n;
                conn->fills = (size_t)n == room || (size_t)n >= LOOP_READ_BYTES;
                present(conn, chunk, filled + (size_t)n);
                if (conn->state != CONN_OPEN || conn->paused) {
                        conn_watch(conn); /* conn_pause() inside on_input left that to us */
                        return;
                }
                if ((size_t)n < room && !conn->top->ops->has_input(conn->top))
                        return;
        }
}

void conn_input_waiting(struct conn *conn)
{
        while (conn->state == CONN_OPEN && !conn->paused && conn->top->ops->has_input(conn->top))
                conn_read(conn);
}

static void on_events(struct conn *conn, int events, bool broken)
{
        if ((events & UV_WRITABLE) && conn->state == CONN_HANDSHAKE)
                conn_handshake_writable(conn);
        else if (events & UV_WRITABLE)
                conn_flush(conn);
        if (!(events & UV_READABLE))
                return;
        switch (conn->state) {
        case CONN_WAIT_FIRST:
                loop_timer_stop(conn->loop, &conn->timer);
                conn->state = CONN_NEW;
                conn->ops->on_first(conn, true);
                break;
        case CONN_HANDSHAKE:
                conn_handshake_readable(conn);
                break;
        case CONN_OPEN:
                if (!conn->paused)
                        conn_read(conn);
                break;
        case CONN_LINGER:
                linger_read(conn);
                break;
        default:
                if (broken)
                        conn_final(conn);
                break;
        }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        struct conn *conn = poll->data;
        conn->loop->own.now_ns = clock_mono_ns();
        loop_note_event(conn->loop);
        if (status <
                0) { /* the read or the write reports what is wrong; there may be bytes before it */
                events = UV_READABLE | (conn->blocked ? UV_WRITABLE : 0);
                conn->events = 0; /* libuv has stopped watching */
        }
        on_events(conn, events, status < 0);
        conn_watch(conn);
}

/* ---- timer and life ---------------------------------------------------------------------- */

static void on_timer(struct timer *timer)
{
        struct conn *conn = CONTAINER_OF(timer, struct conn, timer);
        switch (conn->state) {
        case CONN_WAIT_FIRST:
                conn->state = CONN_NEW;
                conn->ops->on_first(conn, false);
                conn_watch(conn);
                break;
        case CONN_HANDSHAKE:
                conn_handshake_timeout(conn);
                break;
        case CONN_OPEN:
                conn->ops->on_write_timeout(conn, conn->moved);
                if (conn->state == CONN_OPEN)
                        arm_deadline(conn, 0);
                break;
        default:
                conn_final(conn);
                break;
        }
}

int conn_init(struct conn *conn, struct loop *loop, int fd, const struct conn_ops *ops)
{
        ASSERT_OWNER(loop);
        *conn = (struct conn){ .ops = ops, .loop = loop, .state = CONN_NEW };
        conn->poll = xnew(uv_poll_t);
        int rc = uv_poll_init(&loop->uv->loop, conn->poll, fd);
        if (rc < 0) {
                xfree(conn->poll);
                conn->poll = NULL;
                return rc;
        }
        conn->poll->data = conn;
        conn->timer.fn = on_timer;
        tr_tcp_init(&conn->tcp, fd);
        conn->top = &conn->tcp.base;
        outq_init(&conn->out);
        return 0;
}

void conn_open(struct conn *conn)
{
        if (conn_is_closing(conn))
                return;
        conn->state = CONN_OPEN;
        conn_watch(conn);
}

void conn_wait_first(struct conn *conn, uint64_t timeout_ns)
{
        if (conn_is_closing(conn))
                return;
        conn->state = CONN_WAIT_FIRST;
        loop_timer_start(conn->loop, &conn->timer, timeout_ns);
        conn_watch(conn);
}

void conn_pause(struct conn *conn)
{
        conn->paused = true;
        if (!conn->in_input)
                conn_watch(conn);
}

void conn_pause_unread(struct conn *conn)
{
        ASSERT(conn->in_input);
        conn->paused = true;
        conn->unread = true;
}

void conn_resume(struct conn *conn)
{
        if (!conn->paused)
                return;
        conn->paused = false;
        if (conn->in_input)
                return;
        if (conn->unread)
                present_kept(conn);
        conn_input_waiting(conn);
        conn_watch(conn);
}

int conn_first_byte(const struct conn *conn)
{
        unsigned char byte;
        return recv(conn->tcp.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

bool conn_peer_addr(const struct conn *conn, struct sockaddr_storage *out)
{
        socklen_t len = sizeof *out;
        return getpeername(conn->tcp.fd, (struct sockaddr *)out, &len) == 0;
}
