/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_test.h"
#include "base/err.h"
#include "tls/identity.h"

static struct tls_pair ca, other_ca, middle;

static int setup(void **state)
{
        struct tls_pair leaf;
        test_make_dir();
        test_mint("ca", (struct mint_spec){ .name = "test CA", .ca = true }, NULL, &ca);
        test_mint("other", (struct mint_spec){ .name = "other CA", .ca = true }, NULL, &other_ca);
        test_mint("middle", (struct mint_spec){ .name = "middle", .ca = true }, &ca, &middle);
        struct mint_spec server = { .name = "server",
                .san = "DNS:localhost,DNS:*.example.org,IP:127.0.0.1",
                .usage = "serverAuth" };
        test_mint("server", server, &ca, NULL);
        server.key = MINT_RSA2048;
        test_mint("server-rsa", server, &ca, NULL);
        server.key = MINT_ED25519;
        test_mint("server-ed", server, &ca, NULL);
        server.key = MINT_P256;
        server.san = "DNS:two.example.net";
        test_mint("server-two", server, &ca, NULL);
        struct mint_spec client = { .name = "client", .usage = "clientAuth" };
        test_mint("client", client, &ca, NULL);
        test_mint("client-other", client, &other_ca, NULL);
        test_mint("client-chain", client, &middle, &leaf);
        sk_X509_push(leaf.chain, middle.leaf);
        X509_up_ref(middle.leaf);
        test_save("client-chain", &leaf);
        pem_pair_fini(&leaf);
        client.key = MINT_RSA2048;
        test_mint("client-rsa", client, &ca, NULL);
        client.key = MINT_ED25519;
        test_mint("client-ed", client, &ca, NULL);
        client.usage = "serverAuth";
        test_mint("client-wrong", client, &ca, NULL);
        client.usage = "clientAuth";
        client.from_s = -20 * DAY_S;
        client.to_s = -10 * DAY_S;
        test_mint("client-old", client, &ca, NULL);
        client.from_s = 10 * DAY_S;
        client.to_s = 20 * DAY_S;
        test_mint("client-early", client, &ca, NULL);
        return 0;
}

static int teardown(void **state)
{
        pem_pair_fini(&ca);
        pem_pair_fini(&other_ca);
        pem_pair_fini(&middle);
        test_remove_dir();
        return 0;
}

static struct tls_ctx *server_ctx(const char *name, bool verify, enum tls_version min)
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

static void round_trip(
        struct tls_session *session, struct peer *peer, struct wire *wire, size_t len)
{
        char *plain = xmalloc(len), *got = xmalloc(len);
        struct slice in;
        for (size_t i = 0; i < len; i++)
                plain[i] = (char)(i * 31 + i / 251);
        /* to the client */
        assert_int_equal(tls_session_write(session, slice_of(plain, len), &wire->to_client), 0);
        peer_give(peer, &wire->to_client);
        size_t at = 0, n = 0;
        while (at < len && SSL_read_ex(peer->ssl, got + at, len - at, &n))
                at += n;
        assert_int_equal(at, len);
        assert_memory_equal(got, plain, len);
        /* to the server */
        assert_true(SSL_write_ex(peer->ssl, plain, len, &n) && n == len);
        peer_take(peer, &wire->to_server);
        in = buf_slice(&wire->to_server);
        memset(got, 0, len);
        for (at = 0; at < len;) {
                ssize_t rc = tls_session_read(session, &in, got + at, len - at);
                assert_true(rc > 0);
                at += (size_t)rc;
        }
        assert_int_equal(in.len, 0);
        assert_int_equal(tls_session_read(session, &in, got, 1), ERR_AGAIN);
        assert_memory_equal(got, plain, len);
        buf_clear(&wire->to_server);
        xfree(plain);
        xfree(got);
}

/* --- what works ---------------------------------------------------------------------------------
 */

static void check_suite(const char *cert, int version, const char *suites, const char *want)
{
        struct tls_ctx *ctx = server_ctx(cert, false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_max_proto_version(client, version);
        if (version == TLS1_3_VERSION)
                assert_true(SSL_CTX_set_ciphersuites(client, suites));
        else
                assert_true(SSL_CTX_set_cipher_list(client, suites));
        peer_init(&peer, client);
        assert_int_equal(shake(session, &peer, &wire), TLS_DONE);
        assert_string_equal(tls_session_cipher(session), want);
        assert_string_equal(
                tls_session_version(session), version == TLS1_3_VERSION ? "1.3" : "1.2");
        assert_null(tls_session_verdict(session));
        round_trip(session, &peer, &wire, 100000);
        peer_fini(&peer);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

static void suites_have_gos_names(void **state)
{
        static const struct {
                const char *cert;
                int version;
                const char *openssl, *go;
        } cases[] = {
                { "server", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
                { "server-rsa", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384",
                        "TLS_AES_256_GCM_SHA384" },
                { "server-ed", TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256",
                        "TLS_CHACHA20_POLY1305_SHA256" },
                { "server", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256",
                        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
                { "server-ed", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384",
                        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
                { "server", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305",
                        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
                { "server", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA",
                        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA" },
                { "server", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA",
                        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA" },
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256",
                        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384",
                        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305",
                        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA",
                        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" },
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA",
                        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" },
                /* the server's order decides, except for clients that put ChaCha first */
                { "server-rsa", TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384",
                        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
                { "server", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
                        "TLS_AES_128_GCM_SHA256" },
                { "server", TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
                        "TLS_CHACHA20_POLY1305_SHA256" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                check_suite(cases[i].cert, cases[i].version, cases[i].openssl, cases[i].go);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(suites_have_gos_names),
};

int main(void)
{
        return cmocka_run_group_tests(tests, setup, teardown);
}
