/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/pick.h"
#include "tls/tls_internal.h"
#include <openssl/x509v3.h>

static bool name_fits(SSL *ssl, const struct tls_pair *pair)
{
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        return name == NULL ||
               X509_check_host(pair->leaf, name, 0,
                       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                       NULL) == 1;
}

/* TLS 1.2 binds suites to a kind of key; TLS 1.3 does not. */
static bool suites_fit(SSL *ssl, const struct tls_pair *pair)
{
        if (SSL_version(ssl) >= TLS1_3_VERSION)
                return true;
        int want = EVP_PKEY_is_a(pair->key, "RSA") ? NID_auth_rsa : NID_auth_ecdsa;
        const STACK_OF(SSL_CIPHER) *theirs = SSL_get_client_ciphers(ssl);
        const STACK_OF(SSL_CIPHER) *ours = SSL_get_ciphers(ssl);
        for (int i = 0; i < sk_SSL_CIPHER_num(theirs); i++) {
                const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(theirs, i);
                if (SSL_CIPHER_get_auth_nid(cipher) != want)
                        continue;
                for (int j = 0; j < sk_SSL_CIPHER_num(ours); j++)
                        if (sk_SSL_CIPHER_value(ours, j) == cipher)
                                return true;
        }
        return false;
}

static bool fits(SSL *ssl, const struct tls_pair *pair)
{
        return name_fits(ssl, pair) && suites_fit(ssl, pair) &&
               (SSL_check_chain(ssl, pair->leaf, pair->key, pair->chain) & CERT_PKEY_SIGN);
}

int pick_certificate(SSL *ssl, void *arg)
{
        const struct tls_ctx *ctx = tls_session_of(ssl)->ctx;
        const struct tls_pair *pair = &ctx->pairs[0];
        for (int i = 0; i < ctx->pair_n; i++)
                if (fits(ssl, &ctx->pairs[i])) {
                        pair = &ctx->pairs[i];
                        break;
                }
        SSL_certs_clear(ssl);
        return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1);
}
