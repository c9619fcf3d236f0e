/* SPDX-License-Identifier: Apache-2.0 */
/* Reading takes exactly what OpenSSL asks for (a header, then a body), so whatever stands behind
 * the record in question stays with the caller. */
#include "tls/record_bio.h"
#include "tls/tls_internal.h"
#include <pthread.h>

enum { HELD_MAX_BYTES = 4096 };

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static bool over_limit(struct tls_session *session, size_t more)
{
        size_t limit =
                session->ctx->client || session->hello_seen ? HANDSHAKE_MAX_BYTES : HELLO_MAX_BYTES;
        if (session->handshake_bytes + more <= limit)
                return false;
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict)
                tls_verdict_set(verdict, TLS_REASON_TOO_LARGE,
                        "tls: handshake exceeds maximum of %zu bytes", limit);
        return true;
}

static int bio_read(BIO *bio, char *dst, size_t want, size_t *got)
{
        struct tls_session *session = BIO_get_data(bio);
        struct slice *in = session->in;
        BIO_clear_retry_flags(bio);
        *got = 0;
        if (in == NULL || in->len == 0) {
                BIO_set_retry_read(bio);
                return 0;
        }
        size_t n = want < in->len ? want : in->len;
        if (!session->done) {
                if (over_limit(session, n))
                        return 0;
                session->handshake_bytes += (uint32_t)n;
        }
        memcpy(dst, in->ptr, n);
        *in = slice_of(in->ptr + n, in->len - n);
        *got = n;
        return 1;
}

static int bio_write(BIO *bio, const char *src, size_t len, size_t *written)
{
        struct tls_session *session = BIO_get_data(bio);
        struct buf *out = session->out ? session->out : &session->held;
        BIO_clear_retry_flags(bio);
        *written = 0;
        buf_append(out, src, len);
        if (out->failed)
                return 0;
        *written = len;
        return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
        (void)bio, (void)num, (void)ptr;
        return cmd == BIO_CTRL_FLUSH;
}

static void method_init(void)
{
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "midge record");
        if (method == NULL)
                return;
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
}

BIO *record_bio_new(struct tls_session *session)
{
        pthread_once(&method_once, method_init);
        BIO *bio = method ? BIO_new(method) : NULL;
        if (bio == NULL)
                return NULL;
        session->held.limit = HELD_MAX_BYTES;
        BIO_set_data(bio, session);
        BIO_set_init(bio, 1);
        return bio;
}
