/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a handshake fails, seen from both ends: the words, who refused, which certificate, and
 * the alert that the client gets. */
#include "tls/verdict.h"
#include "tls/tls_test.h"
#include <errno.h>

#define VERIFY_TEXT "tls: failed to verify certificate: x509: "

struct failure_case {
        const char *server; /* "": no certificate */
        bool verify;
        enum tls_version min;
        const char *client; /* its certificate, or NULL */
        int max_version;
        const char *suites, *groups, *sigalgs; /* the client's; NULL: default */
        enum tls_reason reason;
        int alert;
        const char *text;    /* the verdict's beginning */
        const char *subject; /* of the certificate concerned */
};

static const struct failure_case cases[] = {
        { "", false, 0, NULL, TLS1_3_VERSION, NULL, NULL, NULL, TLS_REASON_NO_CERTIFICATE, 112,
                "tls: no certificates configured", "" },
        { "server", false, 0, NULL, TLS1_1_VERSION, NULL, NULL, NULL, TLS_REASON_VERSION, 70,
                "tls: client offered only unsupported versions: [302 301]", "" },
        { "server", false, TLS_VERSION_1_3, NULL, TLS1_2_VERSION, NULL, NULL, NULL,
                TLS_REASON_VERSION, 70,
                "tls: client offered only unsupported versions: [303 302 301]", "" },
        { "server", false, 0, NULL, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, NULL,
                TLS_REASON_CIPHER, 40, "tls: no cipher suite supported by both client and server",
                "" },
        { "server", false, 0, NULL, TLS1_2_VERSION, "AES128-SHA256", NULL, NULL, TLS_REASON_CIPHER,
                40, "tls: no cipher suite supported by both client and server", "" },
        { "server", false, 0, NULL, TLS1_3_VERSION, NULL, "X448", NULL, TLS_REASON_GROUP, 40,
                "tls: no key exchanges supported by both client and server", "" },
        { "server", false, 0, NULL, TLS1_3_VERSION, NULL, NULL, "RSA-PSS+SHA256",
                TLS_REASON_SIGNATURE_ALGORITHM, 40,
                "tls: peer doesn't support any of the certificate's signature algorithms", "" },
        { "server", true, 0, NULL, TLS1_3_VERSION, NULL, NULL, NULL, TLS_REASON_CERTIFICATE_MISSING,
                116, "tls: client didn't provide a certificate", "" },
        { "server", true, 0, NULL, TLS1_2_VERSION, NULL, NULL, NULL, TLS_REASON_CERTIFICATE_MISSING,
                40, "tls: client didn't provide a certificate", "" },
        { "server", true, 0, "client-other", TLS1_3_VERSION, NULL, NULL, NULL,
                TLS_REASON_UNKNOWN_AUTHORITY, 48,
                VERIFY_TEXT
                "certificate signed by unknown authority (CN=client,O=midge test SHA-256: ",
                "CN=client,O=midge test" },
        { "server", true, 0, "client-other", TLS1_2_VERSION, NULL, NULL, NULL,
                TLS_REASON_UNKNOWN_AUTHORITY, 48,
                VERIFY_TEXT
                "certificate signed by unknown authority (CN=client,O=midge test SHA-256: ",
                "CN=client,O=midge test" },
        { "server", true, 0, "other", TLS1_3_VERSION, NULL, NULL, NULL,
                TLS_REASON_UNKNOWN_AUTHORITY, 48,
                VERIFY_TEXT
                "certificate signed by unknown authority (CN=other CA,O=midge test SHA-256: ",
                "CN=other CA,O=midge test" },
        { "server", true, 0, "client-evil", TLS1_3_VERSION, NULL, NULL, NULL,
                TLS_REASON_UNKNOWN_AUTHORITY, 48,
                VERIFY_TEXT
                "certificate signed by unknown authority (CN=a?b?[1m?,O=midge test SHA-256: ",
                "CN=a?b?[1m?,O=midge test" },
        { "server", true, 0, "client-old", TLS1_3_VERSION, NULL, NULL, NULL, TLS_REASON_EXPIRED, 45,
                VERIFY_TEXT "certificate has expired or is not yet valid: current time 20",
                "CN=client,O=midge test" },
        { "server", true, 0, "client-early", TLS1_3_VERSION, NULL, NULL, NULL, TLS_REASON_EXPIRED,
                45, VERIFY_TEXT "certificate has expired or is not yet valid: current time 20",
                "CN=client,O=midge test" },
        { "server", true, 0, "client-wrong", TLS1_3_VERSION, NULL, NULL, NULL, TLS_REASON_KEY_USAGE,
                42, VERIFY_TEXT "certificate specifies an incompatible key usage (",
                "CN=client,O=midge test" },
};

static int last_alert;

static void on_client_info(const SSL *ssl, int where, int value)
{
        if (where == SSL_CB_READ_ALERT)
                last_alert = value & 0xff;
}

/* "CN=client,O=midge test SHA-256: <64 hex>)" must stand at the end of a certificate's text. */
static void check_hex(const struct tls_verdict *verdict)
{
        const char *mark = strrchr(verdict->text, '(');
        if (verdict->subject[0] == '\0') {
                assert_string_equal(verdict->sha256, "");
                return;
        }
        assert_non_null(mark);
        char want[400];
        snprintf(want, sizeof(want), "(%s SHA-256: %s)", verdict->subject, verdict->sha256);
        assert_string_equal(mark, want);
        assert_int_equal(strlen(verdict->sha256), 64);
}

static void check_failure(const struct failure_case *c)
{
        struct tls_ctx *ctx = server_ctx(c->server, c->verify, c->min);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        SSL_CTX *client = peer_ctx();
        char byte;
        SSL_CTX_set_max_proto_version(client, c->max_version);
        SSL_CTX_set_min_proto_version(client, TLS1_VERSION);
        SSL_CTX_set_info_callback(client, on_client_info);
        if (c->client)
                peer_present(client, c->client);
        assert_true(!c->suites || SSL_CTX_set_cipher_list(client, c->suites));
        assert_true(!c->groups || SSL_CTX_set1_groups_list(client, c->groups));
        assert_true(!c->sigalgs || SSL_CTX_set1_sigalgs_list(client, c->sigalgs));
        peer_init(&peer, client);
        last_alert = -1;
        assert_int_equal(shake(session, &peer, &wire), TLS_FAILED);
        const struct tls_verdict *verdict = tls_session_verdict(session);
        assert_non_null(verdict);
        if (strncmp(verdict->text, c->text, strlen(c->text)) != 0)
                fail_msg("got:  %s\nwant: %s", verdict->text, c->text);
        assert_int_equal(verdict->reason, c->reason);
        assert_int_equal(verdict->side, TLS_SIDE_OURS);
        assert_false(verdict->quiet);
        assert_string_equal(verdict->subject, c->subject);
        check_hex(verdict);
        assert_true(verdict->rule[0] && verdict->remedy[0]);
        /* what the client hears; in TLS 1.3 only at its first read */
        SSL_do_handshake(peer.ssl);
        SSL_read(peer.ssl, &byte, 1);
        ERR_clear_error();
        assert_int_equal(last_alert, c->alert);
        assert_int_equal(verdict->alert, c->alert);
        /* a failed session stays failed and silent */
        struct slice in = SLICE_NULL;
        buf_clear(&wire.to_client);
        assert_int_equal(tls_session_handshake(session, &in, &wire.to_client), TLS_FAILED);
        tls_session_shutdown(session, &wire.to_client);
        assert_int_equal(wire.to_client.len, 0);
        peer_fini(&peer);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

static void failures_explain_themselves(void **state)
{
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                check_failure(&cases[i]);
}

static void what_fits_is_not_refused(void **state)
{
        static const char *const clients[] = { "client", "client-chain", "client-rsa",
                "client-ed" };
        for (size_t i = 0; i < ARRAY_N(clients) * 2; i++) {
                struct tls_ctx *ctx = server_ctx("server", true, TLS_VERSION_1_2);
                struct tls_session *session = tls_session_new(ctx, NULL);
                struct peer peer;
                struct wire wire = { 0 };
                SSL_CTX *client = peer_ctx();
                SSL_CTX_set_max_proto_version(client, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
                peer_present(client, clients[i / 2]);
                peer_init(&peer, client);
                assert_int_equal(shake(session, &peer, &wire), TLS_DONE);
                assert_null(tls_session_verdict(session));
                peer_fini(&peer);
                tls_session_free(session);
                tls_ctx_unref(ctx);
                wire_fini(&wire);
        }
}

struct raw_case {
        const char *name;
        struct slice sent;
        enum tls_step want;
        enum tls_reason reason;
        enum tls_side side;
        bool quiet;
        const char *text;
        struct slice answer;
};

static const struct raw_case raw_cases[] = {
        { "plaintext", { "CONNECT {}\r\n", 12 }, TLS_FAILED, TLS_REASON_PLAIN_NATS, TLS_SIDE_PEER,
                true, "tls: first record does not look like a TLS handshake", { "", 0 } },
        { "HTTP", { "GET / HTTP/1.1\r\n\r\n", 18 }, TLS_FAILED, TLS_REASON_HTTP, TLS_SIDE_PEER,
                true, "tls: first record does not look like a TLS handshake", { "", 0 } },
        { "too short to tell", { "PING", 4 }, TLS_WANT_READ, 0, 0, false, NULL, { "", 0 } },
        { "handshake type, absurd version", { "\x16\x47\x45\x00\x05\x01", 6 }, TLS_FAILED,
                TLS_REASON_NOT_TLS, TLS_SIDE_PEER, true,
                "tls: first record does not look like a TLS handshake", { "", 0 } },
        { "SSLv2", { "\x80\x2e\x01\x00\x02\x00\x15", 7 }, TLS_FAILED, TLS_REASON_SSLV2,
                TLS_SIDE_OURS, false, "tls: unsupported SSLv2 handshake received",
                { "\x15\x03\x01\x00\x02\x02\x46", 7 } },
        { "an alert first", { "\x15\x03\x01\x00\x02\x02\x2a", 7 }, TLS_FAILED,
                TLS_REASON_PEER_REJECTED, TLS_SIDE_PEER, false,
                "remote error: tls: bad certificate", { "", 0 } },
        { "another alert first", { "\x15\x03\x01\x00\x02\x02\x2b", 7 }, TLS_FAILED,
                TLS_REASON_PEER_REJECTED, TLS_SIDE_PEER, false,
                "remote error: tls: unsupported certificate", { "", 0 } },
        { "half a record", { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9 }, TLS_WANT_READ, 0, 0,
                false, NULL, { "", 0 } },
        { "not a ClientHello", { "\x16\x03\x01\x00\x04\x0e\x00\x00\x00", 9 }, TLS_FAILED,
                TLS_REASON_PROTOCOL, TLS_SIDE_OURS, false, "local error: tls: unexpected message",
                { "\x15\x03\x03\x00\x02\x02\x0a", 7 } },
};

static void check_raw(const struct raw_case *c, size_t step)
{
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct wire wire = { .step_bytes = step };
        buf_append_slice(&wire.to_server, c->sent);
        enum tls_step got = server_turn(session, &wire);
        const struct tls_verdict *verdict = tls_session_verdict(session);
        if (got != c->want)
                fail_msg("%s: step %d", c->name, got);
        if (got == TLS_FAILED) {
                assert_string_equal(verdict->text, c->text);
                assert_int_equal(verdict->reason, c->reason);
                assert_int_equal(verdict->side, c->side);
                assert_int_equal(verdict->quiet, c->quiet);
        } else {
                assert_null(verdict);
        }
        if (!slice_eq(buf_slice(&wire.to_client), c->answer))
                fail_msg("%s: answered %zu bytes", c->name, wire.to_client.len);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

static void first_bytes_are_judged(void **state)
{
        for (size_t i = 0; i < ARRAY_N(raw_cases); i++) {
                check_raw(&raw_cases[i], 0);
                check_raw(&raw_cases[i], 1);
        }
}

/* Real ClientHellos with one byte changed, cut, or random: any outcome but a crash or silence about
 * it. */
static void garbage_is_survived(void **state)
{
        struct tls_ctx *ctx = server_ctx("server", true, TLS_VERSION_1_2);
        struct peer peer;
        struct buf hello = { 0 };
        peer_init(&peer, peer_ctx());
        SSL_do_handshake(peer.ssl);
        peer_take(&peer, &hello);
        for (size_t i = 0; i < hello.len * 2; i++) {
                struct tls_session *session = tls_session_new(ctx, NULL);
                struct wire wire = { 0 };
                buf_append(&wire.to_server, hello.ptr, i % 2 ? i / 2 : hello.len);
                if (i % 2 == 0)
                        wire.to_server.ptr[i / 2] ^= (char)(1 + i % 255);
                enum tls_step step = server_turn(session, &wire);
                assert_int_not_equal(step, TLS_DONE);
                assert_int_equal(step == TLS_FAILED, tls_session_verdict(session) != NULL);
                tls_session_free(session);
                wire_fini(&wire);
        }
        peer_fini(&peer);
        buf_fini(&hello);
        tls_ctx_unref(ctx);
}

/* A ClientHello that never ends is cut off at 64 KiB. */
static void endless_hello_is_cut_off(void **state)
{
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct wire wire = { 0 };
        char record[5 + 16384] = "\x16\x03\x01\x40\x00";
        enum tls_step step = TLS_WANT_READ;
        int sent = 0;
        record[5] = 1;
        record[6] = 1; /* 0x01fff0 bytes follow: just below the library's own limit */
        record[7] = (char)0xff;
        record[8] = (char)0xf0;
        for (; sent < 9 && step == TLS_WANT_READ; sent++) {
                buf_append(&wire.to_server, record, sizeof(record));
                step = server_turn(session, &wire);
                memset(record + 5, 0, sizeof(record) - 5);
        }
        assert_int_equal(step, TLS_FAILED);
        assert_int_equal(sent, 5);
        assert_int_equal(tls_session_verdict(session)->reason, TLS_REASON_TOO_LARGE);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

static void peers_alert_is_told(void **state)
{
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                struct tls_session *session = tls_session_new(ctx, NULL);
                struct peer peer;
                struct wire wire = { 0 };
                SSL_CTX *client = peer_ctx();
                SSL_CTX_set_max_proto_version(client, version);
                SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL); /* against nothing */
                peer_init(&peer, client);
                assert_int_equal(shake(session, &peer, &wire), TLS_FAILED);
                const struct tls_verdict *verdict = tls_session_verdict(session);
                assert_string_equal(
                        verdict->text, "remote error: tls: unknown certificate authority");
                assert_int_equal(verdict->side, TLS_SIDE_PEER);
                assert_int_equal(verdict->alert, 48);
                peer_fini(&peer);
                tls_session_free(session);
                wire_fini(&wire);
        }
        tls_ctx_unref(ctx);
}

static void close_notify_during_the_handshake_is_eof(void **state)
{
        static const char alert[] = "\x15\x03\x01\x00\x02\x01\x00";
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct slice in = slice_of(alert, 7);
        struct buf out = { 0 };
        assert_int_equal(tls_session_handshake(session, &in, &out), TLS_FAILED);
        assert_string_equal(tls_session_verdict(session)->text, "EOF");
        assert_int_equal(tls_session_verdict(session)->side, TLS_SIDE_NETWORK);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        buf_fini(&out);
}

static void network_verdicts(void **state)
{
        struct tls_verdict verdict;
        tls_verdict_network(&verdict, ERR_EOF);
        assert_string_equal(verdict.text, "EOF");
        assert_int_equal(verdict.reason, TLS_REASON_EOF);
        assert_false(verdict.quiet);
        tls_verdict_network(&verdict, -ECONNRESET);
        assert_string_equal(verdict.text, "read: connection reset by peer");
        assert_string_equal(tls_side_name(verdict.side), "network");
        tls_verdict_probe(&verdict, -ECONNRESET);
        assert_string_equal(verdict.text, "read: connection reset by peer");
        assert_int_equal(verdict.reason, TLS_REASON_PROBE);
        assert_false(verdict.quiet);
        tls_verdict_probe(&verdict, ERR_EOF);
        assert_string_equal(verdict.text, "EOF");
        assert_true(tls_reason_is_noise(verdict.reason));
        assert_false(tls_reason_is_noise(TLS_REASON_PLAIN_NATS));
        tls_verdict_timeout(&verdict);
        assert_string_equal(tls_reason_name(verdict.reason), "timeout");
        assert_true(verdict.quiet);
        tls_verdict_busy(&verdict);
        assert_string_equal(tls_side_name(verdict.side), "ours");
        assert_string_equal(tls_alert_text(116), "certificate required");
        assert_null(tls_alert_text(200));
        for (int i = 0; i < TLS_REASON_COUNT; i++)
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(tls_reason_name((enum tls_reason)i),
                                tls_reason_name((enum tls_reason)j));
}

static void one_line_tells_all(void **state)
{
        struct tls_verdict verdict;
        char line[TLS_VERDICT_LINE_BYTES];
        tls_verdict_set(&verdict, TLS_REASON_EXPIRED, "x509: expired");
        tls_verdict_line(&verdict, line, sizeof line);
        assert_string_equal(line,
                "expired, refused by ours; rule: the certificate must be within its dates; "
                "remedy: renew the certificate; check the clocks of both machines");
        tls_verdict_set_cert(&verdict, SLICE_LIT("CN=a\nb"), "0123");
        tls_verdict_line(&verdict, line, sizeof line);
        assert_string_equal(line,
                "expired, refused by ours, certificate CN=a?b SHA-256: 0123; rule: the certificate "
                "must be within its dates; remedy: renew the certificate; check the clocks of both "
                "machines");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(failures_explain_themselves),
                cmocka_unit_test(what_fits_is_not_refused),
                cmocka_unit_test(first_bytes_are_judged),
                cmocka_unit_test(garbage_is_survived),
                cmocka_unit_test(endless_hello_is_cut_off),
                cmocka_unit_test(peers_alert_is_told),
                cmocka_unit_test(close_notify_during_the_handshake_is_eof),
                cmocka_unit_test(network_verdicts),
                cmocka_unit_test(one_line_tells_all),
        };
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
