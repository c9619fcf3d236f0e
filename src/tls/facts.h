/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h: what a context's certificates say, as plain texts: for logs, monitoring and reviews. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct tls_ctx;

enum { TLS_FACT_AUTHORITIES_MAX = 64 };

struct tls_cert_facts {
        char *subject, *issuer; /* Go's pkix.Name text */
        char *serial;           /* upper-case hex */
        char **names;           /* SANs of types DNS, IP, email and URI, as text */
        int name_n;
        int64_t not_before_s, not_after_s; /* since 1970 */
        char sha256[65];                   /* of the DER, lower-case hex */
        char key[24];                      /* "RSA 2048", "ECDSA P-256", "Ed25519" */
        int chain_n;                       /* certificates sent behind it */
};

struct tls_facts {
        struct tls_cert_facts *certs; /* the leaf of each pair, in the order of the configuration */
        int cert_n;
        struct tls_cert_facts *authorities; /* of ca_file; the first TLS_FACT_AUTHORITIES_MAX */
        int authority_n;
        int authority_total;
        const char *
                staple; /* status of the first certificate that clients are told: "good"; NULL: none */
        int64_t staple_this_s; /* ThisUpdate */
        int64_t staple_next_s; /* NextUpdate; 0: unset */
};

struct tls_facts *tls_ctx_facts(const struct tls_ctx *ctx); /* never NULL; the caller frees it */
void tls_facts_free(struct tls_facts *facts);               /* NULL is fine */

/* "CN=x, valid until 2026-11-24T18:00:00Z, SHA-256 0a1b…" */
void tls_cert_facts_line(struct buf *out, const struct tls_cert_facts *cert);
