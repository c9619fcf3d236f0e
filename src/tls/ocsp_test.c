/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ocsp.h"
#include "tls/tls_test.h"
#include "base/clock.h"
#include "base/text.h"
#include "tls/ocsp_test.h"
#include <openssl/x509v3.h>

#define HOUR_S 3600

static struct tls_pair leaf, other_leaf, rsa_ca, rsa_leaf, ed_ca, ed_leaf;
static struct tls_pair delegate, no_delegate, old_delegate, foreign_delegate;
static struct buf der;

static int setup(void **state)
{
        test_setup(state);
        test_mint("o-leaf",
                (struct mint_spec){ .name = "leaf",
                        .must_staple = true,
                        .aia = "OCSP;URI:http://127.0.0.1:8888/,OCSP;URI:ldap://x,"
                               "caIssuers;URI:http://ca.example/ca.pem,"
                               "OCSP;URI:HTTPS://ocsp.example/a" },
                &test_ca, &leaf);
        test_mint("o-other", (struct mint_spec){ .name = "other leaf" }, &test_ca, &other_leaf);
        test_mint("o-rsa-ca",
                (struct mint_spec){ .name = "RSA CA", .ca = true, .key = MINT_RSA2048 }, NULL,
                &rsa_ca);
        test_mint("o-rsa", (struct mint_spec){ .name = "leaf" }, &rsa_ca, &rsa_leaf);
        test_mint("o-ed-ca", (struct mint_spec){ .name = "Ed CA", .ca = true, .key = MINT_ED25519 },
                NULL, &ed_ca);
        test_mint("o-ed", (struct mint_spec){ .name = "leaf" }, &ed_ca, &ed_leaf);
        struct mint_spec spec = { .name = "responder", .usage = "OCSPSigning" };
        test_mint("o-delegate", spec, &test_ca, &delegate);
        test_mint("o-foreign", spec, &test_other_ca, &foreign_delegate);
        spec.from_s = -2 * DAY_S;
        spec.to_s = -DAY_S;
        test_mint("o-old", spec, &test_ca, &old_delegate);
        test_mint("o-none", (struct mint_spec){ .name = "server", .usage = "serverAuth" }, &test_ca,
                &no_delegate);
        return 0;
}

static int teardown(void **state)
{
        struct tls_pair *all[] = { &leaf, &other_leaf, &rsa_ca, &rsa_leaf, &ed_ca, &ed_leaf,
                &delegate, &no_delegate, &old_delegate, &foreign_delegate };
        for (size_t i = 0; i < ARRAY_N(all); i++)
                pem_pair_fini(all[i]);
        buf_fini(&der);
        return test_teardown(state);
}

static int64_t now_s(void)
{
        return (int64_t)time(NULL);
}

/* Answer about cert, then parse it; eb keeps the words. */
static int ask(const struct tls_pair *cert, const struct tls_pair *issuer,
        struct test_answer answer, struct ocsp_response *out, struct errbuf *eb)
{
        buf_clear(&der);
        eb->text[0] = '\0';
        if (answer.by == NULL)
                answer.by = issuer;
        test_answer(cert->leaf, issuer->leaf, answer, &der);
        return ocsp_parse(buf_slice(&der), cert->leaf, issuer->leaf, now_s(), out, eb);
}

static void reads_each_status(void **state)
{
        static const struct {
                int theirs;
                enum ocsp_status ours;
                const char *name;
        } all[] = { { V_OCSP_CERTSTATUS_GOOD, OCSP_STATUS_GOOD, "good" },
                { V_OCSP_CERTSTATUS_REVOKED, OCSP_STATUS_REVOKED, "revoked" },
                { V_OCSP_CERTSTATUS_UNKNOWN, OCSP_STATUS_UNKNOWN, "unknown" } };
        const struct tls_pair *leaves[] = { &leaf, &rsa_leaf, &ed_leaf };
        const struct tls_pair *issuers[] = { &test_ca, &rsa_ca, &ed_ca };
        struct ocsp_response response;
        struct errbuf eb;
        for (size_t i = 0; i < ARRAY_N(all); i++)
                for (size_t j = 0; j < ARRAY_N(leaves); j++) {
                        int64_t before = now_s();
                        if (ask(leaves[j], issuers[j],
                                    (struct test_answer){ .status = all[i].theirs,
                                            .this_s = -HOUR_S,
                                            .next_s = j ? HOUR_S : 0 },
                                    &response, &eb) < 0)
                                fail_msg("%s", eb.text);
                        assert_int_equal(response.status, all[i].ours);
                        assert_string_equal(ocsp_status_name(response.status), all[i].name);
                        assert_in_range(response.this_update_s, before - HOUR_S, now_s() - HOUR_S);
                        if (j)
                                assert_in_range(
                                        response.next_update_s, before + HOUR_S, now_s() + HOUR_S);
                        else
                                assert_int_equal(response.next_update_s, 0);
                        assert_false(response.delegated);
                }
        assert_string_equal(ocsp_status_name((enum ocsp_status)7), "unknown");
}

static void finds_its_own_status(void **state)
{
        const EVP_MD *digests[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };
        struct ocsp_response response;
        struct errbuf eb;
        for (size_t i = 0; i < ARRAY_N(digests); i++)
                assert_int_equal(ask(&leaf, &test_ca,
                                         (struct test_answer){ .id_digest = digests[i],
                                                 .first_about = other_leaf.leaf },
                                         &response, &eb),
                        0);
        assert_int_equal(ask(&leaf, &test_ca, (struct test_answer){ .id_digest = EVP_md5() },
                                 &response, &eb),
                ERR_INVALID);
        assert_string_equal(eb.text, "no response matching the supplied certificate");
        /* a good word about another certificate says nothing about this one */
        buf_clear(&der);
        test_answer(other_leaf.leaf, test_ca.leaf, (struct test_answer){ .by = &test_ca }, &der);
        assert_int_equal(
                ocsp_parse(buf_slice(&der), leaf.leaf, test_ca.leaf, now_s(), &response, &eb),
                ERR_INVALID);
        assert_string_equal(eb.text, "no response matching the supplied certificate");
}

static void believes_the_issuer_and_its_delegates_only(void **state)
{
        static const struct {
                const struct tls_pair *by;
                bool enclose;
                int rc;
                const char *text;
        } all[] = {
                { &test_ca, false, 0, "" },
                { &test_ca, true, 0, "" },
                { &delegate, true, 0, "" },
                { &delegate, false, ERR_INVALID,
                        "bad OCSP signature: x509: ECDSA verification failure" },
                { &foreign_delegate, true, ERR_INVALID,
                        "bad OCSP signature: x509: ECDSA verification failure" },
                { &test_other_ca, true, ERR_INVALID,
                        "bad OCSP signature: x509: ECDSA verification failure" },
                { &no_delegate, true, ERR_TLS,
                        "OCSP staple's signer missing authorization by CA to act as OCSP signer" },
                { &leaf, true, ERR_TLS,
                        "OCSP staple's signer missing authorization by CA to act as OCSP signer" },
                { &old_delegate, true, ERR_TLS,
                        "OCSP response's signer has expired or is not yet valid" },
        };
        struct ocsp_response response;
        struct errbuf eb;
        for (size_t i = 0; i < ARRAY_N(all); i++) {
                int rc = ask(&leaf, &test_ca,
                        (struct test_answer){ .by = all[i].by, .enclose = all[i].enclose },
                        &response, &eb);
                assert_string_equal(eb.text, all[i].text);
                assert_int_equal(rc, all[i].rc);
                if (rc == 0)
                        assert_int_equal(response.delegated, all[i].by == &delegate);
        }
        assert_int_equal(
                ask(&rsa_leaf, &rsa_ca, (struct test_answer){ .by = &test_ca }, &response, &eb),
                ERR_INVALID);
        assert_string_equal(eb.text, "bad OCSP signature: crypto/rsa: verification error");
        assert_int_equal(
                ask(&ed_leaf, &ed_ca, (struct test_answer){ .by = &test_ca }, &response, &eb),
                ERR_INVALID);
        assert_string_equal(eb.text, "bad OCSP signature: x509: Ed25519 verification failure");
        for (int pss = 0; pss < 2; pss++) {
                struct test_answer answer = { .sign_digest = EVP_sha1(), .pss = pss };
                assert_int_equal(ask(&rsa_leaf, &rsa_ca, answer, &response, &eb), ERR_INVALID);
                assert_string_equal(eb.text,
                        "bad OCSP signature: x509: cannot verify signature: insecure algorithm");
                answer.sign_digest = EVP_sha256();
                assert_int_equal(ask(&rsa_leaf, &rsa_ca, answer, &response, &eb), 0);
        }
}

static int parse(const void *bytes, size_t len, struct errbuf *eb)
{
        struct ocsp_response response;
        return ocsp_parse(slice_of(bytes, len), leaf.leaf, test_ca.leaf, now_s(), &response, eb);
}

static void refuses_what_is_no_answer(void **state)
{
        static const struct {
                const char *hex; /* of the status */
                const char *text;
        } all[] = { { "\x01", "ocsp: error from server: malformed" },
                { "\x02", "ocsp: error from server: internal error" },
                { "\x03", "ocsp: error from server: try later" },
                { "\x04", "ocsp: error from server: unknown OCSP status: 4" },
                { "\x05", "ocsp: error from server: signature required" },
                { "\x06", "ocsp: error from server: unauthorized" },
                { "\x09", "ocsp: error from server: unknown OCSP status: 9" },
                { "\x00", "bad OCSP response type" } };
        struct errbuf eb;
        for (size_t i = 0; i < ARRAY_N(all); i++) {
                char bytes[] = { 0x30, 0x03, 0x0a, 0x01, all[i].hex[0], 0x00 };
                assert_int_equal(parse(bytes, 5, &eb), ERR_INVALID);
                assert_string_equal(eb.text, all[i].text);
                assert_int_equal(parse(bytes, 6, &eb), ERR_INVALID);
                assert_string_equal(eb.text, "trailing data in OCSP response");
        }
        assert_int_equal(parse("", 0, &eb), ERR_INVALID);
        assert_string_equal(eb.text, "asn1: syntax error: sequence truncated");
        assert_int_equal(parse("nonsense", 8, &eb), ERR_INVALID);
        assert_string_equal(eb.text, "asn1: structure error: not an OCSP response");
        char *large = xcalloc(1, OCSP_RESPONSE_MAX_BYTES + 1);
        assert_int_equal(parse(large, OCSP_RESPONSE_MAX_BYTES + 1, &eb), ERR_INVALID);
        assert_string_equal(eb.text, "asn1: syntax error: data too large");
        xfree(large);
        struct ocsp_response response;
        assert_int_equal(
                ask(&leaf, &test_ca, (struct test_answer){ .critical = true }, &response, &eb),
                ERR_INVALID);
        assert_string_equal(eb.text, "unsupported critical extension");
}

/* Whatever single byte changes, no answer turns into another one. */
static void no_byte_can_change_unnoticed(void **state)
{
        struct ocsp_response was, is;
        struct errbuf eb;
        assert_int_equal(ask(&leaf, &test_ca,
                                 (struct test_answer){ .status = V_OCSP_CERTSTATUS_REVOKED,
                                         .this_s = -HOUR_S,
                                         .next_s = HOUR_S },
                                 &was, &eb),
                0);
        int survived = 0;
        for (size_t i = 0; i < der.len; i++) {
                der.ptr[i] ^= 0x01;
                if (ocsp_parse(buf_slice(&der), leaf.leaf, test_ca.leaf, now_s(), &is, &eb) == 0) {
                        survived++;
                        assert_int_equal(is.status, was.status);
                        assert_int_equal(is.this_update_s, was.this_update_s);
                        assert_int_equal(is.next_update_s, was.next_update_s);
                }
                der.ptr[i] ^= 0x01;
        }
        assert_in_range(survived, 0, 4); /* padding bits of the signature and the like */
}

static void judges_validity_without_skew(void **state)
{
        const uint64_t now = 1700000000 * NS_PER_SEC + 500;
        static const struct {
                int64_t from, next;
                const char *text;
        } all[] = { { 1699999999, 1700000001, "" }, { 1700000000, 0, "" },
                { 1699999999, 1700000000,
                        "invalid ocsp NextUpdate, is past time: 2023-11-14T22:13:20Z" },
                { 1700000001, 0, "invalid ocsp ThisUpdate, is future time: 2023-11-14T22:13:21Z" },
                { 1699999999, INT64_MAX, "" } };
        for (size_t i = 0; i < ARRAY_N(all); i++) {
                struct ocsp_response response = { OCSP_STATUS_GOOD, all[i].from, all[i].next,
                        false };
                struct errbuf eb = { "" };
                int rc = ocsp_check_valid(&response, now, &eb);
                assert_string_equal(eb.text, all[i].text);
                assert_int_equal(rc, all[i].text[0] ? ERR_RANGE : 0);
        }
}

static void judges_currency_with_skew_and_ttl(void **state)
{
        const uint64_t now = 1700000000 * NS_PER_SEC;
        const int64_t skew = 30 * (int64_t)NS_PER_SEC, ttl = HOUR_S * (int64_t)NS_PER_SEC;
        static const struct {
                int64_t from, next;
                const char *text;
        } all[] = { { 1699990000, 1699999970, "" },
                { 1699990000, 1699999969,
                        "OCSP response NextUpdate [2023-11-14T22:12:49Z] is before now "
                        "[2023-11-14T22:13:20Z] with clockskew [30s]" },
                { 1699996370, 0, "" },
                { 1699996369, 0,
                        "OCSP response cache expiry [2023-11-14T22:12:49Z] is before now "
                        "[2023-11-14T22:13:20Z] with clockskew [30s]" },
                { 1700000030, 1700000100, "" },
                { 1700000031, 1700000100,
                        "OCSP response ThisUpdate [2023-11-14T22:13:51Z] is before now "
                        "[2023-11-14T22:13:20Z] with clockskew [30s]" } };
        for (size_t i = 0; i < ARRAY_N(all); i++) {
                struct ocsp_response response = { OCSP_STATUS_GOOD, all[i].from, all[i].next,
                        false };
                struct errbuf eb = { "" };
                bool current = ocsp_is_current(&response, now, skew, ttl, &eb);
                assert_string_equal(eb.text, all[i].text);
                assert_int_equal(current, all[i].text[0] == '\0');
        }
        struct ocsp_response forever = { OCSP_STATUS_GOOD, 1, 0, false };
        assert_true(ocsp_is_current(&forever, now, INT64_MAX, INT64_MAX, NULL));
}

static void reads_what_a_certificate_asks_for(void **state)
{
        struct ocsp_urls urls;
        assert_true(ocsp_must_staple(leaf.leaf));
        assert_false(ocsp_must_staple(other_leaf.leaf));
        ocsp_urls_of(leaf.leaf, &urls);
        assert_int_equal(urls.n, 2);
        assert_string_equal(urls.at[0], "http://127.0.0.1:8888/");
        assert_string_equal(urls.at[1], "HTTPS://ocsp.example/a");
        ocsp_urls_fini(&urls);
        ocsp_urls_of(other_leaf.leaf, &urls);
        assert_int_equal(urls.n, 0);
        ocsp_urls_fini(&urls);
}

static void bounds_urls(void **state)
{
        char many[OCSP_URLS_MAX * 40] = "", text[OCSP_URL_MAX_BYTES + 2];
        struct tls_pair crowded;
        struct ocsp_urls urls;
        for (int i = 0; i <= OCSP_URLS_MAX; i++)
                snprintf(many + strlen(many), sizeof(many) - strlen(many), "%sOCSP;URI:http://r%d/",
                        i ? "," : "", i);
        test_mint("o-crowded", (struct mint_spec){ .name = "crowded", .aia = many }, &test_ca,
                &crowded);
        ocsp_urls_of(crowded.leaf, &urls);
        assert_int_equal(urls.n, OCSP_URLS_MAX);
        ocsp_urls_fini(&urls);
        pem_pair_fini(&crowded);
        memset(text, 'a', sizeof(text));
        memcpy(text, "http://", 7);
        assert_true(ocsp_url_is_usable(slice_of(text, OCSP_URL_MAX_BYTES)));
        assert_false(ocsp_url_is_usable(slice_of(text, OCSP_URL_MAX_BYTES + 1)));
        assert_false(ocsp_url_is_usable(SLICE_LIT("http://")));
        assert_false(ocsp_url_is_usable(SLICE_LIT("http://a b")));
        assert_false(ocsp_url_is_usable(SLICE_LIT("http://a\r\nb")));
        assert_false(ocsp_url_is_usable(SLICE_LIT("ftp://a")));
        assert_false(ocsp_url_is_usable(SLICE_LIT("")));
}

static void asks_with_sha1_and_no_nonce(void **state)
{
        struct buf out = { 0 };
        assert_int_equal(ocsp_request(leaf.leaf, test_ca.leaf, &out), 0);
        const unsigned char *at = (const unsigned char *)out.ptr;
        OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)out.len);
        assert_non_null(request);
        assert_int_equal(OCSP_request_onereq_count(request), 1);
        assert_int_equal(OCSP_REQUEST_get_ext_count(request), 0);
        OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf.leaf, test_ca.leaf);
        assert_int_equal(
                OCSP_id_cmp(id, OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0))), 0);
        OCSP_CERTID_free(id);
        OCSP_REQUEST_free(request);
        buf_fini(&out);
}

static void puts_the_request_into_a_url(void **state)
{
        const struct slice request = SLICE_LIT("\xfb\xff\xfe\x01");
        struct buf out = { 0 };
        ocsp_get_url(&out, SLICE_LIT("http://r/x/"), request, false);
        buf_append_char(&out, ' ');
        ocsp_get_url(&out, SLICE_LIT("http://r"), request, true);
        assert_true(
                slice_eq_str(buf_slice(&out), "http://r/x/+//+AQ== http://r/%2B%2F%2F%2BAQ%3D%3D"));
        buf_fini(&out);
}

static void prints_times(void **state)
{
        char text[40];
        ocsp_time_text(0, text, sizeof text);
        assert_string_equal(text, "0001-01-01T00:00:00Z");
        ocsp_time_text(1700000000, text, sizeof text);
        assert_string_equal(text, "2023-11-14T22:13:20Z");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_each_status),
                cmocka_unit_test(finds_its_own_status),
                cmocka_unit_test(believes_the_issuer_and_its_delegates_only),
                cmocka_unit_test(refuses_what_is_no_answer),
                cmocka_unit_test(no_byte_can_change_unnoticed),
                cmocka_unit_test(judges_validity_without_skew),
                cmocka_unit_test(judges_currency_with_skew_and_ttl),
                cmocka_unit_test(reads_what_a_certificate_asks_for),
                cmocka_unit_test(bounds_urls),
                cmocka_unit_test(asks_with_sha1_and_no_nonce),
                cmocka_unit_test(puts_the_request_into_a_url),
                cmocka_unit_test(prints_times),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
