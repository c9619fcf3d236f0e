/* SPDX-License-Identifier: Apache-2.0 */
/* A session lends the caller's slice and buffer to its BIO (record_bio.c) for the time of one call.
 *
 *   first bytes ──► hello_peek ──► SSL_do_handshake … ──► done ──► records.c (TLS 1.3) ─────► closed
 *                       │                 │                └──► SSL_read, SSL_write (1.2) ──┘
 *                       └────► verdict ◄──┘  (failed: nothing but the alert is ever written again)
 */
#include "tls/tls_session.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/failure.h"
#include "tls/hello.h"
#include "tls/ocsp_peer.h"
#include "tls/record_bio.h"
#include "tls/records.h"
#include "tls/resume.h"
#include "tls/suite.h"
#include "tls/takeover.h"
#include "tls/tls_ctx.h"
#include "tls/tls_internal.h"
#include "tls/verify.h"
#include <openssl/err.h>

enum {
        SSL_EXTRA_BYTES = 96
}; /* of a record: header, IV, padding, tag: not less than any suite's */

struct tls_verdict *tls_session_blame(struct tls_session *session)
{
        if (session->verdict)
                return NULL;
        session->verdict = xnew(struct tls_verdict);
        return session->verdict;
}

static void set_client(struct tls_session *session, const char *server_name)
{
        SSL_set_connect_state(session->ssl);
        session->server_name = xstrdup(server_name);
        ASSERT(verify_expect_name(session->ssl, server_name));
        if (!verify_is_ip(server_name))
                SSL_set_tlsext_host_name(session->ssl, server_name);
        if (session->ctx->resume)
                resume_offer(session->ctx->resume, session->ssl);
}

struct tls_session *tls_session_new(struct tls_ctx *ctx, const char *server_name)
{
        struct tls_session *session = xnew(struct tls_session);
        session->ctx = tls_ctx_ref(ctx);
        session->alert = -1;
        session->ssl = SSL_new(ctx->ssl);
        BIO *bio = record_bio_new(session);
        ASSERT(session->ssl && bio);
        SSL_set_app_data(session->ssl, session);
        SSL_set_bio(session->ssl, bio, bio);
        if (ctx->client)
                set_client(session, server_name ? server_name : "");
        else
                SSL_set_accept_state(session->ssl);
        return session;
}

static void free_ssl(struct tls_session *session)
{
        if (session->ssl == NULL)
                return;
        /* Else the library looks for the session in a cache that we do not have, under a lock. */
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(session->ssl);
        session->ssl = NULL;
}

void tls_session_free(struct tls_session *session)
{
        if (session == NULL)
                return;
        free_ssl(session);
        records_free(session->records);
        takeover_forget(session);
        X509_free(session->proof.leaf);
        sk_X509_pop_free(session->proof.chain, X509_free);
        xfree(session->proof.sni);
        buf_fini(&session->held);
        xfree(session->verdict);
        xfree(session->server_name);
        tls_ctx_unref(session->ctx);
        xfree(session);
}

static void lend(struct tls_session *session, struct slice *in, struct buf *out)
{
        session->in = in;
        session->out = out;
        if (out && session->held.len > 0) {
                buf_append_slice(out, buf_slice(&session->held));
                buf_clear(&session->held);
        }
        if (UNLIKELY(ERR_peek_error() != 0))
                ERR_clear_error(); /* somebody else's on this thread */
}

static void take_back(struct tls_session *session)
{
        session->in = NULL;
        session->out = NULL;
}

/* A client that begins with an alert: the library would only call it unexpected. */
static bool look_at_alert(struct tls_session *session, struct slice in)
{
        enum { WARNING = 1, FATAL = 2, ALERT_RECORD_BYTES = 7 };
        const unsigned char *byte = (const unsigned char *)in.ptr;
        if (in.len < ALERT_RECORD_BYTES)
                return false;
        bool close = byte[5] == WARNING && byte[6] == SSL_AD_CLOSE_NOTIFY;
        if (byte[3] != 0 || byte[4] != 2 || (byte[5] != FATAL && !close))
                return true;
        if (close)
                tls_verdict_set(tls_session_blame(session), TLS_REASON_EOF, "EOF");
        else
                failure_explain_alert(tls_session_blame(session), byte[6]);
        return false;
}

/* Look at the first record's header; false: wait for more, or failed. */
static bool look_at_first(struct tls_session *session, struct slice in, struct buf *out)
{
        static const char alert[] = { SSL3_RT_ALERT, 3, 1, 0, 2, SSL3_AL_FATAL,
                SSL_AD_PROTOCOL_VERSION };
        struct tls_verdict *verdict;
        switch (hello_peek(in)) {
        case HELLO_SHORT:
                return false;
        case HELLO_TLS:
                return session->ctx->client || in.ptr[0] != SSL3_RT_ALERT ||
                       look_at_alert(session, in);
        case HELLO_SSLV2:
                verdict = tls_session_blame(session);
                tls_verdict_set(
                        verdict, TLS_REASON_SSLV2, "tls: unsupported SSLv2 handshake received");
                verdict->alert = SSL_AD_PROTOCOL_VERSION;
                buf_append(out, alert, sizeof(alert));
                return false;
        case HELLO_NOT_TLS:
                verdict = tls_session_blame(session);
                tls_verdict_set(verdict, hello_judge_other(in),
                        "tls: first record does not look like a TLS handshake");
                return false;
        }
        return false;
}

static void keep_proof(struct tls_session *session)
{
        SSL *ssl = session->ssl;
        struct tls_proof *proof = &session->proof;
        const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
        const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        proof->leaf = SSL_get1_peer_certificate(ssl);
        proof->chain = proof->leaf ? X509_chain_up_ref(SSL_get_peer_cert_chain(ssl)) : NULL;
        proof->sni = sni ? xstrdup(sni) : NULL;
        proof->group = (int)SSL_get_negotiated_group(ssl);
        proof->cipher = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
        proof->version = (uint16_t)SSL_version(ssl);
        proof->resumed = SSL_session_reused(ssl);
}

/* The handshake is over: what only it needed goes. */
static void settle(struct tls_session *session)
{
        session->done = true;
        xfree(session->server_name);
        session->server_name = NULL;
        keep_proof(session);
        takeover(session);
        if (session->records)
                free_ssl(session);
}

/* Our Finished is out: what follows is under the application's keys. */
static bool is_past_finished(const struct tls_session *session)
{
        unsigned char byte;
        return SSL_version(session->ssl) == TLS1_3_VERSION &&
               SSL_get_finished(session->ssl, &byte, sizeof(byte)) > 0;
}

/* The peer sees a finished handshake and then its end, as with the reference. */
static void refuse_key(struct tls_session *session, const char key[65])
{
        struct tls_verdict *verdict = tls_session_blame(session);
        const X509 *peer = SSL_get0_peer_certificate(session->ssl);
        tls_verdict_set(verdict, TLS_REASON_NOT_PINNED, "certificate not pinned");
        memcpy(verdict->key_sha256, key, sizeof(verdict->key_sha256));
        if (peer)
                verify_name_cert(verdict, peer);
        session->closed = true;
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
}

/* What the peer must not see before the check is over: with TLS 1.2 our Finished, with 1.3 a ticket. */
static enum tls_step hold(struct tls_session *session, struct buf *out, size_t before)
{
        session->checking = true;
        buf_append(&session->held, out->ptr + before, out->len - before);
        out->len = before;
        return TLS_WANT_CHECK;
}

struct ocsp_check *tls_session_check(struct tls_session *session)
{
        ASSERT(session->checking);
        return ocsp_check_new(session->ctx->ocsp, verify_chain(session), false);
}

enum tls_step tls_session_pass(struct tls_session *session, struct buf *out)
{
        ASSERT(session->checking);
        session->checking = false;
        if (SSL_version(session->ssl) == TLS1_3_VERSION)
                takeover_count(session, buf_slice(&session->held));
        buf_append_slice(out, buf_slice(&session->held));
        buf_fini(&session->held);
        settle(session);
        return TLS_DONE;
}

/* Under the keys of the connection, in place of the ticket. A session that the library must keep can only say
 * goodbye, behind the ticket that it has counted. */
static void alert_1_3(struct tls_session *session, int alert, struct buf *out)
{
        keep_proof(session);
        takeover(session);
        if (session->records) {
                records_alert(session->records, SSL3_AL_FATAL, alert, out);
                return;
        }
        lend(session, NULL, out);
        (void)SSL_shutdown(session->ssl);
        take_back(session);
        ERR_clear_error();
}

/* To a TLS 1.2 client our side still speaks in clear: it has not seen our ChangeCipherSpec. */
static void alert_1_2(int alert, struct buf *out)
{
        const char record[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, (char)alert };
        buf_append(out, record, sizeof(record));
}

enum tls_step tls_session_refuse(
        struct tls_session *session, const struct tls_verdict *verdict, struct buf *out)
{
        ASSERT(session->checking);
        struct tls_verdict *mine = tls_session_blame(session);
        session->checking = false;
        *mine = *verdict;
        tls_session_complete(session, mine);
        if (SSL_version(session->ssl) == TLS1_3_VERSION)
                alert_1_3(session, verdict->alert, out);
        else
                alert_1_2(verdict->alert, out);
        buf_fini(&session->held);
        session->closed = true;
        return TLS_FAILED;
}

bool tls_session_is_pinned(
        const struct tls_session *session, const struct tls_ctx *ctx, char key[65])
{
        key[0] = '\0';
        return ctx == session->ctx || tls_ctx_has_pin(ctx, session->proof.leaf, key);
}

enum tls_step tls_session_handshake(struct tls_session *session, struct slice *in, struct buf *out)
{
        if (session->verdict)
                return TLS_FAILED;
        if (session->done)
                return TLS_DONE;
        if (session->checking)
                return TLS_WANT_CHECK;
        bool speaks_first = session->ctx->client && !session->started && in->len == 0;
        if (!speaks_first && !session->hello_seen && session->handshake_bytes == 0) {
                if (!look_at_first(session, *in, out))
                        return session->verdict ? TLS_FAILED : TLS_WANT_READ;
        }
        session->started = true;
        bool counted = is_past_finished(session);
        size_t before = out->len;
        lend(session, in, out);
        takeover_watch(session);
        int rc = SSL_do_handshake(session->ssl);
        takeover_watch(NULL);
        int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, rc);
        char key[65];
        if (rc == 1 && !tls_ctx_has_pin(session->ctx, SSL_get0_peer_certificate(session->ssl), key))
                refuse_key(session, key);
        take_back(session);
        /* A resumed session was judged when its ticket was taken. */
        if (rc == 1 && !session->closed && session->ctx->ocsp && !SSL_session_reused(session->ssl))
                return hold(session, out, before);
        if (counted)
                takeover_count(session, slice_of(out->ptr + before, out->len - before));
        if (session->closed)
                return TLS_FAILED;
        if (rc == 1) {
                settle(session);
                return TLS_DONE;
        }
        if (error == SSL_ERROR_WANT_READ && session->verdict == NULL)
                return TLS_WANT_READ;
        failure_explain(session, error);
        return TLS_FAILED;
}

bool tls_session_is_light(const struct tls_session *session)
{
        return !session->done && !session->ctx->client && is_past_finished(session) &&
               (!session->ctx->verify || SSL_session_reused(session->ssl));
}

/* The reading of records ended in ERR_TLS: say why, and have the alert ready for the way out. */
static void explain_records(struct tls_session *session)
{
        const struct records *records = session->records;
        failure_explain_records(session, records->refused, records->refusal);
        if (!records->refused)
                records_alert(session->records, SSL3_AL_FATAL, records->refusal, &session->held);
}

static ssize_t read_records(struct tls_session *session, struct slice *in, char *dst, size_t cap)
{
        ssize_t n = records_read(session->records, in, dst, cap);
        if (n == ERR_TLS)
                explain_records(session);
        return n;
}

ssize_t tls_session_read(struct tls_session *session, struct slice *in, char *dst, size_t cap)
{
        size_t n = 0;
        if (session->verdict)
                return ERR_TLS;
        if (session->records)
                return read_records(session, in, dst, cap);
        /* Asking with nothing to give would only make the library allocate and free a buffer. */
        if (in->len == 0 && SSL_pending(session->ssl) == 0)
                return SSL_get_shutdown(session->ssl) & SSL_RECEIVED_SHUTDOWN ? ERR_EOF : ERR_AGAIN;
        lend(session, in, NULL);
        int rc = SSL_read_ex(session->ssl, dst, cap, &n);
        int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, rc);
        take_back(session);
        if (rc == 1)
                return (ssize_t)n;
        if (error == SSL_ERROR_WANT_READ)
                return ERR_AGAIN;
        if (error == SSL_ERROR_ZERO_RETURN)
                return ERR_EOF;
        failure_explain(session, error);
        return ERR_TLS;
}

static int write_ssl(struct tls_session *session, struct slice plain, struct buf *out)
{
        size_t records = plain.len / RECORD_PLAIN_BYTES + 1;
        if (!buf_reserve(out, session->held.len + plain.len + records * SSL_EXTRA_BYTES))
                return ERR_NOMEM;
        lend(session, NULL, out);
        int rc = 1;
        while (rc == 1 && plain.len > 0) {
                size_t n = 0;
                rc = SSL_write_ex(session->ssl, plain.ptr, plain.len, &n);
                plain = slice_of(plain.ptr + n, plain.len - n);
        }
        take_back(session);
        if (rc == 1)
                return 0;
        failure_explain(session, SSL_get_error(session->ssl, rc));
        return out->failed ? ERR_NOMEM : ERR_TLS;
}

/* Small pieces are gathered into full records; a piece of a record's size goes as it is. */
static int writev_ssl(
        struct tls_session *session, const struct iovec *iov, int iov_n, struct buf *out)
{
        char record[RECORD_PLAIN_BYTES];
        size_t n = 0;
        int rc = 0;
        for (int i = 0; i < iov_n; i++) {
                struct slice rest = slice_of(iov[i].iov_base, iov[i].iov_len);
                while (rc == 0 && rest.len > 0) {
                        size_t take = sizeof(record) - n < rest.len ? sizeof(record) - n : rest.len;
                        if (take == sizeof(record)) {
                                rc = write_ssl(session, slice_of(rest.ptr, take), out);
                        } else {
                                memcpy(record + n, rest.ptr, take);
                                n += take;
                        }
                        rest = slice_of(rest.ptr + take, rest.len - take);
                        if (rc == 0 && n == sizeof(record)) {
                                rc = write_ssl(session, slice_of(record, n), out);
                                n = 0;
                        }
                }
        }
        return rc == 0 && n > 0 ? write_ssl(session, slice_of(record, n), out) : rc;
}

int tls_session_writev(
        struct tls_session *session, const struct iovec *iov, int iov_n, struct buf *out)
{
        size_t bytes = 0;
        if (session->verdict || session->closed)
                return ERR_TLS;
        if (session->records == NULL)
                return writev_ssl(session, iov, iov_n, out);
        for (int i = 0; i < iov_n; i++)
                bytes += iov[i].iov_len;
        int rc = records_write(session->records, iov, bytes, out);
        if (rc == ERR_TLS)
                failure_explain_records(session, 0, SSL_AD_INTERNAL_ERROR);
        return rc;
}

int tls_session_write(struct tls_session *session, struct slice plain, struct buf *out)
{
        const struct iovec iov = { (void *)plain.ptr, plain.len };
        return tls_session_writev(session, &iov, 1, out);
}

void tls_session_shutdown(struct tls_session *session, struct buf *out)
{
        if (session->closed || !session->done)
                return;
        session->closed = true;
        lend(session, NULL, out);
        if (session->records && session->verdict == NULL)
                records_alert(session->records, SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY, out);
        else if (session->verdict == NULL)
                (void)SSL_shutdown(session->ssl);
        take_back(session);
        ERR_clear_error();
}

size_t tls_session_pending(const struct tls_session *session)
{
        return session->records ? records_pending(session->records)
                                : (size_t)SSL_pending(session->ssl);
}

void tls_session_complete(const struct tls_session *session, struct tls_verdict *verdict)
{
        const char *name = session->ssl
                                   ? SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name)
                                   : session->proof.sni;
        if (name)
                tls_verdict_set_sni(verdict, slice_str(name));
}

const struct tls_verdict *tls_session_verdict(const struct tls_session *session)
{
        return session->verdict;
}

bool tls_session_resumed(const struct tls_session *session)
{
        return session->proof.resumed;
}

const char *tls_session_version(const struct tls_session *session)
{
        switch (session->proof.version) {
        case TLS1_3_VERSION:
                return "1.3";
        case TLS1_2_VERSION:
                return "1.2";
        default:
                return "";
        }
}

const char *tls_session_cipher(const struct tls_session *session)
{
        return suite_name(session->proof.cipher);
}
