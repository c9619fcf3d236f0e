/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_test.h: a responder without sockets: answers as tests want them. */
#pragma once
#include "base/buf.h"
#include "tls/mint.h"
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <time.h>

struct test_answer {
        int status;                /* V_OCSP_CERTSTATUS_* */
        int64_t this_s, next_s;    /* from now; next 0: none */
        const struct tls_pair *by; /* who signs */
        bool enclose;              /* the signer's certificate goes along */
        const EVP_MD *id_digest;   /* of the CertID; NULL: SHA-1 */
        const EVP_MD *sign_digest; /* NULL: SHA-256, or none for Ed25519 */
        bool pss;                  /* RSA: padded so */
        const X509 *first_about;   /* a status of another certificate stands in front; NULL: none */
        bool critical;             /* an extension that nobody knows */
};

static inline void test_add_status(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer,
        const struct test_answer *answer)
{
        const EVP_MD *digest = answer->id_digest ? answer->id_digest : EVP_sha1();
        time_t now = time(NULL);
        OCSP_CERTID *id = OCSP_cert_to_id(digest, cert, issuer);
        ASN1_GENERALIZEDTIME *from = ASN1_GENERALIZEDTIME_adj(NULL, now, 0, (long)answer->this_s);
        ASN1_GENERALIZEDTIME *next =
                answer->next_s ? ASN1_GENERALIZEDTIME_adj(NULL, now, 0, (long)answer->next_s)
                               : NULL;
        ASN1_GENERALIZEDTIME *revoked = answer->status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL;
        OCSP_SINGLERESP *single =
                OCSP_basic_add1_status(basic, id, answer->status, 0, revoked, from, next);
        assert_non_null(single);
        if (answer->critical) {
                ASN1_OCTET_STRING *nothing = ASN1_OCTET_STRING_new();
                X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(
                        NULL, NID_id_pkix_OCSP_archiveCutoff, 1, nothing);
                assert_true(OCSP_SINGLERESP_add_ext(single, extension, -1));
                X509_EXTENSION_free(extension);
                ASN1_OCTET_STRING_free(nothing);
        }
        ASN1_GENERALIZEDTIME_free(from);
        ASN1_GENERALIZEDTIME_free(next);
        OCSP_CERTID_free(id);
}

/* The response's DER behind out. */
static inline void test_answer(
        const X509 *cert, const X509 *issuer, struct test_answer answer, struct buf *out)
{
        OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
        const EVP_MD *digest = EVP_PKEY_is_a(answer.by->key, "ED25519") ? NULL
                               : answer.sign_digest                     ? answer.sign_digest
                                                                        : EVP_sha256();
        unsigned char *der = NULL;
        if (answer.first_about)
                test_add_status(basic, answer.first_about, issuer, &answer);
        test_add_status(basic, cert, issuer, &answer);
        EVP_MD_CTX *signer = EVP_MD_CTX_new();
        EVP_PKEY_CTX *key;
        assert_true(EVP_DigestSignInit(signer, &key, digest, NULL, answer.by->key));
        if (answer.pss)
                assert_true(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(OCSP_basic_sign_ctx(
                basic, answer.by->leaf, signer, NULL, answer.enclose ? 0 : OCSP_NOCERTS));
        EVP_MD_CTX_free(signer);
        OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
        int len = i2d_OCSP_RESPONSE(response, &der);
        assert_true(len > 0);
        buf_append(out, der, (size_t)len);
        OPENSSL_free(der);
        OCSP_RESPONSE_free(response);
        OCSP_BASICRESP_free(basic);
}
