/* SPDX-License-Identifier: Apache-2.0 */
/* cert_names.h: the names in a peer's certificate that may be a user's (verify_and_map), as plain texts.
 * Only names that a user can have are kept: none with a NUL byte. */
#pragma once
#include "cred/dn.h"
#include <openssl/x509.h>
#include <stdbool.h>

struct tls_session;

struct name_list {
        char **at;
        int n;
};

struct cert_names {
        struct name_list emails, dns,
                uris;      /* of the SAN, in its order; URIs with the scheme in lower case */
        bool has_subject;  /* it is not empty */
        struct dn subject; /* in RFC 4514's order, the reverse of the certificate's */
        bool structural;   /* subject is whole: it holds nothing that no user name could say */
        char *flat;        /* Go's text of the known attributes, "CN=h,OU=X,O=NATS" */
        char *flat_dcs;    /* the same and ",DC=…" for each; NULL without DC */
        bool chain;        /* the peer sent more than the leaf */
};

/* After TLS_DONE; NULL: the peer has shown no certificate. The caller frees it. */
struct cert_names *tls_session_cert_names(const struct tls_session *session);
struct cert_names *cert_names_of(const X509 *cert);
void cert_names_free(struct cert_names *names); /* NULL is fine */
