/* SPDX-License-Identifier: Apache-2.0 */
/* conn_contract_test.c: what a connection promises, over TCP and over TLS, each behind sockets that
 * misbehave.
 *
 *   far end (plain socket or OpenSSL) ── loopback ── faults ── conn, on a loop turned by this
 * thread
 *
 * A far end is moved by an idle handle of the same loop, one step in each iteration, so that every
 * test is one thread and ends by a condition. Operations are a length of four bytes and as many of
 * a pattern. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/conn.h"
#include "net/crypto_pool.h"
#include "net/loop_internal.h"
#include "tls/certgen.h"
#include "tls/tls_ctx.h"
#include "tls/verdict.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka needs some of the above. */
#include <cmocka.h>

#define PATIENCE_NS (20 * NS_PER_SEC)

enum fault { CLEAN, SHORT, DELAY, BYTE, MIXED, FAULT_COUNT };
static const char *const fault_names[] = { "clean", "short", "delay", "byte", "mixed" };

struct scene;
typedef bool (*done_fn)(struct scene *s);

static struct scene {
        bool tls;
        enum fault fault;
        struct loop *loop;
        struct conn conn;
        uv_idle_t turn;
        done_fn done;
        uint64_t give_up_ns;
        uint32_t random;
        size_t reset_after; /* bytes received until the socket breaks; 0: never */
        size_t received;
        /* What our side saw. */
        const size_t *sizes; /* of the operations that must come */
        size_t ops_n, ops;
        size_t first_calls; /* times an operation was shown that was not complete */
        const struct chunk *block;
        unsigned blocks; /* different blocks the current operation was shown in */
        unsigned most_blocks;
        bool pausing, stopping, shown_while_paused;
        unsigned pause_turns;
        int eofs, eof_err, closed, timeouts, secured, failed;
        enum tls_reason failure;
        bool moved;
        int on_eof_close; /* -1: enum conn_close_how to use */
        struct slice reply_at_eof;
        /* The far end. */
        int fd;
        SSL_CTX *ctx;
        SSL *ssl;
        struct buf out, in;
        size_t out_at;
        bool deaf, mute, half_close, shut, ended;
        int broken;
} scene;

static char dir[64];
static struct tls_ctx *server_ctx;
static struct crypto_pool *pool;

static uint32_t dice(uint32_t below)
{
        scene.random = scene.random * 1664525u + 1013904223u;
        return (scene.random >> 8) % below;
}

/* ---- faults ------------------------------------------------------------------------------ */

static const struct transport_ops *real_ops;

static bool delayed(void)
{
        return (scene.fault == DELAY || scene.fault == MIXED) && dice(3) == 0;
}

static size_t portion(size_t bytes)
{
        if (bytes == 0 || scene.fault == CLEAN || scene.fault == DELAY)
                return bytes;
        size_t most = scene.fault == BYTE ? 1 : 1 + dice(dice(8) == 0 ? 7 : 20000);
        return most < bytes ? most : bytes;
}

static ssize_t fault_recv(struct transport *tr, char *dst, size_t dst_bytes)
{
        if (delayed())
                return ERR_AGAIN;
        if (scene.reset_after && scene.received >= scene.reset_after)
                return -ECONNRESET;
        ssize_t n = real_ops->recv(tr, dst, portion(dst_bytes));
        if (n > 0)
                scene.received += (size_t)n;
        return n;
}

static ssize_t fault_send(struct transport *tr, const struct iovec *iov, int iov_n)
{
        if (delayed())
                return 0;
        if (scene.reset_after && scene.received >= scene.reset_after)
                return -ECONNRESET;
        if (scene.fault == CLEAN || scene.fault == DELAY || iov_n == 0)
                return real_ops->send(tr, iov, iov_n);
        struct iovec one = { iov[0].iov_base, portion(iov[0].iov_len) };
        return real_ops->send(tr, &one, 1);
}

static void misbehave(struct conn *conn)
{
        static struct transport_ops ops;
        real_ops = conn->tcp.base.ops;
        ops = *real_ops;
        ops.recv = fault_recv;
        ops.send = fault_send;
        conn->tcp.base.ops = &ops;
}

/* ---- our side ---------------------------------------------------------------------------- */

static unsigned char pattern(size_t op, size_t at)
{
        return (unsigned char)(op * 31 + at * 7 + (at >> 8) * 13);
}

static void check_op(size_t op, const char *bytes, size_t len)
{
        assert_int_equal(len, scene.sizes[op]);
        size_t step = len > 4096 ? 61 : 1;
        for (size_t i = 0; i < len; i += step)
                if ((unsigned char)bytes[i] != pattern(op, i))
                        fail_msg("operation %zu differs at byte %zu of %zu", op, i, len);
}

static void append_op(struct buf *to, size_t op, size_t len)
{
        uint32_t head = (uint32_t)len;
        buf_append(to, &head, 4);
        assert_true(buf_reserve(to, len));
        for (size_t i = 0; i < len; i++)
                to->ptr[to->len + i] = (char)pattern(op, i);
        to->len += len;
}

static size_t on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need)
{
        size_t used = 0;
        if (conn->paused)
                scene.shown_while_paused = true;
        assert_true(bytes.ptr >= chunk->data && bytes.ptr + bytes.len <= chunk->data + chunk->cap);
        while (bytes.len - used >= 4) {
                uint32_t len;
                memcpy(&len, bytes.ptr + used, 4);
                if (bytes.len - used < 4 + (size_t)len) {
                        *need = 4 + (size_t)len;
                        if (scene.block != chunk)
                                scene.blocks++;
                        if (scene.blocks > scene.most_blocks)
                                scene.most_blocks = scene.blocks;
                        scene.block = chunk;
                        break;
                }
                assert_true(scene.ops < scene.ops_n);
                check_op(scene.ops++, bytes.ptr + used + 4, len);
                used += 4 + len;
                scene.blocks = 0;
                scene.block = NULL;
                if (scene.stopping) { /* the rest is complete, and waits */
                        conn_pause_unread(conn);
                        scene.pause_turns = dice(4);
                        return used;
                }
        }
        if (scene.pausing) {
                conn_pause(conn);
                scene.pause_turns = dice(4);
        }
        return used;
}

static void on_eof(struct conn *conn, int err)
{
        scene.eofs++;
        scene.eof_err = err;
        if (scene.reply_at_eof.len)
                conn_send(conn, scene.reply_at_eof);
        conn_close(conn, (enum conn_close_how)scene.on_eof_close);
}

static void on_secure(struct conn *conn)
{
        assert_non_null(conn_tls(conn));
        scene.secured++;
}

static void on_tls_failed(struct conn *conn, const struct tls_verdict *verdict)
{
        (void)conn;
        scene.failed++;
        scene.failure = verdict->reason;
}

static void on_write_timeout(struct conn *conn, bool moved)
{
        (void)conn;
        scene.timeouts++;
        scene.moved = moved;
}

static void on_closed(struct conn *conn)
{
        (void)conn;
        scene.closed++;
}

static const struct conn_ops ops = {
        .on_input = on_input,
        .on_secure = on_secure,
        .on_tls_failed = on_tls_failed,
        .on_eof = on_eof,
        .on_write_timeout = on_write_timeout,
        .on_closed = on_closed,
};

/* ---- the far end ------------------------------------------------------------------------- */

static ssize_t far_result(ssize_t n)
{
        if (scene.ssl == NULL) {
                if (n >= 0 || errno == EAGAIN)
                        return n;
                scene.broken = errno;
                return -1;
        }
        if (n > 0)
                return n;
        int error = SSL_get_error(scene.ssl, (int)n), err = errno;
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
                return -1;
        if (error == SSL_ERROR_ZERO_RETURN)
                return 0;
        scene.broken = error == SSL_ERROR_SYSCALL && err ? err : EPROTO;
        return -1;
}

static void far_send(void)
{
        while (!scene.mute && !scene.broken && scene.out_at < scene.out.len) {
                size_t left = scene.out.len - scene.out_at;
                const char *from = scene.out.ptr + scene.out_at;
                ERR_clear_error();
                ssize_t n = far_result(scene.ssl ? SSL_write(scene.ssl, from, (int)left)
                                                 : send(scene.fd, from, left, MSG_NOSIGNAL));
                if (n <= 0)
                        return;
                scene.out_at += (size_t)n;
        }
        if (!scene.half_close || scene.shut || scene.out_at < scene.out.len)
                return;
        if (scene.ssl && SSL_is_init_finished(scene.ssl))
                SSL_shutdown(scene.ssl);
        shutdown(scene.fd, SHUT_WR);
        scene.shut = true;
}

static void far_receive(void)
{
        static char sink[64 * 1024];
        for (int i = 0; i < 8 && !scene.deaf && !scene.broken && !scene.ended; i++) {
                ERR_clear_error();
                ssize_t n = far_result(scene.ssl ? SSL_read(scene.ssl, sink, sizeof sink)
                                                 : recv(scene.fd, sink, sizeof sink, 0));
                if (n == 0)
                        scene.ended = true;
                if (n <= 0)
                        return;
                buf_append(&scene.in, sink, (size_t)n);
        }
}

static void on_turn(uv_idle_t *idle)
{
        struct loop *loop = idle->data;
        if (scene.fd >= 0) {
                far_send();
                far_receive();
        }
        if (scene.conn.paused && scene.pause_turns-- == 0)
                conn_resume(&scene.conn);
        if (scene.done(&scene) || clock_mono_ns() > scene.give_up_ns)
                loop_stop(loop);
}

static void run_until(done_fn done)
{
        scene.done = done;
        scene.give_up_ns = clock_mono_ns() + PATIENCE_NS;
        loop_run(scene.loop);
        if (!done(&scene))
                fail_msg("nothing moves: %zu of %zu operations, %d eofs, far end has %zu bytes, "
                         "broken %d",
                        scene.ops, scene.ops_n, scene.eofs, scene.in.len, scene.broken);
}

/* ---- setting up -------------------------------------------------------------------------- */

static void connect_pair(int *near, int *far)
{
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof addr;
        int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof addr), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
        *far = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(*far, (struct sockaddr *)&addr, sizeof addr), 0);
        *near = accept(listener, NULL, NULL);
        assert_true(*near >= 0);
        close(listener);
        fcntl(*far, F_SETFL, O_NONBLOCK);
        fcntl(*near, F_SETFL, O_NONBLOCK);
        setsockopt(*far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(*near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void connect_tls(void)
{
        scene.ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(
                scene.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        scene.ssl = SSL_new(scene.ctx);
        assert_int_equal(SSL_set_fd(scene.ssl, scene.fd), 1);
        SSL_set_connect_state(scene.ssl);
}

/* Runs inside loop_run(), because a connection is made by its owner. */
static void (*start_scene)(struct scene *s);

static void on_start(struct mail *mail)
{
        (void)mail;
        start_scene(&scene);
}

static void start_open(struct scene *s)
{
        int near;
        connect_pair(&near, &s->fd);
        assert_int_equal(conn_init(&s->conn, s->loop, near, &ops), 0);
        misbehave(&s->conn);
        if (s->tls) {
                connect_tls();
                conn_start_tls(&s->conn, server_ctx, pool, PATIENCE_NS, NULL);
        } else {
                conn_open(&s->conn);
        }
}

static bool is_open(struct scene *s)
{
        return s->conn.ops && s->conn.state == CONN_OPEN &&
               (!s->tls || SSL_is_init_finished(s->ssl));
}

struct variant {
        bool tls;
        enum fault fault;
};

static void begin(void **state, void (*start)(struct scene *s), done_fn done)
{
        static struct mail mail;
        const struct variant *variant = *state;
        scene = (struct scene){
                .tls = variant->tls, .fault = variant->fault, .random = 42, .fd = -1
        };
        scene.on_eof_close = CONN_CLOSE_FLUSH;
        scene.loop = loop_new(0);
        uv_idle_init(&scene.loop->uv->loop, &scene.turn);
        scene.turn.data = scene.loop;
        uv_idle_start(&scene.turn, on_turn);
        start_scene = start;
        mail.deliver = on_start;
        loop_post(scene.loop, &mail);
        run_until(done);
}

static bool is_closed(struct scene *s)
{
        return s->closed > 0;
}

static void on_end(struct mail *mail)
{
        (void)mail;
        conn_close(&scene.conn, CONN_CLOSE_NOW);
}

/* Closes what is still open; on_closed() must have come exactly once by now, and nothing after it.
 */
static void end(void)
{
        struct mail mail = { .deliver = on_end };
        if (!scene.closed) {
                loop_post(scene.loop, &mail);
                run_until(is_closed);
        }
        assert_int_equal(scene.closed, 1);
        assert_false(scene.shown_while_paused);
        assert_true(list_empty(&scene.loop->own.dirty));
        assert_true(timer_heap_next(&scene.loop->own.timers) == UINT64_MAX);
        loop_free(scene.loop);
        SSL_free(scene.ssl);
        SSL_CTX_free(scene.ctx);
        close(scene.fd);
        buf_fini(&scene.in);
        buf_fini(&scene.out);
}

/* ---- bytes both ways --------------------------------------------------------------------- */

static size_t sizes[4096];

static void plan_ops(size_t n, size_t most, size_t large)
{
        scene.ops = 0;
        scene.ops_n = n;
        scene.sizes = sizes;
        for (size_t i = 0; i < n; i++) {
                sizes[i] = dice(4) ? dice(200) : dice((uint32_t)most);
                if (large && i % 37 == 36)
                        sizes[i] = large + dice(1000);
                append_op(&scene.out, i, sizes[i]);
        }
}

static bool all_arrived(struct scene *s)
{
        return s->ops == s->ops_n && s->in.len == s->out.len;
}

/* The same stream goes back, some of it copied, some by reference. */
static void send_back(struct conn *conn, const struct buf *bytes)
{
        struct chunk *chunk = chunk_new(bytes->len);
        memcpy(chunk->data, bytes->ptr, bytes->len);
        for (size_t at = 0; at < bytes->len;) {
                size_t n = 1 + dice(dice(5) ? 300 : 100000);
                if (n > bytes->len - at)
                        n = bytes->len - at;
                if (dice(2))
                        outq_append(&conn->out, slice_of(chunk->data + at, n));
                else
                        outq_append_ref(&conn->out, chunk, slice_of(chunk->data + at, n));
                at += n;
        }
        chunk_unref(chunk);
        conn_touch(conn);
}

static void on_send_back(struct mail *mail)
{
        (void)mail;
        send_back(&scene.conn, &scene.out);
}

static void bytes_arrive_in_order_both_ways(void **state)
{
        struct mail mail = { .deliver = on_send_back };
        begin(state, start_open, is_open);
        if (scene.fault == BYTE)
                plan_ops(40, 600, 0);
        else
                plan_ops(600, 40000, 400000);
        loop_post(scene.loop, &mail);
        run_until(all_arrived);
        assert_memory_equal(scene.in.ptr, scene.out.ptr, scene.out.len);
        assert_int_equal(scene.secured, scene.tls);
        assert_int_equal(conn_pending_bytes(&scene.conn), 0);
        assert_null(scene.conn.kept);
        end();
}

static bool ops_arrived(struct scene *s)
{
        return s->ops == s->ops_n;
}

/* Larger than a read: shown in the shared block once, then only in a block of its own. */
static void large_operations_are_not_copied_again(void **state)
{
        begin(state, start_open, is_open);
        size_t large = scene.fault == BYTE ? 5000 : scene.fault == CLEAN ? 16u << 20 : 3u << 20;
        scene.ops_n = 3;
        scene.sizes = sizes;
        for (size_t i = 0; i < 3; i++)
                append_op(&scene.out, i, sizes[i] = large + i);
        run_until(ops_arrived);
        assert_true(scene.most_blocks <= 3);
        end();
}

/* Sizes around those of a read, a TLS read and their quarters: whatever a layer holds back at the
 * end of the stream must come without another byte from the peer. */
static void nothing_is_left_in_a_layer(void **state)
{
        begin(state, start_open, is_open);
        size_t most = scene.fault == BYTE ? 200 : 300 * 1024;
        for (int round = 0; round < (scene.fault == CLEAN ? 60 : 6); round++) {
                scene.out.len = scene.out_at = 0;
                scene.ops = 0;
                scene.ops_n = 1 + dice(7);
                scene.sizes = sizes;
                for (size_t i = 0; i < scene.ops_n; i++)
                        append_op(&scene.out, i, sizes[i] = most / 2 + dice((uint32_t)most / 2));
                run_until(ops_arrived);
        }
        end();
}

static void pause_holds_the_input(void **state)
{
        begin(state, start_open, is_open);
        scene.pausing = true;
        plan_ops(scene.fault == BYTE ? 30 : 300, 20000 / (scene.fault == BYTE ? 100 : 1), 0);
        run_until(ops_arrived);
        assert_false(scene.shown_while_paused);
        end();
}

/* What an operation leaves unread because it pauses is shown again, though no more bytes come. */
static void pause_between_operations(void **state)
{
        begin(state, start_open, is_open);
        scene.stopping = true;
        plan_ops(scene.fault == BYTE ? 30 : 300, 20000 / (scene.fault == BYTE ? 100 : 1), 0);
        run_until(ops_arrived);
        assert_false(scene.shown_while_paused);
        end();
}

/* ---- the end of input -------------------------------------------------------------------- */

static bool closed_and_ended(struct scene *s)
{
        return s->closed && (s->ended || s->broken);
}

/* The peer shuts its side after the last operation: all are handled, and our answer still reaches
 * it. */
static void half_close_is_heard_once_and_answered(void **state)
{
        begin(state, start_open, is_open);
        plan_ops(scene.fault == BYTE ? 30 : 200, scene.fault == BYTE ? 100 : 20000, 0);
        scene.half_close = true;
        scene.reply_at_eof = SLICE_LIT("the last answer");
        run_until(closed_and_ended);
        assert_int_equal(scene.ops, scene.ops_n);
        assert_int_equal(scene.eofs, 1);
        assert_int_equal(scene.eof_err, ERR_EOF);
        assert_int_equal(scene.broken, 0);
        assert_int_equal(scene.in.len, 15);
        assert_memory_equal(scene.in.ptr, "the last answer", 15);
        end();
}

/* close_notify with the socket left open is an end as well. */
static void close_notify_is_an_end(void **state)
{
        begin(state, start_open, is_open);
        if (scene.tls) {
                SSL_shutdown(scene.ssl);
                run_until(is_closed);
                assert_int_equal(scene.eofs, 1);
                assert_int_equal(scene.eof_err, ERR_EOF);
        }
        end();
}

static bool far_sent(struct scene *s)
{
        return s->out_at == s->out.len;
}

/* A reset behind unread bytes reports itself, though nobody writes. */
static void reset_is_noticed(void **state)
{
        struct linger hard = { .l_onoff = 1, .l_linger = 0 };
        begin(state, start_open, is_open);
        plan_ops(20, 100, 0);
        run_until(far_sent);
        setsockopt(scene.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(scene.fd);
        scene.fd = -1;
        scene.broken = ECONNRESET;
        run_until(is_closed);
        assert_int_equal(scene.eofs, 1);
        end();
}

static void broken_socket_ends_once(void **state)
{
        struct mail mail = { .deliver = on_send_back };
        begin(state, start_open, is_open);
        plan_ops(300, scene.fault == BYTE ? 100 : 20000, 0);
        scene.reset_after = scene.received + (scene.fault == BYTE ? 300 : 200000);
        loop_post(scene.loop, &mail);
        run_until(is_closed);
        assert_int_equal(scene.eofs, 1);
        assert_true(scene.eof_err != ERR_EOF && scene.eof_err != ERR_AGAIN && scene.eof_err < 0);
        assert_true(scene.ops < scene.ops_n);
        end();
}

/* ---- closing ----------------------------------------------------------------------------- */

static enum conn_close_how how;

static void on_send_and_close(struct mail *mail)
{
        (void)mail;
        send_back(&scene.conn, &scene.out);
        conn_close(&scene.conn, how);
        conn_close(&scene.conn, how == CONN_CLOSE_NOW ? how : CONN_CLOSE_FLUSH); /* no effect */
}

static void send_and_close(size_t bytes)
{
        struct mail mail = { .deliver = on_send_and_close };
        scene.mute = true;
        append_op(&scene.out, 0, bytes);
        loop_post(scene.loop, &mail);
        run_until(closed_and_ended);
        assert_int_equal(scene.eofs, 0);
}

static void flush_delivers_everything(void **state)
{
        begin(state, start_open, is_open);
        how = CONN_CLOSE_FLUSH;
        send_and_close(scene.fault == BYTE ? 3000 : 3u << 20);
        assert_int_equal(scene.broken, 0);
        assert_int_equal(scene.in.len, scene.out.len);
        assert_memory_equal(scene.in.ptr, scene.out.ptr, scene.out.len);
        end();
}

static void now_drops_the_queue(void **state)
{
        begin(state, start_open, is_open);
        how = CONN_CLOSE_NOW;
        send_and_close(scene.fault == BYTE ? 3000 : 3u << 20);
        assert_int_equal(scene.in.len, 0);
        end();
}

static struct chunk *lent;

/* All but the end fills the socket, and the end lies in a chunk that others want back. */
static void on_lend_and_close(struct mail *mail)
{
        enum { END_BYTES = 100 };
        size_t rest = scene.out.len - END_BYTES;
        struct chunk *large = chunk_new(rest);
        (void)mail;
        lent = chunk_new(LOOP_FULL_READ_BYTES);
        memcpy(large->data, scene.out.ptr, rest);
        memcpy(lent->data, scene.out.ptr + rest, END_BYTES);
        outq_append_ref(&scene.conn.out, large, slice_of(large->data, rest));
        outq_append_ref(&scene.conn.out, lent, slice_of(lent->data, END_BYTES));
        chunk_unref(large);
        conn_close(&scene.conn, CONN_CLOSE_FLUSH);
}

static bool is_closing_and_flushed(struct scene *s)
{
        return s->conn.state >= CONN_FLUSHING && !list_linked(&s->conn.dirty);
}

/* Who ends slowly holds on to nothing but his own bytes. */
static void a_closing_queue_pins_nothing(void **state)
{
        struct mail mail = { .deliver = on_lend_and_close };
        begin(state, start_open, is_open);
        scene.deaf = scene.mute = true;
        append_op(&scene.out, 0, scene.fault == BYTE ? 3000 : 24u << 20);
        loop_post(scene.loop, &mail);
        run_until(is_closing_and_flushed);
        assert_false(chunk_is_shared(lent));
        chunk_unref(lent);
        scene.deaf = false;
        run_until(closed_and_ended);
        assert_int_equal(scene.in.len, scene.out.len);
        assert_memory_equal(scene.in.ptr, scene.out.ptr, scene.out.len);
        end();
}

static bool unread_is_there(struct scene *s)
{
        int n = 0;
        socklen_t len = sizeof n;
        (void)len;
        return s->out_at == s->out.len && recv(s->conn.tcp.fd, &n, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void on_pause(struct mail *mail)
{
        (void)mail;
        scene.pause_turns = UINT32_MAX;
        conn_pause(&scene.conn);
}

/* Unread input would turn a plain close into a reset, which can overtake our last words. */
static void linger_lets_the_last_words_through(void **state)
{
        struct mail mail = { .deliver = on_pause };
        begin(state, start_open, is_open);
        loop_post(scene.loop, &mail);
        run_until(is_open);
        append_op(&scene.out, 1, 30000);
        run_until(unread_is_there);
        scene.out.len = scene.out_at = 0;
        scene.half_close = true;
        how = CONN_CLOSE_LINGER;
        send_and_close(500);
        assert_int_equal(scene.in.len, 504);
        assert_memory_equal(scene.in.ptr, scene.out.ptr, 504);
        end();
}

static bool timed_out(struct scene *s)
{
        return s->timeouts > 0;
}

static void on_send_much(struct mail *mail)
{
        (void)mail;
        scene.conn.write_deadline_ns = 30 * NS_PER_MS;
        send_back(&scene.conn, &scene.out);
}

static void write_deadline_fires(void **state)
{
        struct mail mail = { .deliver = on_send_much };
        begin(state, start_open, is_open);
        scene.deaf = scene.mute = true;
        append_op(&scene.out, 0, 24u << 20);
        loop_post(scene.loop, &mail);
        run_until(timed_out);
        assert_true(conn_pending_bytes(&scene.conn) > 0);
        scene.deaf = false; /* kept, it goes on where it stopped */
        scene.conn.write_deadline_ns = PATIENCE_NS;
        scene.ops_n = 0;
        if (scene.fault != BYTE) {
                run_until(all_arrived);
                assert_memory_equal(scene.in.ptr, scene.out.ptr, scene.out.len);
        }
        end();
}

/* ---- handshakes -------------------------------------------------------------------------- */

static struct {
        struct crypto_job job;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool release, done;
} hold = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static void hold_run(struct crypto_job *job)
{
        (void)job;
        pthread_mutex_lock(&hold.lock);
        while (!hold.release)
                pthread_cond_wait(&hold.wake, &hold.lock);
        pthread_mutex_unlock(&hold.lock);
}

static void hold_done(struct mail *mail)
{
        (void)mail;
        hold.done = true;
}

static void start_held(struct scene *s)
{
        int near;
        hold.release = hold.done = false;
        hold.job = (struct crypto_job){
                .run = hold_run, .home = s->loop, .done = { .deliver = hold_done }
        };
        assert_int_equal(crypto_pool_post(pool, &hold.job), 0);
        connect_pair(&near, &s->fd);
        connect_tls();
        assert_int_equal(conn_init(&s->conn, s->loop, near, &ops), 0);
        misbehave(&s->conn);
        conn_start_tls(&s->conn, server_ctx, pool, s->tls ? 20 * NS_PER_MS : PATIENCE_NS, NULL);
}

static bool job_is_out(struct scene *s)
{
        return s->conn.job_out;
}

static bool has_failed(struct scene *s)
{
        return s->failed > 0;
}

static void release(void)
{
        pthread_mutex_lock(&hold.lock);
        hold.release = true;
        pthread_cond_signal(&hold.wake);
        pthread_mutex_unlock(&hold.lock);
}

static bool held_and_closed(struct scene *s)
{
        return hold.done && s->closed;
}

/* The pool has the session: whoever wants the connection gone waits for it. With tls set the
 * handshake's own timer ends it, else the owner does. */
static void end_waits_for_the_job(void **state)
{
        struct mail mail = { .deliver = on_end };
        begin(state, start_held, job_is_out);
        if (scene.tls) {
                run_until(has_failed);
                assert_int_equal(scene.failure, TLS_REASON_TIMEOUT);
        } else {
                loop_post(scene.loop, &mail);
                run_until(job_is_out);
        }
        assert_int_equal(scene.closed, 0);
        release();
        run_until(held_and_closed);
        assert_int_equal(scene.secured, 0);
        assert_int_equal(scene.failed, scene.tls);
        end();
}

static void start_talking_plain(struct scene *s)
{
        int near;
        connect_pair(&near, &s->fd);
        assert_int_equal(conn_init(&s->conn, s->loop, near, &ops), 0);
        misbehave(&s->conn);
        buf_append_str(&s->out, "CONNECT {}\r\nPING\r\n");
        conn_start_tls(&s->conn, server_ctx, pool, PATIENCE_NS, NULL);
}

static void plaintext_fails_the_handshake_once(void **state)
{
        begin(state, start_talking_plain, closed_and_ended);
        assert_int_equal(scene.failed, 1);
        assert_int_equal(scene.failure, TLS_REASON_PLAIN_NATS);
        assert_int_equal(scene.secured, 0);
        end();
}

/* ---- all of it --------------------------------------------------------------------------- */

static const struct {
        const char *name;
        CMUnitTestFunction fn;
} suite[] = {
#define TEST(name)                                                                                 \
        {                                                                                          \
#name, name                                                                        \
        }
        TEST(bytes_arrive_in_order_both_ways),
        TEST(large_operations_are_not_copied_again),
        TEST(nothing_is_left_in_a_layer),
        TEST(pause_holds_the_input),
        TEST(pause_between_operations),
        TEST(half_close_is_heard_once_and_answered),
        TEST(close_notify_is_an_end),
        TEST(reset_is_noticed),
        TEST(broken_socket_ends_once),
        TEST(flush_delivers_everything),
        TEST(now_drops_the_queue),
        TEST(a_closing_queue_pins_nothing),
        TEST(linger_lets_the_last_words_through),
        TEST(write_deadline_fires),
        TEST(end_waits_for_the_job),
        TEST(plaintext_fails_the_handshake_once),
};

static int setup(void **state)
{
        (void)state;
        struct errbuf eb = { "" };
        char cert[128], key[128];
        snprintf(dir, sizeof dir, "/tmp/midge-contract-XXXXXX");
        assert_non_null(mkdtemp(dir));
        if (certgen_dev(dir, &eb) < 0)
                fail_msg("%s", eb.text);
        snprintf(cert, sizeof cert, "%s/server-cert.pem", dir);
        snprintf(key, sizeof key, "%s/server-key.pem", dir);
        struct tls_pair_options pair = { cert, key };
        struct tls_options opts = { .enabled = true, .pairs = &pair, .pair_n = 1 };
        if (tls_ctx_new_server(&opts, &server_ctx, &eb) < 0)
                fail_msg("%s", eb.text);
        pool = crypto_pool_new(1, 16);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        char command[128];
        crypto_pool_free(pool);
        tls_ctx_unref(server_ctx);
        snprintf(command, sizeof command, "rm -rf '%s'", dir);
        return system(command);
}

int main(void)
{
        signal(SIGPIPE, SIG_IGN); /* the far end may answer a flight whose sender has gone */
        static struct variant variants[2 * FAULT_COUNT];
        static struct CMUnitTest tests[2 * FAULT_COUNT * ARRAY_N(suite)];
        static char names[ARRAY_N(tests)][80];
        size_t n = 0;
        for (size_t v = 0; v < ARRAY_N(variants); v++) {
                variants[v] = (struct variant){ v >= FAULT_COUNT, (enum fault)(v % FAULT_COUNT) };
                for (size_t t = 0; t < ARRAY_N(suite); t++, n++) {
                        snprintf(names[n], sizeof names[n], "%s/%s: %s",
                                variants[v].tls ? "tls" : "tcp", fault_names[variants[v].fault],
                                suite[t].name);
                        tests[n] = (struct CMUnitTest){ names[n], suite[t].fn, NULL, NULL,
                                &variants[v] };
                }
        }
        return cmocka_run_group_tests_name("conn", tests, setup, teardown);
}
