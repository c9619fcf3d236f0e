/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/staple.h"
#include "base/clock.h"
#include "tls/facts.h"
#include "tls/tls_test.h"
#include "tls/ocsp_test.h"

static struct tls_pair pair;
static int called;

static int setup(void **state)
{
        test_setup(state);
        test_mint("s", (struct mint_spec){ .name = "s", .must_staple = true }, &test_ca, &pair);
        return 0;
}

static int teardown(void **state)
{
        pem_pair_fini(&pair);
        return test_teardown(state);
}

/* A context of NAME.pem; the authority of ca_file is ca.pem. */
static struct tls_ctx *make_ctx(const char *name)
{
        return server_ctx(name, true, TLS_VERSION_1_2);
}

static void put(struct staple *staple, struct test_answer answer)
{
        struct ocsp_response response;
        struct errbuf eb;
        struct buf der = { 0 };
        answer.by = &test_ca;
        test_answer(pair.leaf, test_ca.leaf, answer, &der);
        int rc = staple_check(staple, buf_slice(&der), clock_wall_ns(), &response, &eb);
        if (rc < 0)
                fail_msg("%s", eb.text);
        staple_put(staple, buf_slice(&der), &response);
        buf_fini(&der);
}

/* As if an hour and a bit had passed. */
static void run_out(struct staple *staple)
{
        struct ocsp_response response;
        struct buf der = { 0 };
        assert_true(staple_get(staple, &response, &der));
        response.next_update_s = (int64_t)time(NULL) - 1;
        staple_put(staple, buf_slice(&der), &response);
        buf_fini(&der);
}

/* Shake hands; what the client got is appended to got. */
static enum tls_step meet(
        struct tls_ctx *ctx, int version, bool ask, struct buf *got, struct tls_verdict *verdict)
{
        struct tls_session *session = tls_session_new(ctx, NULL);
        struct peer peer;
        struct wire wire = { 0 };
        SSL_CTX *client = peer_ctx();
        SSL_CTX_set_max_proto_version(client, version);
        peer_present(client, "client");
        peer_init(&peer, client);
        if (ask)
                SSL_set_tlsext_status_type(peer.ssl, TLSEXT_STATUSTYPE_ocsp);
        enum tls_step step = shake(session, &peer, &wire);
        const unsigned char *der;
        long len = SSL_get_tlsext_status_ocsp_resp(peer.ssl, &der);
        if (len > 0)
                buf_append(got, der, (size_t)len);
        if (step == TLS_FAILED)
                *verdict = *tls_session_verdict(session);
        wire_fini(&wire);
        peer_fini(&peer);
        tls_session_free(session);
        ERR_clear_error();
        return step;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void who_asks_gets_it(void **state)
{
        struct tls_ctx *ctx = make_ctx("s"), *other;
        struct staple *staple;
        struct errbuf eb;
        struct buf got = { 0 }, want = { 0 };
        struct tls_verdict verdict;
        struct ocsp_response response;
        assert_int_equal(staple_new(ctx, &staple, &eb), 0);
        tls_ctx_set_staple(ctx, staple);
        assert_int_equal(tls_ctx_without_verify(ctx, &other, &eb), 0);
        struct tls_ctx *both[] = { ctx, other };
        for (size_t i = 0; i < ARRAY_N(versions) * 2;
                i++) { /* nothing there yet: nothing to send */
                assert_int_equal(
                        meet(both[i / 2], versions[i % 2], true, &got, &verdict), TLS_DONE);
                assert_int_equal(got.len, 0);
        }
        put(staple, (struct test_answer){ .status = V_OCSP_CERTSTATUS_REVOKED, .next_s = 3600 });
        assert_true(staple_get(staple, &response, &want));
        assert_int_equal(response.status, OCSP_STATUS_REVOKED);
        for (size_t i = 0; i < ARRAY_N(versions) * 2; i++) {
                buf_clear(&got);
                assert_int_equal(
                        meet(both[i / 2], versions[i % 2], false, &got, &verdict), TLS_DONE);
                assert_int_equal(got.len, 0);
                assert_int_equal(
                        meet(both[i / 2], versions[i % 2], true, &got, &verdict), TLS_DONE);
                assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
        }
        struct tls_facts *facts = tls_ctx_facts(ctx);
        assert_string_equal(facts->staple, "revoked");
        tls_facts_free(facts);
        buf_fini(&got);
        buf_fini(&want);
        staple_unref(staple);
        tls_ctx_unref(other);
        tls_ctx_unref(ctx);
}

static void on_stale(void *ctx)
{
        assert_ptr_equal(ctx, &called);
        called++;
}

static void none_that_ran_out(void **state)
{
        struct tls_ctx *ctx = make_ctx("s");
        struct staple *staple;
        struct errbuf eb;
        struct buf got = { 0 };
        struct tls_verdict verdict;
        assert_int_equal(staple_new(ctx, &staple, &eb), 0);
        tls_ctx_set_staple(ctx, staple);
        staple_on_stale(staple, on_stale, &called);
        called = 0;
        assert_int_equal(meet(ctx, TLS1_3_VERSION, false, &got, &verdict), TLS_DONE);
        assert_int_equal(called, 0);
        assert_int_equal(meet(ctx, TLS1_3_VERSION, true, &got, &verdict), TLS_DONE);
        assert_int_equal(called, 1); /* there is none yet */
        put(staple, (struct test_answer){ .next_s = 3600 });
        run_out(staple);
        called = 0;
        for (size_t i = 0; i < ARRAY_N(versions); i++) {
                assert_int_equal(meet(ctx, versions[i], true, &got, &verdict), TLS_FAILED);
                assert_int_equal(verdict.reason, TLS_REASON_STAPLE);
                assert_int_equal(verdict.side, TLS_SIDE_OURS);
                assert_int_equal(verdict.alert, SSL_AD_INTERNAL_ERROR);
                assert_ptr_equal(strstr(verdict.text, "invalid ocsp NextUpdate, is past time: "),
                        verdict.text);
                assert_string_equal(verdict.subject, "CN=s,O=midge test");
                assert_int_equal(meet(ctx, versions[i], false, &got, &verdict), TLS_DONE);
                assert_int_equal(got.len, 0);
        }
        assert_int_equal(called, 1); /* until somebody has tried again */
        staple_blame(staple, "nobody\nanswers");
        staple_rearm(staple);
        assert_int_equal(meet(ctx, TLS1_3_VERSION, true, &got, &verdict), TLS_FAILED);
        assert_string_equal(verdict.text, "nobody answers");
        assert_int_equal(called, 2);
        staple_on_stale(staple, NULL, NULL);
        assert_int_equal(meet(ctx, TLS1_3_VERSION, true, &got, &verdict), TLS_FAILED);
        assert_int_equal(called, 2);
        put(staple, (struct test_answer){ .next_s = 3600 });
        assert_int_equal(meet(ctx, TLS1_3_VERSION, true, &got, &verdict), TLS_DONE);
        assert_true(got.len > 0);
        buf_fini(&got);
        staple_unref(staple);
        tls_ctx_unref(ctx);
}

/* A file of the pair and, behind it, another certificate. */
static void mint_before(
        const char *file, const struct tls_pair *issuer, const struct tls_pair *second)
{
        struct tls_pair minted;
        test_mint(file, (struct mint_spec){ .name = "c" }, issuer, &minted);
        sk_X509_push(minted.chain, second->leaf);
        X509_up_ref(second->leaf);
        test_save(file, &minted);
        pem_pair_fini(&minted);
}

/* text: why there is no staple; NULL: there is one. */
static void tries(const char *file, const char *text)
{
        struct staple *staple = NULL;
        struct errbuf eb;
        struct tls_ctx *ctx = make_ctx(file);
        assert_int_equal(staple_new(ctx, &staple, &eb), text ? ERR_CONFIG : 0);
        if (text)
                assert_string_equal(eb.text, text);
        staple_unref(staple);
        tls_ctx_unref(ctx);
}

static void the_issuer_is_found(void **state)
{
        struct tls_pair stranger;
        mint_before("s-chain", &test_middle, &test_middle);
        tries("s-chain", NULL);
        mint_before("s-wrong", &test_ca, &test_middle); /* which did not sign it */
        tries("s-wrong", "no issuers found");
        test_mint("s-stranger", (struct mint_spec){ .name = "c" }, &test_other_ca, &stranger);
        tries("s-stranger", "no issuers found");
        tries("ca", "no issuers found"); /* it signed itself */
        mint_before("s-no-ca", &stranger, &stranger);
        tries("s-no-ca", "CN=c,O=midge test invalid ca basic constraints: is not ca");
        tries("", "no certificate found");
        pem_pair_fini(&stranger);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_asks_gets_it),
                cmocka_unit_test(none_that_ran_out),
                cmocka_unit_test(the_issuer_is_found),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
