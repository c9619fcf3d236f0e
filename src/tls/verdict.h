/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h: why a handshake failed, for logs, counters, monitoring and the person who must repair
 * it. A plain value: copy it freely. */
#pragma once
#include "base/macros.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_reason {
#define VERDICT(id, name, side, quiet, rule, remedy) TLS_REASON_##id,
#include "tls/verdict.def"
#undef VERDICT
        TLS_REASON_COUNT
};

/* Who refused to go on. */
enum { TLS_VERDICT_LINE_BYTES = 1024 };

enum tls_side { TLS_SIDE_OURS, TLS_SIDE_PEER, TLS_SIDE_NETWORK };

struct tls_verdict {
        enum tls_reason reason;
        enum tls_side side;
        bool quiet;          /* log at DEBUG instead of ERROR */
        int alert;           /* sent or received; -1: none */
        char text[1024];     /* the reference's words: "tls: client didn't provide a certificate" */
        char subject[256];   /* of the certificate concerned; "" when there is none */
        char sha256[65];     /* of its DER, lower-case hex; "" when there is none */
        char key_sha256[65]; /* NOT_PINNED: of its public key; "" without certificate */
        char issuer[256];    /* of that certificate, as are the dates */
        int64_t not_before_s, not_after_s; /* since 1970; 0: no certificate */
        char sni[256];      /* the host name that the client asked for; "" when none */
        const char *rule;   /* the rule that was broken, static */
        const char *remedy; /* one line for a human, static */
};

/* Short stable name for counters and monitoring: "unknown_authority". */
const char *tls_reason_name(enum tls_reason reason);
const char *tls_side_name(enum tls_side side); /* "ours", "peer", "network" */

/* Nobody tried to connect: a port scan, a health check. Such failures are counted and folded, not told
 * one by one. */
bool tls_reason_is_noise(enum tls_reason reason);

/* Set everything that verdict.def says about the reason; the text by format. Control characters
 * become
 * '?': a peer's certificate must not write lines of its own into a log. */
void tls_verdict_set(struct tls_verdict *verdict, enum tls_reason reason, const char *fmt, ...)
        PRINTF_LIKE(3, 4);

/* Text of an alert number in "remote error: tls: TEXT"; NULL for an unknown number. */
const char *tls_alert_text(int alert);

/* The certificate concerned, and more about it. */
void tls_verdict_set_cert(struct tls_verdict *verdict, struct slice subject, const char *sha256);
void tls_verdict_set_issuer(struct tls_verdict *verdict, struct slice issuer, int64_t not_before_s,
        int64_t not_after_s);
void tls_verdict_set_sni(struct tls_verdict *verdict, struct slice name);

/* Everything but the text, as one line for a log: "certificate_missing, refused by ours; rule: ..." */
void tls_verdict_line(const struct tls_verdict *verdict, char *dst, size_t size);

/* Failures that no session sees. */
void tls_verdict_timeout(struct tls_verdict *verdict);
void tls_verdict_ocsp_timeout(struct tls_verdict *verdict);      /* while a responder was asked */
void tls_verdict_busy(struct tls_verdict *verdict);              /* the crypto pool is full */
void tls_verdict_network(struct tls_verdict *verdict, int code); /* ERR_EOF or a negative errno */
void tls_verdict_probe(struct tls_verdict *verdict, int code); /* likewise, before any byte came */
