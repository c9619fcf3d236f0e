/* SPDX-License-Identifier: Apache-2.0 */
/* handshake_bench.c: microseconds of CPU that the server's side of a TLS 1.3 handshake costs, without sockets and in
 * one thread: by nothing but the library over memory BIOs with its defaults, and by midge's sessions. The first
 * is the floor that any server with this library stands on; both begin with the object of a connection and end when
 * it is freed. */
#include "base/macros.h"
#include "base/mem.h"
#include "conf/options.h"
#include "tls/mint.h"
#include "tls/tls_ctx.h"
#include "tls/tls_session.h"
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUN_N = 9, HANDSHAKE_N = 200, FLIGHT_BYTES = 16 * 1024 };

#define CHECK(ok) ((ok) ? (void)0 : fail(#ok))

static _Noreturn void fail(const char *what)
{
        fprintf(stderr, "handshake_bench: %s failed\n", what);
        exit(1);
}

/* What one side wrote and the other has not read. */
struct flight {
        char bytes[FLIGHT_BYTES];
        size_t n;
};

struct server;

struct server_ops {
        const char *name;
        void (*open)(struct server *server, const char *cert, const char *key);
        void *(*start)(struct server *server);
        bool (*step)(void *session, struct flight *in, struct flight *out); /* true: done */
        void (*end)(void *session);
        void (*close)(struct server *server);
};

struct server {
        const struct server_ops *ops;
        SSL_CTX *library;
        struct tls_ctx *midge;
};

static void take(BIO *bio, struct flight *out)
{
        int n = BIO_read(bio, out->bytes + out->n, (int)(sizeof out->bytes - out->n));
        out->n += n > 0 ? (size_t)n : 0;
}

/* ---- the library alone ------------------------------------------------------------------- */

static void library_open(struct server *server, const char *cert, const char *key)
{
        server->library = SSL_CTX_new(TLS_server_method());
        CHECK(SSL_CTX_use_certificate_chain_file(server->library, cert) == 1);
        CHECK(SSL_CTX_use_PrivateKey_file(server->library, key, SSL_FILETYPE_PEM) == 1);
        SSL_CTX_set_num_tickets(server->library, 1);
        SSL_CTX_set_session_cache_mode(server->library, SSL_SESS_CACHE_OFF);
}

static void *library_start(struct server *server)
{
        SSL *ssl = SSL_new(server->library);
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl);
        return ssl;
}

static bool library_step(void *session, struct flight *in, struct flight *out)
{
        SSL *ssl = session;
        CHECK(BIO_write(SSL_get_rbio(ssl), in->bytes, (int)in->n) == (int)in->n);
        in->n = 0;
        bool done = SSL_do_handshake(ssl) == 1;
        take(SSL_get_wbio(ssl), out);
        return done;
}

static void library_end(void *session)
{
        SSL_free(session);
}

static void library_close(struct server *server)
{
        SSL_CTX_free(server->library);
}

/* ---- midge ------------------------------------------------------------------------------- */

static void midge_open(struct server *server, const char *cert, const char *key)
{
        struct tls_pair_options pair = { cert, key };
        const struct tls_options opts = { .enabled = true, .pairs = &pair, .pair_n = 1 };
        struct errbuf eb = { "" };
        CHECK(tls_ctx_new_server(&opts, &server->midge, &eb) == 0);
}

static void *midge_start(struct server *server)
{
        return tls_session_new(server->midge, NULL);
}

static bool midge_step(void *session, struct flight *in, struct flight *out)
{
        struct slice bytes = slice_of(in->bytes, in->n);
        struct buf written = { 0 };
        enum tls_step step = tls_session_handshake(session, &bytes, &written);
        CHECK(step != TLS_FAILED && bytes.len == 0 && written.len <= sizeof out->bytes);
        in->n = 0;
        if (written.len > 0)
                memcpy(out->bytes, written.ptr, written.len);
        out->n = written.len;
        buf_fini(&written);
        return step == TLS_DONE;
}

static void midge_end(void *session)
{
        tls_session_free(session);
}

static void midge_close(struct server *server)
{
        tls_ctx_unref(server->midge);
}

static const struct server_ops servers[] = {
        { "library", library_open, library_start, library_step, library_end, library_close },
        { "midge", midge_open, midge_start, midge_step, midge_end, midge_close },
};

/* ---- the client -------------------------------------------------------------------------- */

static SSL_SESSION *ticket; /* the newest */

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
        (void)ssl;
        SSL_SESSION_free(ticket);
        ticket = session;
        return 1;
}

static SSL_CTX *client_open(void)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
        return ctx;
}

static SSL *client_start(SSL_CTX *ctx, bool resume)
{
        SSL *ssl = SSL_new(ctx);
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl);
        if (resume && ticket)
                CHECK(SSL_set_session(ssl, ticket) == 1);
        return ssl;
}

/* Also reads a ticket that came behind the handshake. */
static void client_step(SSL *ssl, struct flight *in, struct flight *out)
{
        char byte;
        CHECK(BIO_write(SSL_get_rbio(ssl), in->bytes, (int)in->n) == (int)in->n);
        in->n = 0;
        if (SSL_do_handshake(ssl) == 1)
                (void)SSL_read(ssl, &byte, 1);
        take(SSL_get_wbio(ssl), out);
}

/* ---- measuring --------------------------------------------------------------------------- */

static double cpu_us(void)
{
        struct timespec ts;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* One handshake; the microseconds of the server's side. */
static double shake(struct server *server, SSL_CTX *client_ctx, bool resume)
{
        static struct flight up, down;
        SSL *client = client_start(client_ctx, resume);
        bool done = false;
        double start = cpu_us(), us;
        void *session = server->ops->start(server);
        us = cpu_us() - start;
        while (!done) {
                client_step(client, &down, &up);
                start = cpu_us();
                done = server->ops->step(session, &up, &down);
                us += cpu_us() - start;
        }
        client_step(client, &down, &up);
        CHECK(SSL_session_reused(client) == resume);
        up.n = 0;
        start = cpu_us();
        server->ops->end(session);
        us += cpu_us() - start;
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(client);
        return us;
}

static double run(const struct server_ops *ops, const char *cert, const char *key, bool resume)
{
        struct server server = { .ops = ops };
        SSL_CTX *client = client_open();
        double us = 0;
        ops->open(&server, cert, key);
        shake(&server, client, false); /* brings the first ticket */
        for (int i = 0; i < HANDSHAKE_N; i++)
                us += shake(&server, client, resume);
        SSL_SESSION_free(ticket);
        ticket = NULL;
        SSL_CTX_free(client);
        ops->close(&server);
        return us / HANDSHAKE_N;
}

static void save(const char *path, const struct buf *pem)
{
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(pem->ptr, 1, pem->len, file) == pem->len && fclose(file) == 0);
}

static void make_pair(enum mint_key kind, const char *cert, const char *key)
{
        const struct mint_spec spec = { .name = "localhost",
                .key = kind,
                .san = "DNS:localhost",
                .from_s = -60,
                .to_s = 3600 };
        struct tls_pair pair;
        struct buf pem = { 0 };
        CHECK(mint(&spec, NULL, &pair) == 0 && mint_cert_pem(pair.leaf, &pem) == 0);
        save(cert, &pem);
        buf_clear(&pem);
        CHECK(mint_key_pem(pair.key, &pem) == 0);
        save(key, &pem);
        buf_fini(&pem);
        pem_pair_fini(&pair);
}

static const struct {
        const char *name;
        enum mint_key key;
        bool resume;
} cases[] = {
        { "full, ECDSA P-256", MINT_P256, false },
        { "full, RSA 2048", MINT_RSA2048, false },
        { "resumed", MINT_P256, true },
};

int main(void)
{
        char folder[] = "/tmp/midge-handshake-bench-XXXXXX", cert[64], key[64];
        double best[ARRAY_N(cases)][ARRAY_N(servers)];
        CHECK(mkdtemp(folder));
        snprintf(cert, sizeof cert, "%s/cert.pem", folder);
        snprintf(key, sizeof key, "%s/key.pem", folder);
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                make_pair(cases[i].key, cert, key);
                for (size_t j = 0; j < ARRAY_N(servers); j++)
                        best[i][j] = 1e9;
                for (size_t j = 0; j < RUN_N * ARRAY_N(servers); j++) { /* in turn */
                        double us = run(&servers[j % ARRAY_N(servers)], cert, key, cases[i].resume);
                        if (us < best[i][j % ARRAY_N(servers)])
                                best[i][j % ARRAY_N(servers)] = us;
                }
                printf("%-22s", cases[i].name);
                for (size_t j = 0; j < ARRAY_N(servers); j++)
                        printf("  %s %6.1f us", servers[j].name, best[i][j]);
                printf("\n");
        }
        unlink(cert);
        unlink(key);
        return rmdir(folder) != 0;
}
