/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake of a connection, and behind it the check of ocsp_peer.
 *
 *   loop: receive ──► job {session, in, out} ──► pool: one step, send out ──► mail ──► loop: receive …
 *
 * While a job is out the loop neither reads the socket nor touches the session, and the conn cannot be
 * freed (job_out). A flight leaves from the pool, and its letter wakes nobody: the loop has nothing to do until the
 * peer answers, or time is over. Bytes behind the last handshake message stay in `in` and become the TLS layer's first
 * ciphertext. A step without public-key work, which is the last of most handshakes, costs less than
 * the way to the pool and back, and runs here.
 *
 * A check that lacks a responder's answer comes back from the pool and waits, with no thread, until the
 * answer has come or time is over; then it goes on in the pool. All that while the job counts as out. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/conn_internal.h"
#include "net/crypto_pool.h"
#include "net/ocsp_share.h"
#include "net/tr_tls.h"
#include "tls/ocsp_peer.h"
#include "tls/tls_ctx.h"
#include "tls/tls_session.h"
#include "tls/verdict.h"
#include <arpa/inet.h>
#include <sys/socket.h>

enum { HANDSHAKE_READ_BYTES = 16 * 1024 };
_Static_assert((int)HANDSHAKE_READ_BYTES <= (int)LOOP_CIPHER_BYTES, "read into loop_cipher()");

struct handshake {
        struct crypto_job job;
        struct conn *conn;
        struct crypto_pool *pool;
        struct tls_session *session;
        struct buf in, out;
        struct ocsp_check *check;  /* under way, or NULL */
        struct ocsp_waiter waiter; /* for an answer; linked: it can be recalled */
        struct ocsp_share *share;  /* who asks */
        bool waiting;              /* no thread has the job */
        bool server;               /* our role */
        bool any_byte;             /* something came from the peer */
        int result;                /* of the last step: a TLS_* value */
};

uint64_t conn_source_of(const void *ip, bool six)
{
        return slice_hash(slice_of(ip, six ? 8 : 4));
}

uint64_t conn_source(const struct conn *conn)
{
        struct sockaddr_storage addr;
        if (conn->source)
                return conn->source;
        if (!conn_peer_addr(conn, &addr))
                return 0;
        if (addr.ss_family == AF_INET)
                return conn_source_of(&((struct sockaddr_in *)&addr)->sin_addr, false);
        if (addr.ss_family != AF_INET6)
                return 0;
        const struct in6_addr *six = &((struct sockaddr_in6 *)&addr)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(six); /* an IPv4 host, or the network of an IPv6 one */
        return conn_source_of((const char *)six + (mapped ? 12 : 0), !mapped);
}

/* What the socket takes of `out`. On the loop, or on the pool while it has the job. */
static void push_out(struct handshake *hs)
{
        struct conn *conn = hs->conn;
        size_t sent = 0;
        while (sent < hs->out.len) {
                struct iovec iov = { hs->out.ptr + sent, hs->out.len - sent };
                ssize_t n = conn->tcp.base.ops->send(&conn->tcp.base, &iov, 1);
                if (n <= 0)
                        break; /* a broken socket shows at the next read */
                sent += (size_t)n;
        }
        buf_consume(&hs->out, sent);
}

static void send_out(struct conn *conn)
{
        push_out(conn->handshake);
        conn->blocked = conn->handshake->out.len > 0;
}

static void fail(struct conn *conn, const struct tls_verdict *verdict)
{
        loop_timer_stop(conn->loop, &conn->timer);
        if (!conn->job_out) /* else the pool is writing to `out` */
                send_out(conn);
        conn->ops->on_tls_failed(conn, verdict);
        conn_close(conn, conn->job_out ? CONN_CLOSE_NOW : CONN_CLOSE_LINGER);
}

/* The job is back. */
static void take_job(struct conn *conn)
{
        if (conn->early || conn->finish_wanted)
                loop_await(conn->loop, false);
        conn->job_out = conn->early = false;
}

void conn_handshake_recall(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        if (!hs->waiting || !ocsp_share_recall(hs->share, &hs->waiter))
                return;
        hs->waiting = false;
        take_job(conn);
}

/* The connection broke, or time is over: a session that the pool does not hold may know more. */
static void fail_outside(struct conn *conn, struct tls_verdict *verdict)
{
        conn_handshake_recall(conn);
        if (!conn->job_out)
                tls_session_complete(conn->handshake->session, verdict);
        fail(conn, verdict);
}

static void secure(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        struct tr_tls *tls = tr_tls_new(&conn->tcp.base, conn->loop, hs->session);
        tls->in = hs->in;
        tls->out = hs->out;
        buf_init(&hs->in);
        buf_init(&hs->out);
        if (tls->in.len == 0)
                buf_fini(&tls->in); /* no read would end it */
        hs->session = NULL;
        conn_handshake_free(conn);
        loop_timer_stop(conn->loop, &conn->timer);
        conn->top = &tls->base;
        conn->state = CONN_OPEN;
        if (tls->out.len > 0)
                conn_touch(conn); /* it leaves together with what is said now */
        conn->ops->on_secure(conn);
        conn_input_waiting(conn);
        if (conn->state == CONN_OPEN)
                conn_watch(conn);
}

/* As far as the check gets with what it has. */
static void run_check(struct crypto_job *job)
{
        struct handshake *hs = CONTAINER_OF(job, struct handshake, job);
        struct tls_verdict verdict;
        switch (ocsp_check_run(hs->check)) {
        case OCSP_ASK:
                hs->result = TLS_WANT_CHECK;
                return;
        case OCSP_PASSED:
                hs->result = tls_session_pass(hs->session, &hs->out);
                break;
        case OCSP_REFUSED:
                ocsp_check_verdict(hs->check, &verdict);
                hs->result = tls_session_refuse(hs->session, &verdict, &hs->out);
                break;
        }
        ocsp_check_free(hs->check);
        hs->check = NULL;
}

static void run_step(struct crypto_job *job)
{
        struct handshake *hs = CONTAINER_OF(job, struct handshake, job);
        struct slice in = buf_slice(&hs->in);
        hs->result = tls_session_handshake(hs->session, &in, &hs->out);
        buf_consume(&hs->in, hs->in.len - in.len);
        if (hs->result != TLS_WANT_CHECK)
                return;
        hs->check = tls_session_check(hs->session);
        run_check(job);
}

static void post_job(struct conn *conn);

static void on_answer(struct mail *mail)
{
        struct handshake *hs = CONTAINER_OF(mail, struct handshake, waiter.done);
        struct conn *conn = hs->conn;
        struct ocsp_answer *answer = hs->waiter.answer;
        hs->waiting = false;
        ocsp_check_answer(hs->check, answer);
        ocsp_answer_unref(answer);
        if (!conn->finish_wanted) {
                hs->job.run = run_check;
                post_job(conn);
                return;
        }
        take_job(conn);
        conn_close(conn, CONN_CLOSE_NOW);
}

static void ask(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        hs->waiter.done.deliver = on_answer;
        hs->waiter.home = conn->loop;
        hs->waiting = conn->job_out = true;
        conn_watch(conn);
        ocsp_share_ask(hs->share, ocsp_check_take_question(hs->check), &hs->waiter);
}

static void run_job(struct crypto_job *job)
{
        struct handshake *hs = CONTAINER_OF(job, struct handshake, job);
        run_step(job);
        if (hs->result == TLS_WANT_READ)
                push_out(hs);
        job->quiet = hs->result == TLS_WANT_READ && hs->out.len == 0;
}

static void take_step(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        if (hs->result == TLS_DONE) {
                secure(conn);
                return;
        }
        send_out(conn);
        if (hs->result == TLS_FAILED) {
                fail(conn, tls_session_verdict(hs->session));
                return;
        }
        if (hs->result == TLS_WANT_CHECK) {
                ask(conn);
                return;
        }
        conn_watch(conn);
}

static void on_step_done(struct mail *mail)
{
        struct handshake *hs = CONTAINER_OF(mail, struct handshake, job.done);
        struct conn *conn = hs->conn;
        take_job(conn);
        if (conn->finish_wanted)
                conn_close(conn, CONN_CLOSE_NOW);
        else
                take_step(conn);
}

static void post_job(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        struct tls_verdict verdict;
        conn->job_out = true;
        if (crypto_pool_post(hs->pool, &hs->job) == 0) {
                conn_watch(conn);
                return;
        }
        take_job(conn);
        tls_verdict_busy(&verdict);
        fail(conn, &verdict);
}

/* The letter of the last step may be waiting for a reason to be read: here is one. */
static bool is_back(struct conn *conn)
{
        if (conn->job_out)
                loop_take_mail(conn->loop);
        return conn->state == CONN_HANDSHAKE && !conn->job_out;
}

void conn_handshake_readable(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        struct tls_verdict verdict;
        if (!is_back(conn)) {
                if (conn->state == CONN_HANDSHAKE &&
                        !conn->early) { /* rare: the socket stays watched till then */
                        conn->early = true;
                        loop_await(conn->loop, true);
                        conn_watch(conn);
                }
                return;
        }
        /* What waits in the queue is then its usual kilobyte, not room for a whole read. */
        char *bytes = loop_cipher(conn->loop);
        ssize_t n = conn->tcp.base.ops->recv(&conn->tcp.base, bytes, HANDSHAKE_READ_BYTES);
        if (n == ERR_AGAIN)
                return;
        if (n < 0) {
                if (hs->server && !hs->any_byte)
                        tls_verdict_probe(&verdict, (int)n);
                else
                        tls_verdict_network(&verdict, (int)n);
                fail_outside(conn, &verdict);
                return;
        }
        hs->any_byte = true;
        buf_append(&hs->in, bytes, (size_t)n);
        if (hs->in.failed) {
                tls_verdict_network(&verdict, ERR_NOMEM);
                fail(conn, &verdict);
                return;
        }
        if (!tls_session_is_light(hs->session)) {
                post_job(conn);
                return;
        }
        run_step(&hs->job);
        take_step(conn);
}

void conn_handshake_writable(struct conn *conn)
{
        if (conn->job_out)
                return;
        send_out(conn);
        conn_watch(conn);
}

void conn_handshake_timeout(struct conn *conn)
{
        struct tls_verdict verdict;
        if (conn->handshake->waiting) {
                tls_verdict_ocsp_timeout(&verdict);
        } else {
                (void)is_back(conn); /* it may know more */
                if (conn->state != CONN_HANDSHAKE)
                        return;
                tls_verdict_timeout(&verdict);
        }
        fail_outside(conn, &verdict);
}

void conn_handshake_free(struct conn *conn)
{
        struct handshake *hs = conn->handshake;
        if (hs == NULL)
                return;
        ocsp_check_free(hs->check);
        tls_session_free(hs->session);
        buf_fini(&hs->in);
        buf_fini(&hs->out);
        xfree(hs);
        conn->handshake = NULL;
}

void conn_start_tls(struct conn *conn, struct tls_ctx *ctx, struct crypto_pool *pool,
        uint64_t timeout_ns, const char *server_name)
{
        if (conn_is_closing(conn))
                return;
        struct handshake *hs = xnew(struct handshake);
        conn_flush(conn);
        if (!conn_is_closing(conn) && conn_pending_bytes(conn) > 0)
                conn->ops->on_eof(conn, ERR_IO); /* plaintext must not follow the handshake */
        if (conn_is_closing(conn)) {
                xfree(hs);
                return;
        }
        hs->conn = conn;
        hs->pool = pool;
        hs->server = server_name == NULL;
        hs->session = tls_session_new(ctx, server_name);
        hs->share = tls_ctx_ocsp_peer(ctx) ? tls_ctx_ocsp_peer(ctx)->share : NULL;
        hs->job.run = run_job;
        hs->job.done.deliver = on_step_done;
        hs->job.home = conn->loop;
        hs->job.source = conn_source(conn);
        conn->handshake = hs;
        conn->state = CONN_HANDSHAKE;
        conn->blocked = false;
        loop_timer_start(conn->loop, &conn->timer, timeout_ns);
        if (server_name)
                post_job(conn); /* the client speaks first */
        else
                conn_watch(conn);
}

struct tls_session *conn_tls(const struct conn *conn)
{
        if (conn->top == NULL || conn->top == &conn->tcp.base)
                return NULL;
        return ((const struct tr_tls *)conn->top)->session;
}
