/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h: is the peer's certificate chain good, and if not: which certificate broke which rule.
 */
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

/* Names are those of subjectAltName; the common name is none, neither to be dialled nor to be bound by name
 * constraints. */
#define VERIFY_HOST_FLAGS                                                                          \
        (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

/* For SSL_CTX_set_cert_verify_callback(). Fills the session's verdict; sets the error so that the
 * peer gets the alert that the reference sends. */
int verify_peer(X509_STORE_CTX *store_ctx, void *arg);

/* The verified chain as far as the first certificate that is trusted itself: the library goes on behind it when
 * it can. The caller frees it with its certificates; NULL: there is none. */
struct tls_session;
STACK_OF(X509) * verify_chain(const struct tls_session *session);

/* Check the server's certificate against name (a host name or an IP literal). False: out of memory.
 */
bool verify_expect_name(SSL *ssl, const char *name);
bool verify_is_ip(const char *name);

/* Put the certificate into the verdict: its subject, issuer, dates and digest. */
struct tls_verdict;
void verify_name_cert(struct tls_verdict *verdict, const X509 *cert);
