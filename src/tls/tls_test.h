/* SPDX-License-Identifier: Apache-2.0 */
/* tls_test.h: what the tests of this folder share: a set of certificates in files, and a client
 * made of nothing but OpenSSL that talks to a server session in memory. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "tls/mint.h"
#include "tls/tls_ctx.h"
#include "tls/tls_session.h"
#include "tls/verdict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define DAY_S (24 * 3600)

static char test_dir[64];

static inline const char *test_path(const char *name)
{
        static char paths[16][128];
        static int at;
        char *path = paths[at++ % 16];
        snprintf(path, sizeof(paths[0]), "%s/%s", test_dir, name);
        return path;
}

static inline void test_write(const char *name, const void *bytes, size_t len)
{
        FILE *file = fopen(test_path(name), "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, len, file), len);
        assert_int_equal(fclose(file), 0);
}

/* NAME.pem holds leaf and chain, NAME-key.pem the key. */
static inline void test_save(const char *name, const struct tls_pair *pair)
{
        char file[64];
        struct buf pem = { 0 };
        assert_int_equal(mint_cert_pem(pair->leaf, &pem), 0);
        for (int i = 0; i < sk_X509_num(pair->chain); i++)
                assert_int_equal(mint_cert_pem(sk_X509_value(pair->chain, i), &pem), 0);
        snprintf(file, sizeof(file), "%s.pem", name);
        test_write(file, pem.ptr, pem.len);
        buf_clear(&pem);
        assert_int_equal(mint_key_pem(pair->key, &pem), 0);
        snprintf(file, sizeof(file), "%s-key.pem", name);
        test_write(file, pem.ptr, pem.len);
        buf_fini(&pem);
}

static inline void test_mint(const char *name, struct mint_spec spec, const struct tls_pair *issuer,
        struct tls_pair *out)
{
        struct tls_pair pair;
        if (spec.to_s == 0) {
                spec.from_s = -3600;
                spec.to_s = 30 * DAY_S;
        }
        if (spec.org == NULL)
                spec.org = "midge test";
        assert_int_equal(mint(&spec, issuer, &pair), 0);
        test_save(name, &pair);
        if (out)
                *out = pair;
        else
                pem_pair_fini(&pair);
}

static inline void test_make_dir(void)
{
        snprintf(test_dir, sizeof(test_dir), "/tmp/midge-tls-test-XXXXXX");
        assert_non_null(mkdtemp(test_dir));
}

static inline void test_remove_dir(void)
{
        char command[128];
        snprintf(command, sizeof(command), "rm -rf '%s'", test_dir);
        assert_int_equal(system(command), 0);
}

/* --- fixtures ----------------------------------------------------------------------------------
 */

static struct tls_pair test_ca, test_other_ca, test_middle;

static inline int test_setup(void **state)
{
        struct tls_pair leaf;
        test_make_dir();
        test_mint("ca", (struct mint_spec){ .name = "test CA", .ca = true }, NULL, &test_ca);
        test_mint("other", (struct mint_spec){ .name = "other CA", .ca = true }, NULL,
                &test_other_ca);
        test_mint("middle", (struct mint_spec){ .name = "middle", .ca = true }, &test_ca,
                &test_middle);
        struct mint_spec server = { .name = "server",
                .san = "DNS:localhost,DNS:*.example.org,IP:127.0.0.1",
                .usage = "serverAuth" };
        test_mint("server", server, &test_ca, NULL);
        server.key = MINT_RSA2048;
        test_mint("server-rsa", server, &test_ca, NULL);
        server.key = MINT_ED25519;
        test_mint("server-ed", server, &test_ca, NULL);
        server.key = MINT_P256;
        server.san = "DNS:two.example.net";
        test_mint("server-two", server, &test_ca, NULL);
        struct mint_spec client = { .name = "client", .usage = "clientAuth" };
        test_mint("client", client, &test_ca, NULL);
        test_mint("client-other", client, &test_other_ca, NULL);
        test_mint("client-chain", client, &test_middle, &leaf);
        sk_X509_push(leaf.chain, test_middle.leaf);
        X509_up_ref(test_middle.leaf);
        test_save("client-chain", &leaf);
        pem_pair_fini(&leaf);
        struct mint_spec evil = { .name = "a\nb\x1b[1m\x7f", .usage = "clientAuth" };
        test_mint("client-evil", evil, &test_other_ca, NULL);
        client.key = MINT_RSA2048;
        test_mint("client-rsa", client, &test_ca, NULL);
        client.key = MINT_ED25519;
        test_mint("client-ed", client, &test_ca, NULL);
        client.usage = "serverAuth";
        test_mint("client-wrong", client, &test_ca, NULL);
        client.usage = "clientAuth";
        client.from_s = -20 * DAY_S;
        client.to_s = -10 * DAY_S;
        test_mint("client-old", client, &test_ca, NULL);
        client.from_s = 10 * DAY_S;
        client.to_s = 20 * DAY_S;
        test_mint("client-early", client, &test_ca, NULL);
        return 0;
}

static inline int test_teardown(void **state)
{
        pem_pair_fini(&test_ca);
        pem_pair_fini(&test_other_ca);
        pem_pair_fini(&test_middle);
        test_remove_dir();
        return 0;
}

static inline struct tls_ctx *server_ctx(const char *name, bool verify, enum tls_version min)
{
        char cert[64], key[64];
        snprintf(cert, sizeof(cert), "%s.pem", name);
        snprintf(key, sizeof(key), "%s-key.pem", name);
        struct tls_pair_options pair = { test_path(cert), test_path(key) };
        struct tls_options opts = { .enabled = true,
                .pairs = &pair,
                .pair_n = name[0] ? 1 : 0,
                .verify = verify,
                .ca_file = verify ? test_path("ca.pem") : NULL,
                .min_version = min };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb = { "" };
        if (tls_ctx_new_server(&opts, &ctx, &eb) < 0)
                fail_msg("%s", eb.text);
        return ctx;
}

/* --- a client -----------------------------------------------------------------------------------
 */

struct peer {
        SSL_CTX *ctx;
        SSL *ssl;
        BIO *in, *out; /* what it reads, what it wrote */
};

static inline SSL_CTX *peer_ctx(void)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        assert_non_null(ctx);
        SSL_CTX_set_security_level(ctx, 0);
        return ctx;
}

static inline void peer_present(SSL_CTX *ctx, const char *name)
{
        char cert[64], key[64];
        snprintf(cert, sizeof(cert), "%s.pem", name);
        snprintf(key, sizeof(key), "%s-key.pem", name);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, test_path(cert)), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, test_path(key), SSL_FILETYPE_PEM), 1);
}

/* Takes ctx. */
static inline void peer_init(struct peer *peer, SSL_CTX *ctx)
{
        peer->ctx = ctx;
        peer->ssl = SSL_new(ctx);
        peer->in = BIO_new(BIO_s_mem());
        peer->out = BIO_new(BIO_s_mem());
        assert_non_null(peer->ssl);
        SSL_set_bio(peer->ssl, peer->in, peer->out);
        SSL_set_connect_state(peer->ssl);
}

static inline void peer_fini(struct peer *peer)
{
        SSL_free(peer->ssl);
        SSL_CTX_free(peer->ctx);
}

static inline void peer_take(struct peer *peer, struct buf *to)
{
        char bytes[4096];
        int n;
        while ((n = BIO_read(peer->out, bytes, sizeof(bytes))) > 0)
                buf_append(to, bytes, (size_t)n);
}

static inline void peer_give(struct peer *peer, struct buf *from)
{
        if (from->len > 0)
                assert_int_equal(BIO_write(peer->in, from->ptr, (int)from->len), (int)from->len);
        buf_clear(from);
}

/* --- both ends ----------------------------------------------------------------------------------
 */

struct wire {
        struct buf to_server, to_client;
        size_t step_bytes; /* server gets at most so many new bytes at a time; 0: all */
};

static inline void wire_fini(struct wire *wire)
{
        buf_fini(&wire->to_server);
        buf_fini(&wire->to_client);
}

/* One turn of the server with what is there. */
static inline enum tls_step server_turn(struct tls_session *session, struct wire *wire)
{
        struct slice all = buf_slice(&wire->to_server), in;
        enum tls_step step = TLS_WANT_READ;
        size_t shown = wire->step_bytes ? 0 : all.len;
        do {
                if (wire->step_bytes && shown < all.len)
                        shown += wire->step_bytes;
                if (shown > all.len)
                        shown = all.len;
                in = slice_of(all.ptr, shown);
                step = tls_session_handshake(session, &in, &wire->to_client);
                size_t used = (size_t)(in.ptr - all.ptr);
                all = slice_of(all.ptr + used, all.len - used);
                shown -= used;
        } while (step == TLS_WANT_READ && shown < all.len);
        buf_consume(&wire->to_server, wire->to_server.len - all.len);
        return step;
}

/* Shake hands until the server is done or has failed, or nothing moves any more. */
static inline enum tls_step shake(struct tls_session *session, struct peer *peer, struct wire *wire)
{
        enum tls_step step = TLS_WANT_READ;
        for (int i = 0; i < 12 && step == TLS_WANT_READ; i++) {
                ERR_clear_error();
                SSL_do_handshake(peer->ssl);
                ERR_clear_error();
                peer_take(peer, &wire->to_server);
                step = server_turn(session, wire);
                peer_give(peer, &wire->to_client);
        }
        ERR_clear_error();
        if (step == TLS_DONE)
                SSL_do_handshake(peer->ssl);
        return step;
}
