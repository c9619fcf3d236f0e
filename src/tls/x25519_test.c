/* SPDX-License-Identifier: Apache-2.0 */
/* The figures are those of RFC 7748; the library's own X25519 is the judge of the rest. */
#include "base/macros.h"
#include "tls/provider.h"
#include "tls/tls_internal.h"
#include "tls/tls_test.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>
#include <sys/wait.h>

#define OURS "?provider=midge"
#define THEIRS "?provider=default"

enum { BYTES = 32, PAIR_N = 200 };

static void bytes_of(const char *hex, uint8_t dst[BYTES])
{
        size_t n = 0;
        assert_int_equal(OPENSSL_hexstr2buf_ex(dst, BYTES, &n, hex, '\0'), 1);
        assert_int_equal(n, BYTES);
}

static const char *maker_of(const EVP_PKEY *key)
{
        return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

static EVP_PKEY *generate(const char *query)
{
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, query, "X25519");
        assert_non_null(key);
        assert_string_equal(maker_of(key), strchr(query, '=') + 1);
        return key;
}

static EVP_PKEY *private_key(const char *query, const uint8_t bytes[BYTES])
{
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", query, bytes, BYTES);
        assert_non_null(key);
        assert_string_equal(maker_of(key), strchr(query, '=') + 1);
        return key;
}

static EVP_PKEY *public_key(const char *query, const uint8_t bytes[BYTES])
{
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", query, bytes, BYTES);
        assert_non_null(key);
        return key;
}

/* As libssl does it: false when there is no secret. */
static bool derive(const char *query, EVP_PKEY *own, EVP_PKEY *peer, uint8_t dst[BYTES])
{
        size_t n = 0;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, query);
        bool ok = EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
                  EVP_PKEY_derive(ctx, NULL, &n) > 0 && n == BYTES &&
                  EVP_PKEY_derive(ctx, dst, &n) > 0 && n == BYTES;
        EVP_PKEY_CTX_free(ctx);
        ERR_clear_error();
        return ok;
}

static void check_product(const char *scalar, const char *point, const char *want)
{
        uint8_t own[BYTES], peer[BYTES], secret[BYTES], wanted[BYTES];
        bytes_of(scalar, own);
        bytes_of(point, peer);
        bytes_of(want, wanted);
        EVP_PKEY *own_key = private_key(OURS, own), *peer_key = public_key(OURS, peer);
        assert_true(derive(OURS, own_key, peer_key, secret));
        assert_memory_equal(secret, wanted, BYTES);
        EVP_PKEY_free(own_key);
        EVP_PKEY_free(peer_key);
}

static void multiplies_as_the_standard(void **state)
{
        (void)state;
        /* section 5.2 */
        check_product("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
        check_product("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
        check_product("0900000000000000000000000000000000000000000000000000000000000000",
                "0900000000000000000000000000000000000000000000000000000000000000",
                "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
}

/* Section 6.1. */
static void agrees_with_alice_and_bob(void **state)
{
        static const struct {
                const char *private_half, *public_half;
        } keys[] = {
                { "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a" },
                { "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f" },
        };
        (void)state;
        for (size_t i = 0; i < 2; i++) {
                uint8_t own[BYTES], want[BYTES], *encoded;
                bytes_of(keys[i].private_half, own);
                bytes_of(keys[i].public_half, want);
                EVP_PKEY *key = private_key(OURS, own);
                assert_int_equal(EVP_PKEY_get1_encoded_public_key(key, &encoded), BYTES);
                assert_memory_equal(encoded, want, BYTES);
                OPENSSL_free(encoded);
                EVP_PKEY_free(key);
                check_product(keys[i].private_half, keys[1 - i].public_half,
                        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        }
}

/* Each side makes a key and computes from the other's; the library carries keys from one to the other. */
static void agrees_with_the_library(void **state)
{
        uint8_t a[BYTES], b[BYTES], c[BYTES], last[BYTES] = { 0 };
        (void)state;
        for (int i = 0; i < PAIR_N; i++) {
                EVP_PKEY *ours = generate(OURS), *theirs = generate(THEIRS);
                assert_true(derive(OURS, ours, theirs, a));
                assert_true(derive(THEIRS, theirs, ours, b));
                assert_true(derive(THEIRS, ours, theirs, c));
                assert_memory_equal(a, b, BYTES);
                assert_memory_equal(a, c, BYTES);
                assert_memory_not_equal(a, last, BYTES);
                memcpy(last, a, BYTES);
                EVP_PKEY_free(ours);
                EVP_PKEY_free(theirs);
        }
}

/* The points of order 1, 2, 4 and 8, also as numbers beyond the prime, and with the bit that does not count. */
static void refuses_points_of_small_order(void **state)
{
        static const char *const points[] = {
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        };
        (void)state;
        EVP_PKEY *own = generate(OURS);
        for (size_t i = 0; i < 2 * ARRAY_N(points); i++) {
                uint8_t point[BYTES], secret[BYTES];
                bytes_of(points[i / 2], point);
                point[BYTES - 1] |= i % 2 ? 0x80 : 0;
                EVP_PKEY *peer = public_key(OURS, point);
                assert_false(derive(OURS, own, peer, secret));
                EVP_PKEY_free(peer);
        }
        EVP_PKEY_free(own);
}

/* Section 5: numbers beyond the prime count as what is left of them, and the highest bit does not count. What the
 * library makes of them is the judge: nothing of the first two, which are 0 and 1. */
static void reduces_numbers_beyond_the_prime(void **state)
{
        enum { BEYOND_N = 19 };
        uint8_t scalar[BYTES], point[BYTES], ours[BYTES], theirs[BYTES], reduced[BYTES];
        (void)state;
        bytes_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", scalar);
        EVP_PKEY *our_key = private_key(OURS, scalar), *their_key = private_key(THEIRS, scalar);
        for (int i = 0; i < 2 * BEYOND_N; i++) {
                uint8_t rest[BYTES] = { (uint8_t)(i / 2) };
                memset(point, 0xff, BYTES);
                point[0] = (uint8_t)(0xed + i / 2);
                point[BYTES - 1] = i % 2 ? 0xff : 0x7f;
                EVP_PKEY *our_peer = public_key(OURS, point), *peer = public_key(OURS, rest);
                EVP_PKEY *their_peer = public_key(THEIRS, point);
                bool any = i / 2 > 1;
                assert_int_equal(derive(OURS, our_key, our_peer, ours), any);
                assert_int_equal(derive(OURS, our_key, peer, reduced), any);
                assert_int_equal(derive(THEIRS, their_key, their_peer, theirs), any);
                assert_true(!any || memcmp(ours, theirs, BYTES) == 0);
                assert_true(!any || memcmp(ours, reduced, BYTES) == 0);
                EVP_PKEY_free(our_peer);
                EVP_PKEY_free(their_peer);
                EVP_PKEY_free(peer);
        }
        EVP_PKEY_free(our_key);
        EVP_PKEY_free(their_key);
}

/* What libssl holds of a peer before its share is read. */
static EVP_PKEY *empty_key(void)
{
        EVP_PKEY *key = NULL;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", OURS);
        assert_int_equal(EVP_PKEY_paramgen_init(ctx), 1);
        assert_true(EVP_PKEY_CTX_set_group_name(ctx, "X448") <= 0);
        assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, "X25519"), 1);
        assert_int_equal(EVP_PKEY_paramgen(ctx, &key), 1);
        EVP_PKEY_CTX_free(ctx);
        return key;
}

static void refuses_keys_of_another_length(void **state)
{
        static const size_t lengths[] = { 0, 31, 33 };
        uint8_t bytes[33], secret[BYTES];
        (void)state;
        memset(bytes, 9, sizeof(bytes));
        EVP_PKEY *own = generate(OURS), *peer = empty_key();
        for (size_t i = 0; i < ARRAY_N(lengths); i++) {
                size_t n = lengths[i];
                assert_int_equal(EVP_PKEY_set1_encoded_public_key(peer, bytes, n), 0);
                assert_null(EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", OURS, bytes, n));
                assert_null(EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", OURS, bytes, n));
        }
        assert_false(derive(OURS, own, peer, secret)); /* it has none yet */
        assert_int_equal(EVP_PKEY_set1_encoded_public_key(peer, bytes, BYTES), 1);
        assert_true(derive(OURS, own, peer, secret));
        assert_false(derive(OURS, peer, own, secret)); /* no private half */
        EVP_PKEY_free(own);
        EVP_PKEY_free(peer);
        ERR_clear_error();
}

static void a_public_half_from_the_wire_replaces_both(void **state)
{
        uint8_t bytes[BYTES] = { 9 }, half[BYTES];
        size_t n = BYTES;
        (void)state;
        EVP_PKEY *key = generate(OURS);
        assert_int_equal(EVP_PKEY_get_raw_private_key(key, half, &n), 1);
        assert_int_equal(EVP_PKEY_set1_encoded_public_key(key, bytes, BYTES), 1);
        assert_int_equal(EVP_PKEY_get_raw_private_key(key, half, &n), 0);
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, half, &n), 1);
        assert_memory_equal(half, bytes, BYTES);
        EVP_PKEY_free(key);
        ERR_clear_error();
}

static void keys_are_described_copied_and_compared(void **state)
{
        (void)state;
        EVP_PKEY *key = generate(OURS), *other = generate(OURS), *copy = EVP_PKEY_dup(key);
        EVP_PKEY *blank = EVP_PKEY_new();
        assert_int_equal(EVP_PKEY_get_bits(key), 253);
        assert_int_equal(EVP_PKEY_get_security_bits(key), 128);
        assert_int_equal(EVP_PKEY_get_size(key), BYTES);
        assert_int_equal(EVP_PKEY_eq(key, copy), 1);
        assert_int_equal(EVP_PKEY_eq(key, other), 0);
        assert_int_equal(EVP_PKEY_parameters_eq(key, other), 1);
        /* as libssl makes room for a share of the same group */
        assert_int_equal(EVP_PKEY_copy_parameters(blank, key), 1);
        assert_string_equal(maker_of(blank), "midge");
        assert_int_equal(EVP_PKEY_eq(key, blank), 0);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
        EVP_PKEY_free(copy);
        EVP_PKEY_free(blank);
        ERR_clear_error();
}

static void a_derivation_may_be_copied(void **state)
{
        uint8_t secret[BYTES], want[BYTES];
        size_t n = BYTES, short_n = BYTES - 1;
        (void)state;
        EVP_PKEY *own = generate(OURS), *peer = generate(OURS);
        assert_true(derive(OURS, own, peer, want));
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, OURS);
        assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
        assert_true(EVP_PKEY_derive(ctx, secret, &n) <= 0); /* without a peer */
        assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
        EVP_PKEY_CTX *copy = EVP_PKEY_CTX_dup(ctx);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(own);
        EVP_PKEY_free(peer);
        assert_true(EVP_PKEY_derive(copy, secret, &short_n) <= 0);
        n = BYTES;
        assert_int_equal(EVP_PKEY_derive(copy, secret, &n), 1);
        assert_memory_equal(secret, want, BYTES);
        EVP_PKEY_CTX_free(copy);
        ERR_clear_error();
}

/* ---- handshakes ---------------------------------------------------------------------------- */

static SSL *party(const char *query, bool server, int version)
{
        SSL_CTX *ctx =
                SSL_CTX_new_ex(NULL, query, server ? TLS_server_method() : TLS_client_method());
        assert_int_equal(SSL_CTX_set1_groups_list(ctx, "X25519"), 1);
        SSL_CTX_set_min_proto_version(ctx, version);
        SSL_CTX_set_max_proto_version(ctx, version);
        if (server) {
                const char *cert = test_path("server-rsa.pem"),
                           *key = test_path("server-rsa-key.pem");
                assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, cert), 1);
                assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
        }
        SSL *ssl = SSL_new(ctx);
        SSL_CTX_free(ctx);
        server ? SSL_set_accept_state(ssl) : SSL_set_connect_state(ssl);
        return ssl;
}

static void check_peer_key(SSL *ssl, const char *maker)
{
        EVP_PKEY *share = NULL;
        assert_int_equal(SSL_get_negotiated_group(ssl), NID_X25519);
        assert_int_equal(SSL_get_peer_tmp_key(ssl, &share), 1);
        assert_string_equal(maker_of(share), maker);
        assert_true(EVP_PKEY_is_a(share, "X25519"));
        EVP_PKEY_free(share);
}

static void check_handshake(int version, const char *server_query, const char *client_query)
{
        BIO *here, *there;
        SSL *server = party(server_query, true, version);
        SSL *client = party(client_query, false, version);
        assert_int_equal(BIO_new_bio_pair(&here, 0, &there, 0), 1);
        SSL_set_bio(server, here, here);
        SSL_set_bio(client, there, there);
        for (int i = 0; i < 10 && (!SSL_is_init_finished(server) || !SSL_is_init_finished(client));
                i++) {
                SSL_do_handshake(client);
                SSL_do_handshake(server);
        }
        assert_true(SSL_is_init_finished(server) && SSL_is_init_finished(client));
        if (version == TLS1_3_VERSION) /* a server of 1.2 forgets it with the premaster secret */
                check_peer_key(server, strchr(server_query, '=') + 1);
        check_peer_key(client, strchr(client_query, '=') + 1);
        SSL_free(client);
        SSL_free(server);
}

static void shakes_hands_with_the_librarys_own(void **state)
{
        static const char *const queries[] = { OURS, THEIRS };
        (void)state;
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
                for (int i = 0; i < 4; i++)
                        check_handshake(version, queries[i % 2], queries[i / 2]);
}

/* A session of ours with a peer that is nothing but the library. */
static void check_session(int version)
{
        struct tls_ctx *ctx = server_ctx("server-rsa", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        char text[8];
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_min_proto_version(client, version);
        SSL_CTX_set_max_proto_version(client, version);
        assert_true(SSL_CTX_set1_groups_list(client, "X25519"));
        peer_init(&peer, client);
        assert_int_equal(shake(session, &peer, &wire), TLS_DONE);
        check_peer_key(peer.ssl, "default");
        assert_int_equal(SSL_write(peer.ssl, "PING\r\n", 6), 6);
        peer_take(&peer, &wire.to_server);
        struct slice in = buf_slice(&wire.to_server);
        assert_int_equal(tls_session_read(session, &in, text, sizeof(text)), 6);
        assert_memory_equal(text, "PING\r\n", 6);
        peer_fini(&peer);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

static void serves_a_client_that_has_only_this_group(void **state)
{
        (void)state;
        check_session(TLS1_2_VERSION);
        check_session(TLS1_3_VERSION);
}

/* Ours makes the share that a session answers with, in TLS 1.3 as it reads the ClientHello. */
static void sessions_have_it(void **state)
{
        struct tls_ctx *ctx = server_ctx("server-rsa", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        (void)state;
        peer_init(&peer, peer_ctx());
        SSL_do_handshake(peer.ssl);
        peer_take(&peer, &wire.to_server);
        assert_int_equal(server_turn(session, &wire), TLS_WANT_READ);
        check_peer_key(session->ssl, "midge");
        peer_fini(&peer);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
}

/* Puts u in place of the client's share, which follows these bytes of its next flight. */
static void forge_share(struct wire *wire, const void *before, size_t n, uint8_t u)
{
        uint8_t *at = memmem(wire->to_server.ptr, wire->to_server.len, before, n);
        assert_non_null(at);
        assert_true(at + n + BYTES <= (uint8_t *)wire->to_server.ptr + wire->to_server.len);
        memset(at + n, 0, BYTES);
        at[n] = u;
}

/* The alert that a share of u is answered with; 0: none, the handshake goes on. */
static int forged_share(int version, uint8_t u)
{
        static const uint8_t entry[] = { 0x00, 0x1d, 0x00, BYTES };
        static const uint8_t message[] = { 0x10, 0x00, 0x00, BYTES + 1, BYTES };
        static const uint8_t alert[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL };
        struct tls_ctx *ctx = server_ctx("server-rsa", false, TLS_VERSION_1_2);
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_max_proto_version(client, version);
        assert_true(SSL_CTX_set1_groups_list(client, "X25519"));
        peer_init(&peer, client);
        SSL_do_handshake(peer.ssl);
        peer_take(&peer, &wire.to_server);
        if (version == TLS1_2_VERSION) {
                assert_int_equal(server_turn(session, &wire), TLS_WANT_READ);
                peer_give(&peer, &wire.to_client);
                SSL_do_handshake(peer.ssl);
                peer_take(&peer, &wire.to_server);
                forge_share(&wire, message, sizeof(message), u);
        } else {
                forge_share(&wire, entry, sizeof(entry), u);
        }
        ERR_clear_error();
        bool failed = server_turn(session, &wire) == TLS_FAILED;
        if (failed) {
                assert_int_equal(wire.to_client.len, sizeof(alert) + 1);
                assert_memory_equal(wire.to_client.ptr, alert, sizeof(alert));
        }
        int answer = failed ? wire.to_client.ptr[sizeof(alert)] : 0;
        peer_fini(&peer);
        tls_session_free(session);
        tls_ctx_unref(ctx);
        wire_fini(&wire);
        return answer;
}

/* RFC 8446 section 7.4.2; some of the library's versions call it an internal error. Any other share is taken; in
 * TLS 1.2 it shows in the message that follows. */
static void refuses_a_share_of_small_order(void **state)
{
        (void)state;
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
                for (uint8_t u = 0; u < 2; u++) {
                        int alert = forged_share(version, u);
                        assert_true(alert == SSL_AD_ILLEGAL_PARAMETER ||
                                    alert == SSL_AD_INTERNAL_ERROR);
                }
        assert_int_equal(forged_share(TLS1_3_VERSION, 9), 0);
        assert_int_equal(forged_share(TLS1_2_VERSION, 9), SSL_AD_BAD_RECORD_MAC);
}

/* ---- who is asked -------------------------------------------------------------------------- */

static void the_library_is_first_where_nothing_is_asked(void **state)
{
        (void)state;
        assert_string_equal(provider_query(), "?midge.handshake=yes");
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
        assert_string_equal(maker_of(key), "default");
        EVP_PKEY_free(key);
}

/* In a process of its own, for what is found is kept. */
static void check_in_child(bool (*is_right)(void))
{
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
                _exit(is_right() ? 0 : 1);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static bool all_is_the_librarys(void)
{
        check_session(TLS1_2_VERSION);
        check_session(TLS1_3_VERSION);
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, OURS, "X25519");
        bool theirs = strcmp(maker_of(key), "default") == 0;
        EVP_PKEY_free(key);
        return theirs && provider_query() == NULL;
}

static bool is_away_where(const char *properties)
{
        EVP_set_default_properties(NULL, properties);
        bool found = provider_query() != NULL;
        EVP_set_default_properties(NULL, "");
        return !found && all_is_the_librarys();
}

static bool is_away_where_properties_exclude_it(void)
{
        return is_away_where("fips=yes");
}

static bool is_away_where_another_is_demanded(void)
{
        return is_away_where("provider=default");
}

static bool is_away_where_another_is_preferred(void)
{
        return is_away_where("?provider=default");
}

static const OSSL_ALGORITHM *offers_nothing(void *provider, int operation, int *no_cache)
{
        (void)provider;
        (void)operation;
        *no_cache = 0;
        return NULL;
}

static int stand_in_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
        const OSSL_DISPATCH **out, void **provider)
{
        static const OSSL_DISPATCH functions[] = {
                { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))offers_nothing },
                { 0, NULL },
        };
        (void)in;
        *out = functions;
        *provider = (void *)handle;
        return 1;
}

static bool is_away_where_fips_is_active(void)
{
        return OSSL_PROVIDER_load(NULL, "default") &&
               OSSL_PROVIDER_add_builtin(NULL, "fips", stand_in_init) &&
               OSSL_PROVIDER_load(NULL, "fips") && all_is_the_librarys();
}

static void where_it_is_not_wanted_all_is_the_librarys(void **state)
{
        (void)state;
        check_in_child(is_away_where_properties_exclude_it);
        check_in_child(is_away_where_another_is_demanded);
        check_in_child(is_away_where_another_is_preferred);
        check_in_child(is_away_where_fips_is_active);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                        where_it_is_not_wanted_all_is_the_librarys), /* before any loads it */
                cmocka_unit_test(the_library_is_first_where_nothing_is_asked),
                cmocka_unit_test(multiplies_as_the_standard),
                cmocka_unit_test(agrees_with_alice_and_bob),
                cmocka_unit_test(agrees_with_the_library),
                cmocka_unit_test(refuses_points_of_small_order),
                cmocka_unit_test(reduces_numbers_beyond_the_prime),
                cmocka_unit_test(refuses_keys_of_another_length),
                cmocka_unit_test(a_public_half_from_the_wire_replaces_both),
                cmocka_unit_test(keys_are_described_copied_and_compared),
                cmocka_unit_test(a_derivation_may_be_copied),
                cmocka_unit_test(shakes_hands_with_the_librarys_own),
                cmocka_unit_test(serves_a_client_that_has_only_this_group),
                cmocka_unit_test(sessions_have_it),
                cmocka_unit_test(refuses_a_share_of_small_order),
        };
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
