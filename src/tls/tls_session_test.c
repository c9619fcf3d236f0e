/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_test.h"
#include "base/err.h"
#include "base/text.h"
#include "tls/identity.h"
#include <openssl/pem.h>

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

struct talk {
        struct tls_ctx *ctx;
        struct tls_session *session;
        struct peer peer;
        struct wire wire;
};

/* Takes ctx and client; NULL client: an ordinary one. */
static void talk_init(struct talk *talk, struct tls_ctx *ctx, SSL_CTX *client)
{
        *talk = (struct talk){ .ctx = ctx, .session = tls_session_new(ctx, NULL) };
        peer_init(&talk->peer, client ? client : peer_ctx());
}

static void talk_fini(struct talk *talk)
{
        tls_session_free(talk->session);
        tls_ctx_unref(talk->ctx);
        peer_fini(&talk->peer);
        wire_fini(&talk->wire);
}

static void talk_open(struct talk *talk, struct tls_ctx *ctx, SSL_CTX *client)
{
        talk_init(talk, ctx, client);
        assert_int_equal(shake(talk->session, &talk->peer, &talk->wire), TLS_DONE);
}

static void input_may_come_byte_by_byte(void **state)
{
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                struct talk talk;
                SSL_CTX *client = peer_ctx();
                SSL_CTX_set_max_proto_version(client, version);
                peer_present(client, "client-chain");
                talk_init(&talk, server_ctx("server", true, TLS_VERSION_1_2), client);
                talk.wire.step_bytes = 1;
                assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
                /* application data byte by byte as well */
                size_t n, got = 0;
                char plain[5000], text[5000];
                memset(plain, 'x', sizeof(plain));
                assert_true(SSL_write_ex(talk.peer.ssl, plain, sizeof(plain), &n));
                peer_take(&talk.peer, &talk.wire.to_server);
                for (size_t i = 0; i < talk.wire.to_server.len; i++) {
                        struct slice in = slice_of(talk.wire.to_server.ptr + i, 1);
                        ssize_t rc =
                                tls_session_read(talk.session, &in, text + got, sizeof(text) - got);
                        assert_int_equal(in.len, 0);
                        assert_true(rc > 0 || rc == ERR_AGAIN);
                        got += rc > 0 ? (size_t)rc : 0;
                }
                assert_int_equal(got, sizeof(plain));
                assert_memory_equal(text, plain, sizeof(plain));
                talk_fini(&talk);
        }
}

static void data_behind_the_handshake_is_kept(void **state)
{
        struct talk talk;
        char text[64];
        size_t n;
        talk_init(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        SSL_do_handshake(talk.peer.ssl);
        peer_take(&talk.peer, &talk.wire.to_server);
        assert_int_equal(server_turn(talk.session, &talk.wire), TLS_WANT_READ);
        peer_give(&talk.peer, &talk.wire.to_client);
        assert_int_equal(SSL_do_handshake(talk.peer.ssl), 1);
        assert_true(SSL_write_ex(talk.peer.ssl, "CONNECT {}\r\n", 12, &n));
        assert_true(SSL_write_ex(talk.peer.ssl, "PING\r\n", 6, &n));
        peer_take(&talk.peer, &talk.wire.to_server);
        /* Finished and both records in one slice */
        struct slice in = buf_slice(&talk.wire.to_server);
        assert_int_equal(tls_session_handshake(talk.session, &in, &talk.wire.to_client), TLS_DONE);
        assert_true(in.len > 18);
        assert_int_equal(tls_session_read(talk.session, &in, text, 5), 5);
        assert_int_equal(tls_session_pending(talk.session), 7);
        assert_int_equal(tls_session_read(talk.session, &in, text + 5, 59), 7);
        assert_int_equal(tls_session_pending(talk.session), 0);
        assert_int_equal(tls_session_read(talk.session, &in, text + 12, 52), 6);
        assert_memory_equal(text, "CONNECT {}\r\nPING\r\n", 18);
        assert_int_equal(tls_session_read(talk.session, &in, text, 64), ERR_AGAIN);
        talk_fini(&talk);
}

/* Whether the client's next words may be taken in on a loop, after its first or second flight. */
static void check_light(int version, bool verify, const char *groups, int flights, bool want)
{
        struct talk talk;
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_max_proto_version(client, version);
        peer_present(client, "client");
        assert_true(SSL_CTX_set1_groups_list(client, groups));
        talk_init(&talk, server_ctx("server", verify, TLS_VERSION_1_2), client);
        assert_false(tls_session_is_light(talk.session));
        for (int i = 0; i < flights; i++) {
                SSL_do_handshake(talk.peer.ssl);
                peer_take(&talk.peer, &talk.wire.to_server);
                assert_int_equal(server_turn(talk.session, &talk.wire), TLS_WANT_READ);
                peer_give(&talk.peer, &talk.wire.to_client);
                assert_int_equal(tls_session_is_light(talk.session), want && i == flights - 1);
        }
        assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
        talk_fini(&talk);
}

static void only_a_finished_message_is_light(void **state)
{
        check_light(TLS1_3_VERSION, false, "X25519:P-256", 1, true);
        check_light(TLS1_3_VERSION, true, "X25519:P-256", 1, false);
        check_light(TLS1_2_VERSION, false, "X25519:P-256", 1, false);
        check_light(TLS1_3_VERSION, false, "X448:X25519:P-256", 2,
                true); /* the first share is refused */
}

static void large_data_makes_full_records(void **state)
{
        struct talk talk;
        talk_open(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        round_trip(talk.session, &talk.peer, &talk.wire, 4 * 1024 * 1024 + 17);
        static char plain[40000];
        buf_clear(&talk.wire.to_client);
        assert_int_equal(tls_session_write(talk.session, slice_of(plain, sizeof(plain)),
                                 &talk.wire.to_client),
                0);
        /* 16384 + 16384 + 7232 bytes, each with 5 + 1 + 16 more */
        assert_int_equal(talk.wire.to_client.len, 40000 + 3 * 22);
        talk_fini(&talk);
}

/* Each way through the handshake ends at the same record numbers, also when it comes byte by byte. */
static void data_flows_behind_every_handshake(void **state)
{
        static const struct {
                const char *groups;
                bool verify;
                size_t step;
        } cases[] = {
                { "X25519", false, 0 },
                { "X448:X25519", false, 0 }, /* the first share is refused */
                { "X448:X25519", true, 0 },
                { "X448:X25519", true, 1 },
                { "P-256", true, 0 },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct talk talk;
                SSL_CTX *client = peer_ctx();
                SSL_CTX_set_min_proto_version(client, TLS1_3_VERSION);
                peer_present(client, "client-chain");
                assert_true(SSL_CTX_set1_groups_list(client, cases[i].groups));
                talk_init(&talk, server_ctx("server", cases[i].verify, TLS_VERSION_1_2), client);
                talk.wire.step_bytes = cases[i].step;
                assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
                round_trip(talk.session, &talk.peer, &talk.wire, 40000);
                talk_fini(&talk);
        }
}

/* A client with little memory may ask for short records (RFC 6066 section 4), and then refuses longer ones. */
static void short_records_are_kept_to(void **state)
{
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                struct talk talk;
                SSL_CTX *client = peer_ctx();
                SSL_CTX_set_max_proto_version(client, version);
                assert_true(SSL_CTX_set_tlsext_max_fragment_length(
                        client, TLSEXT_max_fragment_length_512));
                talk_open(&talk, server_ctx("server", false, TLS_VERSION_1_2), client);
                round_trip(talk.session, &talk.peer, &talk.wire, 100000);
                talk_fini(&talk);
        }
}

static void a_full_buffer_fails_the_write(void **state)
{
        struct talk talk;
        static char plain[4000];
        struct buf small = { .limit = 1000 };
        talk_open(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        assert_int_equal(
                tls_session_write(talk.session, slice_of(plain, sizeof(plain)), &small), ERR_NOMEM);
        buf_fini(&small);
        talk_fini(&talk);
}

static void both_sides_may_update_keys(void **state)
{
        struct talk talk;
        struct slice in;
        char text[8];
        talk_open(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        for (int i = 0; i < 3; i++) {
                assert_true(SSL_key_update(talk.peer.ssl, SSL_KEY_UPDATE_REQUESTED));
                assert_int_equal(SSL_write(talk.peer.ssl, "x", 1), 1);
                peer_take(&talk.peer, &talk.wire.to_server);
                in = buf_slice(&talk.wire.to_server);
                assert_int_equal(tls_session_read(talk.session, &in, text, 8), 1);
                assert_int_equal(in.len, 0);
                buf_clear(&talk.wire.to_server);
                round_trip(talk.session, &talk.peer, &talk.wire, 20000);
        }
        talk_fini(&talk);
}

static void a_broken_record_ends_the_session(void **state)
{
        struct talk talk;
        char text[64];
        talk_open(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        assert_int_equal(SSL_write(talk.peer.ssl, "hello", 5), 5);
        peer_take(&talk.peer, &talk.wire.to_server);
        talk.wire.to_server.ptr[talk.wire.to_server.len - 1] ^= 1;
        struct slice in = buf_slice(&talk.wire.to_server);
        assert_int_equal(tls_session_read(talk.session, &in, text, sizeof(text)), ERR_TLS);
        const struct tls_verdict *verdict = tls_session_verdict(talk.session);
        assert_non_null(verdict);
        assert_string_equal(verdict->text, "local error: tls: bad record MAC");
        assert_int_equal(verdict->alert, 20);
        assert_int_equal(tls_session_read(talk.session, &in, text, sizeof(text)), ERR_TLS);
        assert_int_equal(
                tls_session_write(talk.session, SLICE_LIT("x"), &talk.wire.to_client), ERR_TLS);
        /* the alert leaves, and no close_notify behind it */
        tls_session_shutdown(talk.session, &talk.wire.to_client);
        peer_give(&talk.peer, &talk.wire.to_client);
        assert_true(SSL_read(talk.peer.ssl, text, sizeof(text)) <= 0);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
        ERR_clear_error();
        talk_fini(&talk);
}

static void an_alert_behind_the_handshake_is_told(void **state)
{
        struct talk talk;
        char text[8];
        SSL_CTX *client = peer_ctx();
        talk_init(&talk, server_ctx("server", false, TLS_VERSION_1_2), client);
        SSL_set_tlsext_host_name(talk.peer.ssl, "a.example.org");
        assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
        /* the client breaks on what it gets, and says so */
        assert_int_equal(
                tls_session_write(talk.session, SLICE_LIT("hello"), &talk.wire.to_client), 0);
        talk.wire.to_client.ptr[talk.wire.to_client.len - 1] ^= 1;
        peer_give(&talk.peer, &talk.wire.to_client);
        assert_true(SSL_read(talk.peer.ssl, text, sizeof(text)) <= 0);
        ERR_clear_error();
        peer_take(&talk.peer, &talk.wire.to_server);
        struct slice in = buf_slice(&talk.wire.to_server);
        assert_int_equal(tls_session_read(talk.session, &in, text, sizeof(text)), ERR_TLS);
        const struct tls_verdict *verdict = tls_session_verdict(talk.session);
        assert_string_equal(verdict->text, "remote error: tls: bad record MAC");
        assert_int_equal(verdict->alert, 20);
        assert_string_equal(verdict->sni, "a.example.org");
        tls_session_shutdown(talk.session, &talk.wire.to_client);
        assert_int_equal(talk.wire.to_client.len, 0); /* it has gone */
        talk_fini(&talk);
}

static void close_notify_is_sent_once_and_understood(void **state)
{
        struct talk talk;
        char text[8];
        talk_init(&talk, server_ctx("server", false, TLS_VERSION_1_2), NULL);
        tls_session_shutdown(talk.session, &talk.wire.to_client);
        assert_int_equal(talk.wire.to_client.len, 0); /* not before the handshake */
        assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
        assert_int_equal(SSL_write(talk.peer.ssl, "bye", 3), 3);
        assert_int_equal(SSL_shutdown(talk.peer.ssl), 0);
        peer_take(&talk.peer, &talk.wire.to_server);
        struct slice in = buf_slice(&talk.wire.to_server);
        assert_int_equal(tls_session_read(talk.session, &in, text, 8), 3);
        assert_int_equal(tls_session_read(talk.session, &in, text, 8), ERR_EOF);
        assert_int_equal(tls_session_read(talk.session, &in, text, 8), ERR_EOF);
        tls_session_shutdown(talk.session, &talk.wire.to_client);
        size_t len = talk.wire.to_client.len;
        assert_true(len > 0);
        tls_session_shutdown(talk.session, &talk.wire.to_client);
        assert_int_equal(talk.wire.to_client.len, len);
        peer_give(&talk.peer, &talk.wire.to_client);
        assert_int_equal(SSL_read(talk.peer.ssl, text, 8), 0);
        assert_true(SSL_get_shutdown(talk.peer.ssl) & SSL_RECEIVED_SHUTDOWN);
        talk_fini(&talk);
}

/* --- resumption ---------------------------------------------------------------------------------
 */

static SSL_SESSION *ticket_of(struct talk *talk)
{
        char text[8];
        if (SSL_version(talk->peer.ssl) ==
                TLS1_3_VERSION) /* the ticket comes with the first read */
                SSL_read(talk->peer.ssl, text, sizeof(text));
        ERR_clear_error();
        SSL_SESSION *ticket = SSL_get1_session(talk->peer.ssl);
        assert_true(SSL_SESSION_is_resumable(ticket));
        SSL_set_shutdown(talk->peer.ssl, SSL_SENT_SHUTDOWN); /* else freeing it spoils the ticket */
        return ticket;
}

static SSL_CTX *client_for(int version, const char *cert)
{
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_max_proto_version(client, version);
        if (cert)
                peer_present(client, cert);
        return client;
}

/* Begin a session on one context, offer its ticket to another. */
static void check_resume(struct tls_ctx *first, struct tls_ctx *second, int version,
        const char *cert, bool want, bool want_done)
{
        struct talk talk;
        talk_open(&talk, first, client_for(version, cert));
        SSL_SESSION *ticket = ticket_of(&talk);
        talk_fini(&talk);

        talk_init(&talk, second, client_for(version, want_done ? cert : NULL));
        assert_int_equal(SSL_set_session(talk.peer.ssl, ticket), 1);
        enum tls_step step = shake(talk.session, &talk.peer, &talk.wire);
        assert_int_equal(step, want_done ? TLS_DONE : TLS_FAILED);
        if (want_done) {
                struct tls_identity *identity = tls_session_identity(talk.session);
                assert_int_equal(identity->resumed, want);
                assert_int_equal(identity->cert_n, cert ? 1 : 0);
                tls_identity_free(identity);
                round_trip(talk.session, &talk.peer, &talk.wire, 1000);
        }
        SSL_SESSION_free(ticket);
        talk_fini(&talk);
}

static void tickets_work_within_a_context_only(void **state)
{
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                struct tls_ctx *open = server_ctx("server", false, TLS_VERSION_1_2);
                struct tls_ctx *strict = server_ctx("server", true, TLS_VERSION_1_2);
                struct tls_ctx *strict_again = server_ctx("server", true, TLS_VERSION_1_2);
                struct tls_ctx *monitor = NULL;
                struct errbuf eb;
                assert_int_equal(tls_ctx_without_verify(strict, &monitor, &eb), 0);
                assert_false(tls_ctx_requires_client_cert(monitor));
                check_resume(tls_ctx_ref(open), tls_ctx_ref(open), version, NULL, true, true);
                check_resume(
                        tls_ctx_ref(strict), tls_ctx_ref(strict), version, "client", true, true);
                check_resume(strict_again, tls_ctx_ref(strict), version, "client", false, true);
                /* no certificate, and a ticket from where none was needed */
                check_resume(open, tls_ctx_ref(strict), version, NULL, false, false);
                check_resume(monitor, strict, version, NULL, false, false);
        }
}

/* A reload that changes nothing goes on with the tickets; any difference ends them. */
static void tickets_survive_what_changes_nothing(void **state)
{
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                struct tls_ctx *first = server_ctx("server", true, TLS_VERSION_1_2);
                struct tls_ctx *same = server_ctx("server", true, TLS_VERSION_1_2);
                struct tls_ctx *other = server_ctx("server-two", true, TLS_VERSION_1_2);
                tls_ctx_keep_tickets(same, first);
                tls_ctx_keep_tickets(other, first);
                check_resume(tls_ctx_ref(first), tls_ctx_ref(same), version, "client", true, true);
                check_resume(first, other, version, "client", false, true);
                tls_ctx_unref(same);
        }
}

/* A ticket ends with the first certificate of the chain that does, not with the leaf alone. */
static void tickets_end_with_the_chain(void **state)
{
        struct tls_pair brief, leaf;
        struct mint_spec spec = { .name = "brief", .ca = true, .from_s = -3600, .to_s = 3 };
        test_mint("brief", spec, &test_ca, &brief);
        test_mint("client-brief", (struct mint_spec){ .name = "c", .usage = "clientAuth" }, &brief,
                &leaf);
        sk_X509_push(leaf.chain, brief.leaf);
        X509_up_ref(brief.leaf);
        test_save("client-brief", &leaf);
        struct tls_ctx *ctx = server_ctx("server", true, TLS_VERSION_1_2);
        const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
        SSL_SESSION *tickets[2];
        struct talk talk;
        for (int i = 0; i < 2; i++) {
                talk_open(&talk, tls_ctx_ref(ctx), client_for(versions[i], "client-brief"));
                tickets[i] = ticket_of(&talk);
                talk_fini(&talk);
        }
        while (X509_cmp_current_time(X509_get0_notAfter(brief.leaf)) > 0)
                usleep(50 * 1000);
        for (int i = 0; i < 2; i++) {
                talk_init(&talk, tls_ctx_ref(ctx), client_for(versions[i], "client"));
                assert_int_equal(SSL_set_session(talk.peer.ssl, tickets[i]), 1);
                assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
                struct tls_identity *identity = tls_session_identity(talk.session);
                assert_false(identity->resumed);
                tls_identity_free(identity);
                SSL_SESSION_free(tickets[i]);
                talk_fini(&talk);
        }
        tls_ctx_unref(ctx);
        pem_pair_fini(&brief);
        pem_pair_fini(&leaf);
}

/* --- identity -----------------------------------------------------------------------------------
 */

static void identity_tells_what_was_proved(void **state)
{
        struct talk talk;
        SSL_CTX *client = peer_ctx();
        peer_present(client, "client-chain");
        assert_true(SSL_CTX_set1_groups_list(client, "P-384"));
        talk_init(&talk, server_ctx("server", true, TLS_VERSION_1_2), client);
        SSL_set_tlsext_host_name(talk.peer.ssl, "a.example.org");
        assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
        struct tls_identity *identity = tls_session_identity(talk.session);
        assert_string_equal(identity->version, "1.3");
        assert_string_equal(identity->cipher, "TLS_AES_128_GCM_SHA256");
        assert_string_equal(identity->group, "CurveP384");
        assert_string_equal(identity->sni, "a.example.org");
        assert_false(identity->resumed);
        assert_int_equal(identity->cert_n, 2);
        assert_string_equal(identity->certs[0].subject, "CN=client,O=midge test");
        assert_string_equal(identity->certs[1].subject, "CN=middle,O=midge test");
        assert_int_equal(strlen(identity->certs[0].cert_sha256), 64);
        unsigned char digest[32];
        char hex[65];
        X509_pubkey_digest(
                test_middle.leaf, EVP_sha256(), digest, NULL); /* of the bare key: differs */
        text_hex(digest, 32, hex);
        assert_string_not_equal(identity->certs[1].spki_sha256, hex);
        unsigned char *der = NULL;
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(test_middle.leaf), &der);
        assert_true(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL));
        OPENSSL_free(der);
        text_hex(digest, 32, hex);
        assert_string_equal(identity->certs[1].spki_sha256, hex);
        assert_true(X509_digest(test_middle.leaf, EVP_sha256(), digest, NULL));
        text_hex(digest, 32, hex);
        assert_string_equal(identity->certs[1].cert_sha256, hex);
        tls_identity_free(identity);
        talk_fini(&talk);
}

/* --- several certificates -----------------------------------------------------------------------
 */

static void check_pick(const char *sni, int version, const char *suites, const char *want)
{
        struct tls_pair_options pairs[] = {
                { test_path("server-rsa.pem"), test_path("server-rsa-key.pem") },
                { test_path("server.pem"), test_path("server-key.pem") },
                { test_path("server-two.pem"), test_path("server-two-key.pem") },
        };
        struct tls_options opts = { .pairs = pairs, .pair_n = 3 };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb;
        struct talk talk;
        SSL_CTX *client = client_for(version, NULL);
        if (suites)
                assert_true(SSL_CTX_set_cipher_list(client, suites));
        assert_int_equal(tls_ctx_new_server(&opts, &ctx, &eb), 0);
        talk_init(&talk, ctx, client);
        if (sni)
                SSL_set_tlsext_host_name(talk.peer.ssl, sni);
        assert_int_equal(shake(talk.session, &talk.peer, &talk.wire), TLS_DONE);
        FILE *file = fopen(test_path(want), "rb");
        X509 *expected = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
        assert_int_equal(X509_cmp(SSL_get0_peer_certificate(talk.peer.ssl), expected), 0);
        X509_free(expected);
        talk_fini(&talk);
}

static void certificate_follows_the_hello(void **state)
{
        check_pick(NULL, TLS1_3_VERSION, NULL, "server-rsa.pem");
        check_pick("localhost", TLS1_3_VERSION, NULL, "server-rsa.pem");
        check_pick("two.example.net", TLS1_3_VERSION, NULL, "server-two.pem");
        check_pick("nobody.example.com", TLS1_3_VERSION, NULL, "server-rsa.pem");
        check_pick("a.example.org", TLS1_2_VERSION, NULL, "server-rsa.pem");
        check_pick("a.example.org", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", "server.pem");
        check_pick(NULL, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", "server.pem");
}

/* --- the client side ----------------------------------------------------------------------------
 */

struct client_case {
        const char *host, *ca, *cert;
        bool insecure;
        enum tls_step want; /* the client's */
        const char *text;   /* its verdict's, or what the server's begins with */
};

static struct tls_ctx *client_ctx(const struct client_case *c)
{
        char key[64];
        snprintf(key, sizeof(key), "%.*s-key.pem", c->cert ? (int)strlen(c->cert) - 4 : 0, c->cert);
        struct tls_client_options opts = { .ca_file = c->ca ? test_path(c->ca) : NULL,
                .cert_file = c->cert ? test_path(c->cert) : NULL,
                .key_file = c->cert ? test_path(key) : NULL,
                .insecure = c->insecure };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb;
        assert_int_equal(tls_ctx_new_client(&opts, &ctx, &eb), 0);
        return ctx;
}

static void check_client(const struct client_case *c)
{
        struct tls_ctx *sctx = server_ctx("server", c->cert != NULL, TLS_VERSION_1_2);
        struct tls_ctx *cctx = client_ctx(c);
        struct tls_session *server = tls_session_new(sctx, NULL);
        struct tls_session *client = tls_session_new(cctx, c->host);
        struct buf to_server = { 0 }, to_client = { 0 };
        enum tls_step step = TLS_WANT_READ, other = TLS_WANT_READ;
        for (int i = 0; i < 5; i++) {
                struct slice in = buf_slice(&to_client);
                step = tls_session_handshake(client, &in, &to_server);
                buf_consume(&to_client, to_client.len - in.len);
                in = buf_slice(&to_server);
                other = tls_session_handshake(server, &in, &to_client);
                buf_consume(&to_server, to_server.len - in.len);
        }
        assert_int_equal(step, c->want);
        assert_int_equal(other, c->want);
        if (c->want == TLS_FAILED) {
                const char *text = tls_session_verdict(client)->text;
                assert_int_equal(strncmp(text, c->text, strlen(c->text)), 0);
                assert_string_equal(
                        tls_session_verdict(server)->text, "remote error: tls: bad certificate");
        } else {
                char text[8];
                assert_int_equal(tls_session_write(client, SLICE_LIT("ping"), &to_server), 0);
                struct slice in = buf_slice(&to_server);
                assert_int_equal(tls_session_read(server, &in, text, 8), 4);
        }
        tls_session_free(server);
        tls_session_free(client);
        tls_ctx_unref(sctx);
        tls_ctx_unref(cctx);
        buf_fini(&to_server);
        buf_fini(&to_client);
}

static void client_side_verifies(void **state)
{
#define X509_ "tls: failed to verify certificate: x509: "
        static const struct client_case cases[] = {
                { "localhost", "ca.pem", NULL, false, TLS_DONE, NULL },
                { "b.example.org", "ca.pem", "client.pem", false, TLS_DONE, NULL },
                { "127.0.0.1", "ca.pem", NULL, false, TLS_DONE, NULL },
                { "anything", "other.pem", NULL, true, TLS_DONE, NULL },
                { "localhost", "server.pem", NULL, false, TLS_DONE, NULL },
                { "localhost", "other.pem", NULL, false, TLS_FAILED,
                        X509_ "certificate signed by unknown authority (CN=server,O=midge test "
                              "SHA-256: " },
                { "elsewhere", "ca.pem", NULL, false, TLS_FAILED,
                        X509_
                        "certificate is valid for localhost, *.example.org, not elsewhere (" },
                { "a.b.example.org", "ca.pem", NULL, false, TLS_FAILED,
                        X509_ "certificate is valid for localhost, *.example.org, not "
                              "a.b.example.org (" },
                { "10.0.0.1", "ca.pem", NULL, false, TLS_FAILED,
                        X509_ "certificate is valid for 127.0.0.1, not 10.0.0.1 (" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                check_client(&cases[i]);
#undef X509_
}

/* Shake hands and let the client read, because tickets come behind the handshake of TLS 1.3. */
static bool resumes(struct tls_session *client, struct tls_ctx *server_side)
{
        struct tls_session *server = tls_session_new(server_side, NULL);
        struct buf to_server = { 0 }, to_client = { 0 };
        enum tls_step step = TLS_WANT_READ;
        struct slice in;
        char text[8];
        for (int i = 0; i < 5; i++) {
                in = buf_slice(&to_client);
                step = tls_session_handshake(client, &in, &to_server);
                buf_consume(&to_client, to_client.len - in.len);
                in = buf_slice(&to_server);
                assert_int_not_equal(tls_session_handshake(server, &in, &to_client), TLS_FAILED);
                buf_consume(&to_server, to_server.len - in.len);
        }
        assert_int_equal(step, TLS_DONE);
        in = buf_slice(&to_client);
        assert_int_equal(tls_session_read(client, &in, text, sizeof(text)), ERR_AGAIN);
        bool resumed = tls_session_resumed(client);
        assert_int_equal(tls_session_resumed(server), resumed);
        tls_session_free(server);
        tls_session_free(client);
        buf_fini(&to_server);
        buf_fini(&to_client);
        return resumed;
}

static void client_side_resumes_when_told(void **state)
{
        (void)state;
        for (int told = 0; told <= 1; told++) {
                struct tls_client_options opts = { .ca_file = test_path("ca.pem"), .resume = told };
                struct tls_ctx *server_side = server_ctx("server", false, TLS_VERSION_1_2), *ctx;
                struct errbuf eb;
                assert_int_equal(tls_ctx_new_client(&opts, &ctx, &eb), 0);
                assert_false(resumes(tls_session_new(ctx, "localhost"), server_side));
                assert_int_equal(resumes(tls_session_new(ctx, "localhost"), server_side), told);
                /* two that begin with the same ticket */
                struct tls_session *one = tls_session_new(ctx, "localhost"),
                                   *other = tls_session_new(ctx, "localhost");
                assert_int_equal(resumes(one, server_side), told);
                assert_int_equal(resumes(other, server_side), told);
                tls_ctx_unref(server_side);
                tls_ctx_unref(ctx);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(suites_have_gos_names),
        cmocka_unit_test(input_may_come_byte_by_byte),
        cmocka_unit_test(data_behind_the_handshake_is_kept),
        cmocka_unit_test(only_a_finished_message_is_light),
        cmocka_unit_test(large_data_makes_full_records),
        cmocka_unit_test(data_flows_behind_every_handshake),
        cmocka_unit_test(short_records_are_kept_to),
        cmocka_unit_test(a_full_buffer_fails_the_write),
        cmocka_unit_test(both_sides_may_update_keys),
        cmocka_unit_test(a_broken_record_ends_the_session),
        cmocka_unit_test(an_alert_behind_the_handshake_is_told),
        cmocka_unit_test(close_notify_is_sent_once_and_understood),
        cmocka_unit_test(tickets_work_within_a_context_only),
        cmocka_unit_test(tickets_survive_what_changes_nothing),
        cmocka_unit_test(tickets_end_with_the_chain),
        cmocka_unit_test(identity_tells_what_was_proved),
        cmocka_unit_test(certificate_follows_the_hello),
        cmocka_unit_test(client_side_verifies),
        cmocka_unit_test(client_side_resumes_when_told),
};

int main(void)
{
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
