/* SPDX-License-Identifier: Apache-2.0 */
/* tls_internal.h: the structs that the files of this folder share. */
#pragma once
#include "base/buf.h"
#include "conf/options.h"
#include "tls/pem.h"
#include "tls/verdict.h"
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>

struct ocsp_peer;
struct resume;
struct staple;
struct records;
struct tickets;
struct traffic_secrets;

struct tls_ctx {
        _Atomic uint32_t refs;
        SSL_CTX *ssl;
        struct tls_pair *pairs; /* in the order of the configuration */
        int pair_n;
        enum tls_version min_version;
        bool client;           /* role */
        bool verify;           /* ask the peer for a certificate and check it */
        bool system_trust;     /* the authorities are the system's */
        char *suites, *groups; /* OpenSSL's lists, in our order */
        char *missing;         /* configured, but not in the library; "" */
        char (*pins)[65];      /* peers' keys: hex SHA-256, sorted; 0 of them: any */
        int pin_n;
        struct tickets *tickets; /* server role */
        struct staple *staple;   /* counted; NULL: the certificate goes without */
        struct resume *resume;   /* client role; NULL: never resumes */
        struct ocsp_peer
                *ocsp; /* server role: how client certificates are checked; NULL: they are not */
};

/* What the handshake proved. */
struct tls_proof {
        X509 *leaf;             /* the peer's certificate, counted, or NULL */
        STACK_OF(X509) * chain; /* what it sent, counted; NULL after resumption */
        char *sni;              /* NULL when none was sent */
        int group;              /* as SSL_get_negotiated_group() */
        uint16_t cipher;        /* on the wire */
        uint16_t version;
        bool resumed;
};

/* There is one for each connection: a field here is paid for by all that are idle. */
struct tls_session {
        SSL *ssl; /* its app data is this struct; NULL once `records` has taken over */
        struct records *records;         /* TLS 1.3 behind the handshake */
        struct traffic_secrets *secrets; /* during the handshake */
        struct tls_proof proof;          /* from the end of the handshake on */
        struct tls_ctx *ctx;             /* counted */
        struct slice *in;                /* lent during a call, else NULL */
        struct buf *out;                 /* likewise */
        struct buf
                held; /* not for the peer yet: an alert after a broken read, the last flight while checking */
        struct tls_verdict *verdict; /* NULL until something failed */
        char *server_name;           /* client role: what to verify against */
        uint32_t handshake_bytes;    /* input so far, while the handshake runs */
        int16_t alert;               /* last one sent; -1: none */
        uint8_t anchor;              /* where in the verified chain trust begins */
        bool started;                /* the first record was looked at, or our ClientHello is out */
        bool hello_seen;             /* server role: the ClientHello was whole */
        bool checking;               /* complete but for the check of ocsp_peer */
        bool done;                   /* handshake complete */
        bool closed;                 /* close_notify sent */
};

static inline struct tls_session *tls_session_of(const SSL *ssl)
{
        return SSL_get_app_data(ssl);
}

/* Is the peer's key one of ctx's pins? True without pins. key: its digest, "" without certificate. */
bool tls_ctx_has_pin(const struct tls_ctx *ctx, const X509 *peer, char key[65]);

/* The verdict to fill, or NULL when there is one already: the first cause counts. */
struct tls_verdict *tls_session_blame(struct tls_session *session);
