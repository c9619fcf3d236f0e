/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/usage.h"
#include "tls/tls_test.h"
#include <openssl/x509v3.h>

/* A certificate with this extended key usage. */
static X509 *cert_for(const char *usage, bool ca)
{
        struct tls_pair pair;
        const struct mint_spec spec = { .name = "x", .usage = usage, .ca = ca, .to_s = DAY_S };
        assert_int_equal(mint(&spec, NULL, &pair), 0);
        X509 *cert = X509_dup(pair.leaf);
        pem_pair_fini(&pair);
        return cert;
}

/* The same as it would come from a peer that put something else where the list should be. */
static X509 *cert_with_broken(int nid)
{
        X509 *cert = cert_for(NULL, false);
        ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
        assert_true(ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"\x05\x00", 2));
        X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, nid, 0, bytes);
        assert_true(X509_add_ext(cert, extension, -1));
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(bytes);
        return cert;
}

/* How many certificates of the chain come before the one that refuses; -1: none refuses. */
static int refuses(STACK_OF(X509) * chain, bool as_server, int *error)
{
        const X509 *found = usage_refuses(chain, as_server, error);
        for (int i = 0; i < sk_X509_num(chain); i++)
                if (sk_X509_value(chain, i) == found)
                        return i;
        assert_null(found);
        return -1;
}

static void every_link_counts(void **state)
{
        static const struct {
                const char *usages[3]; /* from the leaf on; "": none at all */
                int as_client, as_server;
        } cases[] = {
                { { "", "", "" }, -1, -1 },
                { { "clientAuth", "", "" }, -1, 0 },
                { { "serverAuth", "", "" }, 0, -1 },
                { { "serverAuth,clientAuth", "", "" }, -1, -1 },
                { { "anyExtendedKeyUsage", "", "" }, -1, -1 },
                { { "codeSigning", "", "" }, 0, 0 },
                { { "1.2.3.4", "", "" }, 0, 0 },
                { { "codeSigning,anyExtendedKeyUsage", "", "" }, -1, -1 },
                { { "", "serverAuth", "" }, 1, -1 },
                { { "clientAuth", "serverAuth", "" }, 1, 0 },
                { { "clientAuth", "anyExtendedKeyUsage", "clientAuth" }, -1, 0 },
                { { "", "", "serverAuth" }, 2, -1 },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                STACK_OF(X509) *chain = sk_X509_new_null();
                int error = 0;
                for (int j = 0; j < 3; j++) {
                        const char *usage = cases[i].usages[j];
                        sk_X509_push(chain, cert_for(usage[0] ? usage : NULL, j > 0));
                }
                assert_int_equal(refuses(chain, false, &error), cases[i].as_client);
                assert_int_equal(error, cases[i].as_client < 0 ? 0 : X509_V_ERR_INVALID_PURPOSE);
                assert_int_equal(refuses(chain, true, &error), cases[i].as_server);
                sk_X509_pop_free(chain, X509_free);
        }
}

static void issuers_may_issue(void **state)
{
        for (int bad = 0; bad < 3; bad++) {
                STACK_OF(X509) *chain = sk_X509_new_null();
                int error = 0;
                for (int i = 0; i < 3; i++)
                        sk_X509_push(chain, cert_for(NULL, i != bad));
                assert_int_equal(refuses(chain, false, &error), bad == 0 ? -1 : bad);
                assert_int_equal(error, bad == 0 ? 0 : X509_V_ERR_INVALID_CA);
                sk_X509_pop_free(chain, X509_free);
        }
}

/* What cannot be read is not taken for absent. */
static void broken_extensions_refuse(void **state)
{
        static const int extensions[] = { NID_ext_key_usage, NID_subject_alt_name,
                NID_name_constraints, NID_authority_key_identifier };
        for (size_t i = 0; i < ARRAY_N(extensions); i++) {
                STACK_OF(X509) *chain = sk_X509_new_null();
                int error = 0;
                sk_X509_push(chain, cert_with_broken(extensions[i]));
                assert_int_equal(refuses(chain, false, &error), 0);
                assert_int_equal(error, X509_V_ERR_INVALID_EXTENSION);
                sk_X509_pop_free(chain, X509_free);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_link_counts),
                cmocka_unit_test(issuers_may_issue),
                cmocka_unit_test(broken_extensions_refuse),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
