/* SPDX-License-Identifier: Apache-2.0 */
/* Records are collected into one buffer, because a system call costs far more than a record. */
#include "net/tr_tls.h"
#include "base/mem.h"
#include "net/loop.h"
#include "tls/tls_session.h"

enum {
        PIECES_MAX = 256,
        SEND_MAX_BYTES = 256 * 1024, /* plaintext taken per call: bounds what `out` can hold */
        KEEP_OUT_BYTES = 512 * 1024, /* the loop's collecting buffer is freed above this */
        JOIN_BYTES = 4096, /* held ciphertext up to this size goes along with what follows */
};

static ssize_t decrypt(struct tr_tls *tls, struct slice *in, char *dst, size_t dst_bytes)
{
        size_t got = 0;
        while (got < dst_bytes) {
                ssize_t n = tls_session_read(tls->session, in, dst + got, dst_bytes - got);
                if (n == ERR_AGAIN)
                        break;
                if (n == ERR_EOF) {
                        tls->ended = true;
                        break;
                }
                if (n < 0)
                        return got > 0 ? (ssize_t)got : n;
                got += (size_t)n;
        }
        if (got > 0)
                return (ssize_t)got;
        return tls->ended ? ERR_EOF : ERR_AGAIN;
}

static ssize_t recv_held(struct tr_tls *tls, char *dst, size_t dst_bytes)
{
        struct slice in = buf_slice(&tls->in);
        ssize_t n = decrypt(tls, &in, dst, dst_bytes);
        buf_consume(&tls->in, tls->in.len - in.len);
        if (tls->in.len == 0)
                buf_fini(&tls->in);
        return n;
}

/* Something that needs no more of the socket's bytes to be told. A failure is such a thing: it may have shown
 * behind data of the same read, and the peer need not send anything more. */
static bool has_news(const struct tr_tls *tls)
{
        return tls->in.len > 0 || tls_session_pending(tls->session) > 0 ||
               tls_session_verdict(tls->session);
}

static ssize_t tls_recv(struct transport *tr, char *dst, size_t dst_bytes)
{
        struct tr_tls *tls = (struct tr_tls *)tr;
        if (has_news(tls)) {
                ssize_t n = recv_held(tls, dst, dst_bytes);
                if (n != ERR_AGAIN)
                        return n;
        }
        if (tls->ended)
                return ERR_EOF;
        char *cipher = loop_cipher(tls->loop);
        ssize_t n = tr->below->ops->recv(tr->below, cipher, LOOP_CIPHER_BYTES);
        if (n < 0)
                return n;
        struct slice in = slice_of(cipher, (size_t)n);
        ssize_t got = decrypt(tls, &in, dst, dst_bytes);
        if (in.len > 0 && got >= 0)
                buf_append_slice(&tls->in, in);
        return tls->in.failed ? ERR_NOMEM : got;
}

/* The first of the pieces, SEND_MAX_BYTES of them at most: how many pieces, *taken their sum. */
static int cut(const struct iovec *iov, int iov_n, struct iovec *to, size_t *taken)
{
        int n = 0;
        *taken = 0;
        while (n < iov_n && n < PIECES_MAX && *taken < SEND_MAX_BYTES) {
                to[n] = iov[n];
                if (to[n].iov_len > SEND_MAX_BYTES - *taken)
                        to[n].iov_len = SEND_MAX_BYTES - *taken;
                *taken += to[n++].iov_len;
        }
        return n;
}

int tr_tls_drain(struct tr_tls *tls)
{
        size_t sent = 0;
        int rc = 0;
        while (rc == 0 && sent < tls->out.len) {
                struct iovec iov = { tls->out.ptr + sent, tls->out.len - sent };
                ssize_t n = tls->base.below->ops->send(tls->base.below, &iov, 1);
                if (n > 0)
                        sent += (size_t)n;
                else
                        rc = n == 0 ? ERR_AGAIN : (int)n;
        }
        buf_consume(&tls->out, sent); /* once: what stays is moved to the front */
        if (rc == 0)
                buf_fini(&tls->out);
        return rc;
}

static ssize_t tls_send(struct transport *tr, const struct iovec *iov, int iov_n)
{
        struct tr_tls *tls = (struct tr_tls *)tr;
        struct buf *out = tls->loop->own.cipher_out;
        bool join = iov_n > 0 && tls->out.len > 0 && tls->out.len <= JOIN_BYTES;
        int rc = join ? 0 : tr_tls_drain(tls);
        if (rc == ERR_AGAIN)
                return 0;
        if (rc < 0 || iov_n == 0)
                return rc;
        struct iovec piece[PIECES_MAX];
        size_t taken;
        int piece_n = cut(iov, iov_n, piece, &taken);
        buf_clear(out);
        if (join) {
                buf_append_slice(out, buf_slice(&tls->out));
                buf_fini(&tls->out);
        }
        rc = tls_session_writev(tls->session, piece, piece_n, out);
        if (rc < 0)
                return rc;
        struct iovec all = { out->ptr, out->len };
        ssize_t n = tr->below->ops->send(tr->below, &all, 1);
        if (n < 0)
                return n;
        if ((size_t)n < out->len)
                buf_append(&tls->out, out->ptr + n, out->len - (size_t)n);
        if (tls->out.failed)
                return ERR_NOMEM;
        if (out->cap > KEEP_OUT_BYTES)
                buf_fini(out);
        return (ssize_t)taken;
}

static size_t tls_held(const struct transport *tr)
{
        return ((const struct tr_tls *)tr)->out.len;
}

static bool tls_has_input(const struct transport *tr)
{
        const struct tr_tls *tls = (const struct tr_tls *)tr;
        /* The end is input as well: the peer may leave the socket open behind its close_notify. */
        return tls->ended || has_news(tls);
}

static void tls_shutdown(struct transport *tr)
{
        struct tr_tls *tls = (struct tr_tls *)tr;
        tls_session_shutdown(tls->session, &tls->out);
        (void)tr_tls_drain(tls);
}

static void tls_free(struct transport *tr)
{
        struct tr_tls *tls = (struct tr_tls *)tr;
        tls_session_free(tls->session);
        buf_fini(&tls->in);
        buf_fini(&tls->out);
        tr->below->ops->free(tr->below);
        xfree(tls);
}

static const struct transport_ops tls_ops = {
        .name = "tls",
        .recv = tls_recv,
        .send = tls_send,
        .held = tls_held,
        .has_input = tls_has_input,
        .shutdown = tls_shutdown,
        .free = tls_free,
};

struct tr_tls *tr_tls_new(struct transport *below, struct loop *loop, struct tls_session *session)
{
        struct tr_tls *tls = xnew(struct tr_tls);
        tls->base = (struct transport){ &tls_ops, below };
        tls->loop = loop;
        tls->session = session;
        return tls;
}
