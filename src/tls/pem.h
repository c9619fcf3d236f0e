/* SPDX-License-Identifier: Apache-2.0 */
/* pem.h: certificates and keys out of files, with the rules and the error texts of Go's crypto/tls.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <openssl/x509.h>

struct tls_pair {
        X509 *leaf;
        STACK_OF(X509) * chain; /* intermediates to send, may be empty */
        EVP_PKEY *key;
};

/* Every CERTIFICATE block in order, the first one is the leaf; the first block whose name ends in
 * PRIVATE KEY (PKCS#1, PKCS#8, SEC 1; not encrypted). The key must belong to the leaf.
 * Writes *out only on success; the caller calls pem_pair_fini(). */
MUST_CHECK int pem_load_pair(
        const char *cert_file, const char *key_file, struct tls_pair *out, struct errbuf *eb);
void pem_pair_fini(struct tls_pair *pair);
void pem_pair_copy(struct tls_pair *dst, const struct tls_pair *src); /* shares by counting */

/* Add every certificate of a bundle to store, and to names its subject; blocks of other types and
 * certificates that do not parse are skipped as long as one is good. names may be NULL. */
MUST_CHECK int pem_load_pool(
        const char *file, X509_STORE *store, STACK_OF(X509_NAME) * names, struct errbuf *eb);

/* Every certificate that pem_load_*() returns or adds has its extensions read, so that threads may share it:
 * the library reads them at their first use. This does the same for a store that was filled otherwise. */
void pem_prepare_pool(X509_STORE *store);

/* The whole of a file, up to 16 MiB, with Go's error texts; out is set in any case. */
MUST_CHECK int pem_read_file(const char *path, struct buf *out, struct errbuf *eb);
void pem_wipe(struct buf *buf); /* zero, then free */
