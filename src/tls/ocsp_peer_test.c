/* SPDX-License-Identifier: Apache-2.0 */
/* The check alone, and around it the end of a handshake: what a peer that is refused gets to see. */
#include "tls/ocsp_peer.h"
#include "tls/tls_test.h"
#include "tls/ocsp_test.h"
#include "tls/tls_internal.h"
#include "tls/verify.h"

#define HOUR_S 3600
#define NS ((int64_t)NS_PER_SEC)

static struct tls_pair middle, leaf, plain;
static struct ocsp_cache *cache;
static struct ocsp_peer *peers;

static int setup(void **state)
{
        test_setup(state);
        struct mint_spec spec = {
                .name = "named middle", .ca = true, .aia = "OCSP;URI:http://127.0.0.1:1/root"
        };
        test_mint("p-middle", spec, &test_ca, &middle);
        test_mint("p-leaf",
                (struct mint_spec){ .name = "leaf",
                        .usage = "clientAuth",
                        .aia = "OCSP;URI:http://127.0.0.1:1/middle" },
                &middle, &leaf);
        sk_X509_push(leaf.chain, middle.leaf);
        X509_up_ref(middle.leaf);
        test_save("p-leaf", &leaf);
        test_mint("p-plain", (struct mint_spec){ .name = "plain", .usage = "clientAuth" }, &test_ca,
                &plain);
        return 0;
}

static int teardown(void **state)
{
        pem_pair_fini(&middle);
        pem_pair_fini(&leaf);
        pem_pair_fini(&plain);
        return test_teardown(state);
}

static void begin(struct ocsp_peer_options policy, enum ocsp_cache_type type)
{
        const struct ocsp_cache_options opts = { type, test_path("no-store"), true, 0 };
        policy.ca_timeout_ns = 2 * NS;
        policy.default_ttl_ns = HOUR_S * NS;
        cache = ocsp_cache_new(&opts);
        ocsp_cache_start(cache);
        peers = ocsp_peer_new(&policy, cache, NULL);
}

static void end(void)
{
        ocsp_peer_unref(peers);
        ocsp_cache_unref(cache);
}

static STACK_OF(X509) * chain_of(X509 *a, X509 *b, X509 *c)
{
        STACK_OF(X509) *chain = sk_X509_new_null();
        X509 *all[] = { a, b, c };
        for (size_t i = 0; i < ARRAY_N(all) && all[i]; i++) {
                X509_up_ref(all[i]);
                sk_X509_push(chain, all[i]);
        }
        return chain;
}

static struct ocsp_check *check_leaf(void)
{
        return ocsp_check_new(peers, chain_of(leaf.leaf, middle.leaf, test_ca.leaf), false);
}

/* Answer the check's question as a responder would; settle: as the one who asks does. */
static void answer_of(struct ocsp_check *check, int status, int64_t this_s, bool settle)
{
        struct ocsp_question *question = ocsp_check_take_question(check);
        bool about_leaf = X509_cmp(question->cert, leaf.leaf) == 0;
        const struct tls_pair *by = about_leaf ? &middle : &test_ca;
        struct buf der = { 0 };
        test_answer(question->cert, by->leaf,
                (struct test_answer){
                        .status = status, .this_s = this_s, .next_s = HOUR_S, .by = by },
                &der);
        struct ocsp_answer *got = ocsp_answer_new(buf_slice(&der));
        if (settle)
                ocsp_question_settle(question, got);
        ocsp_check_answer(check, got);
        ocsp_answer_unref(got);
        ocsp_question_free(question);
        buf_fini(&der);
}

static void answer(struct ocsp_check *check, int status, bool settle)
{
        answer_of(check, status, -60, settle);
}

static void fail_to_answer(struct ocsp_check *check)
{
        struct ocsp_answer *got = ocsp_answer_failed("no way");
        ocsp_question_free(ocsp_check_take_question(check));
        ocsp_check_answer(check, got);
        ocsp_answer_unref(got);
}

static void test_both_links(void **state)
{
        for (int settle = 0; settle < 2; settle++) {
                begin((struct ocsp_peer_options){ .verify = true },
                        settle ? OCSP_CACHE_LOCAL : OCSP_CACHE_NONE);
                struct ocsp_check *check = check_leaf();
                assert_int_equal(ocsp_check_run(check), OCSP_ASK);
                answer(check, V_OCSP_CERTSTATUS_GOOD, settle);
                assert_int_equal(ocsp_check_run(check), OCSP_ASK);
                answer(check, V_OCSP_CERTSTATUS_GOOD, settle);
                assert_int_equal(ocsp_check_run(check), OCSP_PASSED);
                ocsp_check_free(check);
                check = check_leaf();
                assert_int_equal(ocsp_check_run(check), settle ? OCSP_PASSED : OCSP_ASK);
                ocsp_check_free(check); /* with its question */
                end();
        }
}

static void test_question(void **state)
{
        begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
        struct ocsp_check *a = check_leaf(), *b = check_leaf();
        struct buf request = { 0 };
        assert_int_equal(ocsp_check_run(a), OCSP_ASK);
        assert_int_equal(ocsp_check_run(b), OCSP_ASK);
        struct ocsp_question *one = ocsp_check_take_question(a), *two = ocsp_check_take_question(b);
        assert_true(ocsp_question_is_same(one, two));
        assert_int_equal(one->urls.n, 1);
        assert_string_equal(one->urls.at[0], "http://127.0.0.1:1/middle");
        assert_int_equal(ocsp_request(leaf.leaf, middle.leaf, &request), 0);
        assert_true(slice_eq(buf_slice(&one->request), buf_slice(&request)));
        two->digest[0] ^= 1;
        assert_false(ocsp_question_is_same(one, two));
        ocsp_question_free(one);
        ocsp_question_free(two);
        ocsp_check_free(a);
        ocsp_check_free(b);
        buf_fini(&request);
        end();
}

static void refuse_second(struct ocsp_check *check, int status)
{
        assert_int_equal(ocsp_check_run(check), OCSP_ASK);
        answer(check, V_OCSP_CERTSTATUS_GOOD, true);
        assert_int_equal(ocsp_check_run(check), OCSP_ASK);
        if (status < 0)
                fail_to_answer(check);
        else
                answer(check, status, true);
}

static void test_refusals(void **state)
{
        static const struct {
                int status; /* -1: nobody answers */
                struct ocsp_peer_options policy;
                enum ocsp_step step;
                enum tls_reason reason;
        } cases[] = {
                { V_OCSP_CERTSTATUS_REVOKED, { 0 }, OCSP_REFUSED, TLS_REASON_OCSP_REVOKED },
                { V_OCSP_CERTSTATUS_UNKNOWN, { 0 }, OCSP_REFUSED, TLS_REASON_OCSP_UNKNOWN },
                { -1, { 0 }, OCSP_REFUSED, TLS_REASON_OCSP_UNAVAILABLE },
                { V_OCSP_CERTSTATUS_REVOKED, { .warn_only = true }, OCSP_PASSED, 0 },
                { -1, { .warn_only = true }, OCSP_PASSED, 0 },
                { V_OCSP_CERTSTATUS_UNKNOWN, { .unknown_is_good = true }, OCSP_PASSED, 0 },
                { V_OCSP_CERTSTATUS_REVOKED, { .unknown_is_good = true }, OCSP_REFUSED,
                        TLS_REASON_OCSP_REVOKED },
                { -1, { .allow_when_ca_unreachable = true }, OCSP_PASSED, 0 },
                { V_OCSP_CERTSTATUS_REVOKED, { .allow_when_ca_unreachable = true }, OCSP_REFUSED,
                        TLS_REASON_OCSP_REVOKED },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct tls_verdict verdict;
                begin(cases[i].policy, OCSP_CACHE_LOCAL);
                struct ocsp_check *check = check_leaf();
                refuse_second(check, cases[i].status);
                assert_int_equal(ocsp_check_run(check), cases[i].step);
                if (cases[i].step == OCSP_REFUSED) {
                        ocsp_check_verdict(check, &verdict);
                        assert_int_equal(verdict.reason, cases[i].reason);
                        assert_string_equal(verdict.text, "client not OCSP valid");
                        assert_string_equal(verdict.subject, "CN=named middle,O=midge test");
                        assert_int_equal(verdict.alert, SSL_AD_BAD_CERTIFICATE);
                }
                ocsp_check_free(check);
                end();
        }
}

/* An expired revocation in the cache rejects while nobody answers. */
static void digest_of(const struct tls_pair *pair, uint8_t digest[OCSP_DIGEST_BYTES])
{
        unsigned n;
        assert_true(X509_digest(pair->leaf, EVP_sha256(), digest, &n));
}

/* The cache knows that the leaf was revoked this_s from now; the response has run out since. */
static void revoke_leaf(int64_t this_s)
{
        const int64_t now_s = (int64_t)time(NULL);
        const struct ocsp_response said = { .status = OCSP_STATUS_REVOKED,
                .this_update_s = now_s + this_s,
                .next_update_s = now_s - 1 };
        uint8_t digest[OCSP_DIGEST_BYTES], issuer[OCSP_DIGEST_BYTES];
        digest_of(&leaf, digest);
        digest_of(&middle, issuer);
        ocsp_cache_put(cache, digest, issuer, SLICE_LIT("x"), &said, "CN=leaf");
}

static void test_revoked_before(void **state)
{
        begin((struct ocsp_peer_options){ .allow_when_ca_unreachable = true }, OCSP_CACHE_LOCAL);
        revoke_leaf(-HOUR_S);
        struct ocsp_check *check = check_leaf();
        assert_int_equal(ocsp_check_run(check), OCSP_ASK);
        fail_to_answer(check);
        assert_int_equal(ocsp_check_run(check), OCSP_REFUSED);
        ocsp_check_free(check);
        end();
}

/* Two were asked at the same time; the one that knew less answers last. */
static void test_late_word_is_not_the_last(void **state)
{
        begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
        struct ocsp_check *checks[] = { check_leaf(), check_leaf() };
        for (int i = 0; i < 2; i++)
                assert_int_equal(ocsp_check_run(checks[i]), OCSP_ASK);
        answer_of(checks[0], V_OCSP_CERTSTATUS_REVOKED, -60, true);
        answer_of(checks[1], V_OCSP_CERTSTATUS_GOOD, -120, true);
        for (int i = 0; i < 2; i++) {
                struct tls_verdict verdict;
                assert_int_equal(ocsp_check_run(checks[i]), OCSP_REFUSED);
                ocsp_check_verdict(checks[i], &verdict);
                assert_int_equal(verdict.reason, TLS_REASON_OCSP_REVOKED);
                ocsp_check_free(checks[i]);
        }
        end();
}

/* A good response from before a revocation that has run out does not lift it; a newer one does. */
static void test_old_good_lifts_no_revocation(void **state)
{
        for (int newer = 0; newer < 2; newer++) {
                begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
                revoke_leaf(-HOUR_S);
                struct ocsp_check *check = check_leaf();
                assert_int_equal(ocsp_check_run(check), OCSP_ASK);
                answer_of(check, V_OCSP_CERTSTATUS_GOOD, newer ? -60 : -2 * HOUR_S, true);
                assert_int_equal(ocsp_check_run(check), newer ? OCSP_ASK : OCSP_REFUSED);
                ocsp_check_free(check);
                end();
        }
}

/* That we are too busy to ask does not make the responder one that cannot be reached. */
static void test_unasked(void **state)
{
        for (int unasked = 0; unasked < 2; unasked++) {
                begin((struct ocsp_peer_options){ .allow_when_ca_unreachable = true },
                        OCSP_CACHE_LOCAL);
                struct ocsp_check *check = check_leaf();
                assert_int_equal(ocsp_check_run(check), OCSP_ASK);
                ocsp_question_free(ocsp_check_take_question(check));
                struct ocsp_answer *got =
                        unasked ? ocsp_answer_unasked("no room") : ocsp_answer_failed("no way");
                ocsp_check_answer(check, got);
                ocsp_answer_unref(got);
                assert_int_equal(ocsp_check_run(check), unasked ? OCSP_REFUSED : OCSP_ASK);
                ocsp_check_free(check);
                end();
        }
}

/* Also one whose signer, a delegate, has expired since: it may not let anybody in, but keep out. */
static void test_revoked_by_an_old_delegate(void **state)
{
        const struct ocsp_response said = { .status = OCSP_STATUS_REVOKED };
        const struct mint_spec spec = {
                .name = "delegate", .usage = "OCSPSigning", .from_s = -2 * HOUR_S, .to_s = -HOUR_S
        };
        uint8_t digest[OCSP_DIGEST_BYTES], nobody[OCSP_DIGEST_BYTES] = { 0 };
        struct tls_pair delegate;
        struct buf der = { 0 };
        test_mint("p-delegate", spec, &middle, &delegate);
        test_answer(leaf.leaf, middle.leaf,
                (struct test_answer){ .status = V_OCSP_CERTSTATUS_REVOKED,
                        .this_s = -2 * HOUR_S,
                        .next_s = HOUR_S,
                        .by = &delegate,
                        .enclose = true },
                &der);
        digest_of(&leaf, digest);
        begin((struct ocsp_peer_options){ .allow_when_ca_unreachable = true }, OCSP_CACHE_LOCAL);
        ocsp_cache_put(
                cache, digest, nobody, buf_slice(&der), &said, "CN=leaf"); /* as from a file */
        struct ocsp_check *check = check_leaf();
        assert_int_equal(ocsp_check_run(check), OCSP_ASK);
        fail_to_answer(check);
        assert_int_equal(ocsp_check_run(check), OCSP_REFUSED);
        ocsp_check_free(check);
        end();
        buf_fini(&der);
        pem_pair_fini(&delegate);
}

static void test_chains_without_links(void **state)
{
        begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
        STACK_OF(X509) * passed[] = { chain_of(plain.leaf, test_ca.leaf, NULL),
                chain_of(leaf.leaf, NULL, NULL) };
        for (size_t i = 0; i < ARRAY_N(passed); i++) {
                struct ocsp_check *check = ocsp_check_new(peers, passed[i], false);
                assert_int_equal(ocsp_check_run(check), OCSP_PASSED);
                ocsp_check_free(check);
        }
        struct tls_verdict verdict;
        struct ocsp_check *check = ocsp_check_new(peers, NULL, true); /* no chain is no proof */
        assert_int_equal(ocsp_check_run(check), OCSP_REFUSED);
        ocsp_check_verdict(check, &verdict);
        assert_string_equal(verdict.text, "server not OCSP valid");
        ocsp_check_free(check);
        end();
}

static void test_links_of_tickets(void **state)
{
        begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
        STACK_OF(X509) *chain = chain_of(leaf.leaf, middle.leaf, test_ca.leaf);
        struct buf links = { 0 };
        ocsp_peer_links(chain, &links);
        assert_int_equal(links.len, 2 * OCSP_LINK_BYTES);
        assert_false(ocsp_peer_links_are_good(peers, buf_slice(&links)));
        struct ocsp_check *check = check_leaf();
        refuse_second(check, V_OCSP_CERTSTATUS_GOOD);
        assert_true(ocsp_peer_links_are_good(peers, buf_slice(&links)));
        assert_false(ocsp_peer_links_are_good(peers, slice_of(links.ptr, links.len - 1)));
        assert_true(ocsp_peer_links_are_good(peers, SLICE_NULL)); /* nothing names a responder */
        ocsp_check_free(check);
        check = check_leaf();
        buf_clear(&links);
        ocsp_peer_links(NULL, &links);
        assert_false(ocsp_peer_links_are_good(peers, buf_slice(&links)));
        ocsp_check_free(check);
        buf_fini(&links);
        sk_X509_pop_free(chain, X509_free);
        end();
}

/* ---- at the end of a handshake ------------------------------------------------------------- */

static struct tls_session *shake_until_check(struct peer *peer, struct wire *wire, int version)
{
        struct tls_ctx *ctx = server_ctx("server", true, TLS_VERSION_1_2);
        SSL_CTX *client = peer_ctx();
        tls_ctx_set_ocsp_peer(ctx, peers);
        SSL_CTX_set_max_proto_version(client, version);
        peer_present(client, "p-leaf");
        peer_init(peer, client);
        struct tls_session *session = tls_session_new(ctx, NULL);
        tls_ctx_unref(ctx);
        assert_int_equal(shake(session, peer, wire), TLS_WANT_CHECK);
        assert_int_equal(wire->to_client.len, 0);
        return session;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void test_pass(void **state)
{
        for (size_t i = 0; i < ARRAY_N(versions); i++) {
                struct peer peer;
                struct wire wire = { 0 };
                char text[8];
                begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
                struct tls_session *session = shake_until_check(&peer, &wire, versions[i]);
                struct ocsp_check *check = tls_session_check(session);
                refuse_second(check, V_OCSP_CERTSTATUS_GOOD);
                assert_int_equal(ocsp_check_run(check), OCSP_PASSED);
                ocsp_check_free(check);
                struct slice none = SLICE_NULL;
                assert_int_equal(tls_session_handshake(session, &none, &wire.to_client),
                        TLS_WANT_CHECK); /* as often as one asks */
                assert_int_equal(tls_session_pass(session, &wire.to_client), TLS_DONE);
                assert_int_equal(session->held.cap, 0);
                peer_give(&peer, &wire.to_client);
                assert_int_equal(SSL_do_handshake(peer.ssl), 1);
                assert_int_equal(tls_session_write(session, SLICE_LIT("hi"), &wire.to_client), 0);
                peer_give(&peer, &wire.to_client);
                assert_int_equal(SSL_read(peer.ssl, text, sizeof text), 2);
                assert_true(SSL_SESSION_has_ticket(SSL_get_session(peer.ssl)));
                tls_session_free(session);
                peer_fini(&peer);
                wire_fini(&wire);
                end();
        }
}

static void test_refuse(void **state)
{
        for (size_t i = 0; i < ARRAY_N(versions); i++) {
                struct peer peer;
                struct wire wire = { 0 };
                struct tls_verdict verdict;
                char text[8];
                begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
                struct tls_session *session = shake_until_check(&peer, &wire, versions[i]);
                struct ocsp_check *check = tls_session_check(session);
                refuse_second(check, V_OCSP_CERTSTATUS_REVOKED);
                assert_int_equal(ocsp_check_run(check), OCSP_REFUSED);
                ocsp_check_verdict(check, &verdict);
                ocsp_check_free(check);
                assert_int_equal(
                        tls_session_refuse(session, &verdict, &wire.to_client), TLS_FAILED);
                assert_string_equal(tls_session_verdict(session)->text, "client not OCSP valid");
                bool in_clear = versions[i] == TLS1_2_VERSION;
                if (in_clear)
                        assert_memory_equal(wire.to_client.ptr, "\x15\x03\x03\x00\x02\x02\x2a", 7);
                assert_int_equal(wire.to_client.len, in_clear ? 7 : 5 + 2 + 1 + 16);
                peer_give(&peer, &wire.to_client);
                ERR_clear_error();
                int rc = in_clear ? SSL_do_handshake(peer.ssl)
                                  : SSL_read(peer.ssl, text, sizeof text);
                assert_true(rc <= 0);
                unsigned long error = ERR_get_error();
                assert_int_equal(ERR_GET_REASON(error), SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
                struct buf more = { 0 };
                struct slice none = SLICE_NULL;
                assert_int_equal(tls_session_handshake(session, &none, &more), TLS_FAILED);
                tls_session_shutdown(session, &more);
                assert_int_equal(more.len, 0); /* nothing but the alert, ever */
                tls_session_free(session);
                peer_fini(&peer);
                wire_fini(&wire);
                end();
        }
}

static void test_abandoned(void **state)
{
        struct peer peer;
        struct wire wire = { 0 };
        begin((struct ocsp_peer_options){ .verify = true }, OCSP_CACHE_LOCAL);
        struct tls_session *session = shake_until_check(&peer, &wire, TLS1_3_VERSION);
        struct ocsp_check *check = tls_session_check(session);
        assert_int_equal(ocsp_check_run(check), OCSP_ASK);
        ocsp_check_free(check);
        tls_session_free(session);
        peer_fini(&peer);
        wire_fini(&wire);
        end();
}

/* The context says so, and nothing else changes. */
static void test_describe(void **state)
{
        struct tls_ctx *with = server_ctx("server", true, TLS_VERSION_1_2);
        struct tls_ctx *without = server_ctx("server", true, TLS_VERSION_1_2);
        struct buf a = { 0 }, b = { 0 };
        begin((struct ocsp_peer_options){ .verify = true, .warn_only = true }, OCSP_CACHE_LOCAL);
        tls_ctx_set_ocsp_peer(with, peers);
        tls_ctx_describe(with, &a);
        tls_ctx_describe(without, &b);
        assert_true(slice_starts(buf_slice(&a), buf_slice(&b)));
        assert_true(slice_eq_str(slice_of(a.ptr + b.len, a.len - b.len),
                "; ocsp_peer timeout 2000000000, skew 0, ttl 3600000000000 ns, warn only"));
        buf_fini(&a);
        buf_fini(&b);
        tls_ctx_unref(with);
        tls_ctx_unref(without);
        end();
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_links),
                cmocka_unit_test(test_question),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_revoked_before),
                cmocka_unit_test(test_late_word_is_not_the_last),
                cmocka_unit_test(test_old_good_lifts_no_revocation),
                cmocka_unit_test(test_revoked_by_an_old_delegate),
                cmocka_unit_test(test_unasked),
                cmocka_unit_test(test_chains_without_links),
                cmocka_unit_test(test_links_of_tickets),
                cmocka_unit_test(test_pass),
                cmocka_unit_test(test_refuse),
                cmocka_unit_test(test_abandoned),
                cmocka_unit_test(test_describe),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
