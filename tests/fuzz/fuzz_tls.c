/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tls.c: what a hostile client says to the server's side of a session.
 * The first byte chooses: a server that asks for a client certificate or one that does not, and
 * where the bytes come from. Either the rest of the input is all that the client says, shown to the
 * session in steps; or a real client shakes hands, and the rest, three bytes each (where, two
 * bytes; what to flip), damages what it says, which reaches the messages behind the first one. */
#include "fuzz.h"
#include "base/buf.h"
#include "tls/certgen.h"
#include "tls/tls_ctx.h"
#include "tls/tls_session.h"
#include "tls/verdict.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

enum {
        DAMAGED = 0x80, /* a real client, whose bytes are damaged */
        VERIFY = 0x40,
        TLS_1_2 = 0x01,   /* with DAMAGED: the client's newest version */
        STEP_MASK = 0x3f, /* without: that many bytes at a time; 0: all of them */
        ANSWER_MAX_BYTES = 16 * 1024,
};

static struct tls_ctx *servers[2]; /* [1] asks for a client certificate */
static SSL_CTX *clients[2];        /* [1] knows nothing newer than TLS 1.2 */

static struct tls_ctx *make_server(const char *dir, bool verify)
{
        char cert[128], key[128], ca[128];
        struct tls_pair_options pair = { cert, key };
        struct tls_options opts = { .enabled = true,
                .pairs = &pair,
                .pair_n = 1,
                .verify = verify,
                .ca_file = verify ? ca : NULL,
                .min_version = TLS_VERSION_1_2 };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb = { "" };

        snprintf(cert, sizeof(cert), "%s/server-cert.pem", dir);
        snprintf(key, sizeof(key), "%s/server-key.pem", dir);
        snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
        PROPERTY(tls_ctx_new_server(&opts, &ctx, &eb) == 0);
        return ctx;
}

static SSL_CTX *make_client(const char *dir, int version)
{
        char cert[128], key[128];
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

        snprintf(cert, sizeof(cert), "%s/client-cert.pem", dir);
        snprintf(key, sizeof(key), "%s/client-key.pem", dir);
        PROPERTY(ctx && SSL_CTX_use_certificate_chain_file(ctx, cert) == 1);
        PROPERTY(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1);
        SSL_CTX_set_max_proto_version(ctx, version);
        return ctx;
}

static void free_all(void)
{
        for (int i = 0; i < 2; i++) {
                tls_ctx_unref(servers[i]);
                SSL_CTX_free(clients[i]);
        }
}

/* Once: keys are dear. The files go as soon as they are loaded. */
static void make_all(void)
{
        static const char *const files[] = { "ca.pem", "ca-key.pem", "server-cert.pem",
                "server-key.pem", "client-cert.pem", "client-key.pem" };
        char dir[] = "/tmp/midge-fuzz-tls-XXXXXX", path[128];
        struct errbuf eb = { "" };

        PROPERTY(mkdtemp(dir) && certgen_dev(dir, &eb) == 0);
        for (int i = 0; i < 2; i++)
                servers[i] = make_server(dir, i == 1);
        clients[0] = make_client(dir, TLS1_3_VERSION);
        clients[1] = make_client(dir, TLS1_2_VERSION);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
                unlink(path);
        }
        PROPERTY(rmdir(dir) == 0);
        atexit(free_all);
}

static bool is_printable(const char *text)
{
        for (; *text; text++) {
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        return false;
        }
        return true;
}

/* The verdict is there when the session failed, and only then, and can be logged as it is. */
static void check_verdict(struct tls_session *session, enum tls_step step)
{
        const struct tls_verdict *verdict = tls_session_verdict(session);
        struct slice nothing = slice_of("", 0);
        struct buf out = { 0 };

        PROPERTY((verdict != NULL) == (step == TLS_FAILED));
        if (verdict == NULL)
                return;
        PROPERTY(verdict->reason < TLS_REASON_COUNT && verdict->text[0] && verdict->remedy);
        PROPERTY(is_printable(verdict->text) && is_printable(verdict->subject));
        PROPERTY(tls_session_handshake(session, &nothing, &out) == TLS_FAILED && out.len == 0);
        buf_fini(&out);
}

/* Show the session all of `bytes`, at most `step_bytes` more of them at a time. */
static enum tls_step show(
        struct tls_session *session, struct slice *bytes, size_t step_bytes, struct buf *out)
{
        size_t shown = 0;
        enum tls_step step = TLS_WANT_READ;

        do {
                shown = bytes->len - shown > step_bytes ? shown + step_bytes : bytes->len;
                struct slice in = slice_of(bytes->ptr, shown);
                step = tls_session_handshake(session, &in, out);
                PROPERTY(in.ptr + in.len == bytes->ptr + shown); /* consumed from the front only */
                *bytes = slice_of(in.ptr, bytes->len - (shown - in.len));
                shown = in.len;
                check_verdict(session, step);
                PROPERTY(out->len <= ANSWER_MAX_BYTES);
        } while (step == TLS_WANT_READ && shown < bytes->len);
        return step;
}

/* --- a real client, damaged ---------------------------------------------------------------------
 */

struct damage {
        const uint8_t *at; /* triples */
        size_t n;
        size_t said; /* bytes of the client so far */
};

/* What the client has said since, damaged. */
static void overhear(SSL *client, struct damage *damage, struct buf *to)
{
        char bytes[4096];
        int len;

        while ((len = BIO_read(SSL_get_wbio(client), bytes, sizeof(bytes))) > 0) {
                for (size_t i = 0; i < damage->n; i++) {
                        const uint8_t *edit = damage->at + i * 3;
                        size_t where = (size_t)edit[0] << 8 | edit[1];
                        if (where >= damage->said && where - damage->said < (size_t)len)
                                bytes[where - damage->said] ^= (char)edit[2];
                }
                damage->said += (size_t)len;
                buf_append(to, bytes, (size_t)len);
        }
        ERR_clear_error();
}

/* Application data and a close behind the handshake. */
static void read_on(struct tls_session *session, SSL *client, struct damage *damage, struct buf *to)
{
        char plain[64];
        struct slice in;
        ssize_t rc;

        SSL_do_handshake(client);
        SSL_write(client, "PING\r\n", 6);
        SSL_shutdown(client);
        overhear(client, damage, to);
        in = buf_slice(to);
        do {
                rc = tls_session_read(session, &in, plain, sizeof(plain));
                PROPERTY(in.ptr + in.len == to->ptr + to->len);
        } while (rc > 0);
        PROPERTY(rc == ERR_AGAIN || rc == ERR_EOF || rc == ERR_TLS);
        PROPERTY((tls_session_verdict(session) != NULL) == (rc == ERR_TLS));
}

static void talk(struct tls_session *session, SSL_CTX *ctx, struct damage *damage)
{
        SSL *client = SSL_new(ctx);
        struct buf to_server = { 0 }, to_client = { 0 };
        enum tls_step step = TLS_WANT_READ;

        PROPERTY(client);
        SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(client);
        for (int turn = 0; turn < 8 && step == TLS_WANT_READ; turn++) {
                SSL_do_handshake(client);
                overhear(client, damage, &to_server);
                struct slice in = buf_slice(&to_server);
                step = show(session, &in, SIZE_MAX, &to_client);
                buf_consume(&to_server, to_server.len - in.len);
                if (to_client.len > 0)
                        BIO_write(SSL_get_rbio(client), to_client.ptr, (int)to_client.len);
                buf_clear(&to_client);
        }
        PROPERTY(step == TLS_DONE || damage->n > 0);
        if (step == TLS_DONE)
                read_on(session, client, damage, &to_server);
        SSL_free(client);
        buf_fini(&to_server);
        buf_fini(&to_client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (servers[0] == NULL)
                make_all();
        if (size == 0)
                return 0;
        int choice = data[0];
        struct tls_session *session = tls_session_new(servers[(choice & VERIFY) != 0], NULL);
        if (choice & DAMAGED) {
                struct damage damage = { data + 1, (size - 1) / 3, 0 };
                talk(session, clients[choice & TLS_1_2], &damage);
        } else {
                struct slice bytes = slice_of((const char *)data + 1, size - 1);
                struct buf out = { 0 };
                size_t step_bytes = choice & STEP_MASK ? (size_t)(choice & STEP_MASK) : SIZE_MAX;
                PROPERTY(show(session, &bytes, step_bytes, &out) != TLS_DONE);
                buf_fini(&out);
        }
        tls_session_free(session);
        return 0;
}
