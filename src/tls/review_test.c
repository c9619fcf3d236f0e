/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/review.h"
#include "base/clock.h"
#include "conf/options.h"
#include "tls/facts.h"
#include "tls/files.h"
#include "tls/tls_test.h"

static struct tls_pair ca, mid;

static int make(void **state)
{
        (void)state;
        test_make_dir();
        const struct mint_spec authority = { .name = "CA", .ca = true };
        test_mint("ca", authority, NULL, &ca);
        test_mint("other-ca", (struct mint_spec){ .name = "Other CA", .ca = true }, NULL, NULL);
        test_mint("old-ca",
                (struct mint_spec){
                        .name = "Old CA", .ca = true, .from_s = -2 * DAY_S, .to_s = -DAY_S },
                NULL, NULL);
        test_mint("mid", (struct mint_spec){ .name = "Mid", .ca = true }, &ca, &mid);
        const char *san = "DNS:a.example.com,DNS:*.b.example.com,IP:127.0.0.1";
        test_mint("good", (struct mint_spec){ .name = "good", .usage = "serverAuth", .san = san },
                &ca, NULL);
        test_mint("next", (struct mint_spec){ .name = "next", .san = san }, &ca, NULL);
        test_mint("fewer",
                (struct mint_spec){
                        .name = "fewer", .usage = "serverAuth", .san = "DNS:a.example.com" },
                &ca, NULL);
        test_mint("client",
                (struct mint_spec){ .name = "client", .usage = "clientAuth", .san = san }, &ca,
                NULL);
        test_mint("expired",
                (struct mint_spec){
                        .name = "expired", .san = san, .from_s = -2 * DAY_S, .to_s = -DAY_S },
                &ca, NULL);
        test_mint("early",
                (struct mint_spec){
                        .name = "early", .san = san, .from_s = DAY_S, .to_s = 2 * DAY_S },
                &ca, NULL);
        return 0;
}

static int unmake(void **state)
{
        pem_pair_fini(&ca);
        pem_pair_fini(&mid);
        return test_teardown(state);
}

static struct tls_ctx *ctx_of(const char *cert, const char *authority)
{
        char file[64], key[64];
        snprintf(file, sizeof file, "%s.pem", cert);
        snprintf(key, sizeof key, "%s-key.pem", cert);
        struct tls_pair_options pair = { test_path(file), test_path(key) };
        struct tls_options opts = { .enabled = true, .pairs = &pair, .pair_n = 1 };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb = { "" };
        if (authority) {
                opts.ca_file = test_path(authority);
                opts.verify = true;
        }
        if (tls_ctx_new_server(&opts, &ctx, &eb) < 0)
                fail_msg("%s: %s", cert, eb.text);
        return ctx;
}

static void check(const char *was, const char *was_ca, const char *next, const char *next_ca,
        const char *refusals, const char *warnings)
{
        struct tls_ctx *old = ctx_of(was, was_ca), *now = ctx_of(next, next_ca);
        struct tls_review review = { 0 };
        bool good = tls_review(old, now, (int64_t)(clock_wall_ns() / NS_PER_SEC), &review);
        char *refused = buf_take_str(&review.refusals), *warned = buf_take_str(&review.warnings);
        assert_string_equal(refused, refusals);
        assert_string_equal(warned, warnings);
        assert_int_equal(good, refusals[0] == '\0');
        xfree(refused);
        xfree(warned);
        tls_review_fini(&review);
        tls_ctx_unref(old);
        tls_ctx_unref(now);
}

static void a_good_one_passes(void **state)
{
        (void)state;
        check("good", NULL, "good", NULL, "", "");
        check("good", NULL, "next", NULL, "", "");
}

static void new_flaws_refuse(void **state)
{
        (void)state;
        check("good", NULL, "expired", NULL, "certificate CN=expired,O=midge test has expired", "");
        check("good", NULL, "early", NULL, "certificate CN=early,O=midge test is not valid yet",
                "");
        check("good", NULL, "client", NULL,
                "certificate CN=client,O=midge test is not for servers (extended key usage without "
                "serverAuth)",
                "");
}

static void old_flaws_are_told(void **state)
{
        (void)state;
        check("expired", NULL, "expired", NULL, "",
                "certificate CN=expired,O=midge test has expired, as the one before\n");
        check("client", NULL, "client", NULL, "",
                "certificate CN=client,O=midge test is not for servers (extended key usage without "
                "serverAuth), as the one before\n");
        check("expired", NULL, "early", NULL, "certificate CN=early,O=midge test is not valid yet",
                "");
}

static void lost_names_are_told(void **state)
{
        (void)state;
        check("good", NULL, "fewer", NULL, "",
                "no certificate covers \"*.b.example.com\" any more: clients that dial this name "
                "will "
                "fail\n"
                "no certificate covers \"127.0.0.1\" any more: clients that dial this name will "
                "fail\n");
}

/* Leaf and intermediate of the file: right, foreign, expired. */
static void chains_hang_together(void **state)
{
        struct tls_pair leaf, foreign, old, stale;
        (void)state;
        test_mint("chained", (struct mint_spec){ .name = "chained" }, &mid, &leaf);
        sk_X509_push(leaf.chain, mid.leaf);
        X509_up_ref(mid.leaf);
        test_save("chained", &leaf);
        check("good", NULL, "chained", NULL, "",
                "no certificate covers \"a.example.com\" any more: clients that dial this name "
                "will "
                "fail\n"
                "no certificate covers \"*.b.example.com\" any more: clients that dial this name "
                "will "
                "fail\n"
                "no certificate covers \"127.0.0.1\" any more: clients that dial this name will "
                "fail\n");
        test_mint("foreign", (struct mint_spec){ .name = "foreign" }, &ca, &foreign);
        sk_X509_push(foreign.chain, mid.leaf);
        X509_up_ref(mid.leaf);
        test_save("foreign", &foreign);
        check("chained", NULL, "foreign", NULL,
                "certificate CN=foreign,O=midge test is not issued by the certificate that follows "
                "it in the file",
                "");
        test_mint("old-mid",
                (struct mint_spec){
                        .name = "Old Mid", .ca = true, .from_s = -2 * DAY_S, .to_s = -DAY_S },
                &ca, &old);
        test_mint("stale", (struct mint_spec){ .name = "stale" }, &old, &stale);
        sk_X509_push(stale.chain, old.leaf);
        X509_up_ref(old.leaf);
        test_save("stale", &stale);
        check("chained", NULL, "stale", NULL,
                "certificate CN=stale,O=midge test has an intermediate that is out of its dates",
                "");
        pem_pair_fini(&leaf);
        pem_pair_fini(&foreign);
        pem_pair_fini(&old);
        pem_pair_fini(&stale);
}

static void authorities_are_compared(void **state)
{
        (void)state;
        check("good", "ca.pem", "good", "ca.pem", "", "");
        check("good", "ca.pem", "good", "other-ca.pem", "",
                "authority CN=CA,O=midge test is gone from ca_file: certificates that it issued "
                "are "
                "refused from now on\n");
        check("good", "ca.pem", "good", "old-ca.pem", "every authority of ca_file has expired",
                "authority CN=CA,O=midge test is gone from ca_file: certificates that it issued "
                "are "
                "refused from now on\n");
}

static void facts_are_read(void **state)
{
        struct tls_ctx *ctx = ctx_of("good", "ca.pem");
        struct tls_facts *facts = tls_ctx_facts(ctx);
        struct buf line = { 0 };
        (void)state;
        assert_int_equal(facts->cert_n, 1);
        const struct tls_cert_facts *cert = &facts->certs[0];
        assert_string_equal(cert->subject, "CN=good,O=midge test");
        assert_string_equal(cert->issuer, "CN=CA,O=midge test");
        assert_string_equal(cert->key, "ECDSA P-256");
        assert_int_equal(cert->name_n, 3);
        assert_string_equal(cert->names[0], "a.example.com");
        assert_string_equal(cert->names[1], "*.b.example.com");
        assert_string_equal(cert->names[2], "127.0.0.1");
        assert_int_equal(cert->not_after_s - cert->not_before_s, 30 * DAY_S + 3600);
        assert_int_equal(strlen(cert->sha256), 64);
        assert_true(strlen(cert->serial) > 0);
        assert_int_equal(facts->authority_n, 1);
        assert_int_equal(facts->authority_total, 1);
        assert_string_equal(facts->authorities[0].subject, "CN=CA,O=midge test");
        tls_cert_facts_line(&line, cert);
        assert_true(
                slice_starts(buf_slice(&line), SLICE_LIT("CN=good,O=midge test, valid until 2")));
        buf_fini(&line);
        tls_facts_free(facts);
        tls_facts_free(NULL);
        tls_ctx_unref(ctx);
}

static void digests_follow_content(void **state)
{
        struct tls_pair_options pairs[2] = { { test_path("a"), test_path("b") },
                { NULL, test_path("c") } };
        struct tls_options opts = { .pairs = pairs, .pair_n = 2, .ca_file = test_path("d") };
        const char *paths[3];
        uint8_t one[TLS_FILES_DIGEST_BYTES], two[TLS_FILES_DIGEST_BYTES];
        (void)state;
        assert_int_equal(tls_files_list(&opts, paths, 3), 4);
        assert_string_equal(paths[0], pairs[0].cert_file);
        assert_string_equal(paths[1], pairs[0].key_file);
        assert_string_equal(paths[2], pairs[1].key_file);
        test_write("a", "xy", 2);
        test_write("b", "z", 1);
        tls_files_digest(&opts, one);
        tls_files_digest(&opts, two);
        assert_memory_equal(one, two, sizeof one);
        test_write("a", "x", 1);
        test_write("b", "yz", 2);
        tls_files_digest(&opts, two); /* the same bytes, in other files */
        assert_memory_not_equal(one, two, sizeof one);
        test_write("d", "", 0); /* missing and empty are two things */
        tls_files_digest(&opts, one);
        assert_memory_not_equal(one, two, sizeof one);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_one_passes),
                cmocka_unit_test(new_flaws_refuse),
                cmocka_unit_test(old_flaws_are_told),
                cmocka_unit_test(lost_names_are_told),
                cmocka_unit_test(chains_hang_together),
                cmocka_unit_test(authorities_are_compared),
                cmocka_unit_test(facts_are_read),
                cmocka_unit_test(digests_follow_content),
        };
        return cmocka_run_group_tests(tests, make, unmake);
}
