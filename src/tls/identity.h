/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h: what a peer proved, as plain texts.
 * Built from the session when somebody asks and freed by him: an idle connection keeps none. */
#pragma once
#include <stdbool.h>

struct tls_session;

struct tls_peer_cert {
        char *subject;        /* Go's pkix.Name text */
        char spki_sha256[65]; /* of the DER SubjectPublicKeyInfo, lower-case hex: the pin */
        char cert_sha256[65]; /* of the whole DER */
};

struct tls_identity {
        const char *version; /* "1.2", "1.3" */
        const char *cipher;  /* Go's name */
        const char *group;   /* "X25519", "CurveP256"; "" when there was no key exchange */
        bool resumed;
        char *sni;                   /* "" when none was sent */
        struct tls_peer_cert *certs; /* as sent, leaf first; after resumption the leaf only */
        int cert_n;
};

/* After TLS_DONE, on the thread that holds the session. Never NULL; the caller frees it. */
struct tls_identity *tls_session_identity(const struct tls_session *session);
void tls_identity_free(struct tls_identity *identity); /* NULL is fine */
