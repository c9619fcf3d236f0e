/* SPDX-License-Identifier: Apache-2.0 */
/* mint.h: make keys and sign certificates, for development and for tests. */
#pragma once
#include "base/buf.h"
#include "tls/pem.h"
#include <stdbool.h>
#include <stdint.h>

enum mint_key { MINT_P256, MINT_RSA2048, MINT_ED25519 };

struct mint_spec {
        const char *org, *name; /* subject O (NULL: none) and CN */
        enum mint_key key;
        bool ca;
        const char *usage;    /* extended: "serverAuth,clientAuth"; NULL: none */
        const char *san;      /* "DNS:localhost,IP:::1"; NULL: none */
        const char *aia;      /* "OCSP;URI:http://127.0.0.1:8888"; NULL: none */
        bool must_staple;     /* TLS feature status_request */
        int64_t from_s, to_s; /* validity in seconds from now */
};

/* Make a key and a certificate for it, signed by issuer (NULL: by itself). The caller calls
 * pem_pair_fini(). Returns 0 or ERR_TLS. */
MUST_CHECK int mint(
        const struct mint_spec *spec, const struct tls_pair *issuer, struct tls_pair *out);

/* Append PEM. */
MUST_CHECK int mint_cert_pem(const X509 *cert, struct buf *out);
MUST_CHECK int mint_key_pem(const EVP_PKEY *key, struct buf *out);
