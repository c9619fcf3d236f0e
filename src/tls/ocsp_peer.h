/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_peer.h: do the issuers of a peer's certificates still vouch for them (tls.md 11)?
 *
 * After the chain is verified, each certificate in it that names a responder needs a good and current
 * response: from the cache, or from the responder. What asks the network is not here: a check that lacks
 * a response says so, and goes on when it is given the answer.
 *
 *   ocsp_check_run ──► OCSP_PASSED
 *        │  ▲     └──► OCSP_REFUSED ──► ocsp_check_verdict
 *        ▼  └── ocsp_check_answer
 *     OCSP_ASK: ocsp_check_take_question
 *
 * A check verifies signatures: not on a loop. One thread at a time. */
#pragma once
#include "conf/options.h"
#include "tls/ocsp_cache.h"
#include <openssl/x509.h>
#include <stdatomic.h>

struct ocsp_share; /* who asks the network: net/, above this folder, so opaque here */
struct tls_verdict;

/* What the checks of one context go by. Immutable and counted. */
struct ocsp_peer {
        _Atomic uint32_t refs;
        struct ocsp_peer_options policy;
        struct ocsp_cache *cache; /* counted */
        struct ocsp_share *share; /* borrowed: outlives all connections */
};

struct ocsp_peer *ocsp_peer_new(
        const struct ocsp_peer_options *policy, struct ocsp_cache *cache, struct ocsp_share *share);
struct ocsp_peer *ocsp_peer_ref(struct ocsp_peer *peer);
void ocsp_peer_unref(struct ocsp_peer *peer); /* NULL is fine */

/* What a responder is to be asked, with all that it takes to use the answer. */
struct ocsp_question {
        struct ocsp_peer *peer;            /* counted */
        uint8_t digest[OCSP_DIGEST_BYTES]; /* of the certificate */
        uint8_t issuer_digest[OCSP_DIGEST_BYTES];
        X509 *cert, *issuer;   /* counted */
        struct ocsp_urls urls; /* the responders, in order; each has ca_timeout */
        struct buf request;    /* DER */
};

/* What came of it; counted, because many may have asked. */
struct ocsp_answer {
        _Atomic uint32_t refs;
        char why[512]; /* the reason why there is no response; "": there is */
        bool unasked;  /* because of us: no responder was asked */
        size_t len;
        char response[]; /* of the responder, unchecked */
};

/* About the same certificate, under the same policy: one answer is enough. */
bool ocsp_question_is_same(const struct ocsp_question *a, const struct ocsp_question *b);
/* Put the answer into the cache if it is valid and current; verifies signatures: not on a loop. */
void ocsp_question_settle(const struct ocsp_question *question, const struct ocsp_answer *answer);
void ocsp_question_free(struct ocsp_question *question); /* NULL is fine */

struct ocsp_answer *ocsp_answer_new(struct slice response);
struct ocsp_answer *ocsp_answer_failed(const char *why);
/* We had no room to ask. That says nothing about the responder: it lets in nobody who would be let in while
 * the responder cannot be reached, or a revoked client would only have to come in large numbers. */
struct ocsp_answer *ocsp_answer_unasked(const char *why);
struct ocsp_answer *ocsp_answer_ref(struct ocsp_answer *answer);
void ocsp_answer_unref(struct ocsp_answer *answer); /* NULL is fine */

enum ocsp_step { OCSP_PASSED, OCSP_REFUSED, OCSP_ASK };

struct ocsp_check;

/* chain: verified, leaf first, anchor last; the check's own from now on. NULL: there is none, which is refused.
 * server: it is a server's. */
struct ocsp_check *ocsp_check_new(struct ocsp_peer *peer, STACK_OF(X509) * chain, bool server);
void ocsp_check_free(struct ocsp_check *check); /* NULL is fine */

enum ocsp_step ocsp_check_run(struct ocsp_check *check);

/* After OCSP_ASK, once; the caller frees it, at any time. The answer is counted. */
struct ocsp_question *ocsp_check_take_question(struct ocsp_check *check);
void ocsp_check_answer(struct ocsp_check *check, struct ocsp_answer *answer);

/* After OCSP_REFUSED. */
void ocsp_check_verdict(const struct ocsp_check *check, struct tls_verdict *verdict);

/* For tickets: append the links of a verified chain that a check would look at, and see later whether all
 * of them are good by what was checked before. False: a full handshake is due. */
enum { OCSP_LINK_BYTES = 2 * OCSP_DIGEST_BYTES };
void ocsp_peer_links(STACK_OF(X509) * chain, struct buf *out);
bool ocsp_peer_links_are_good(const struct ocsp_peer *peer, struct slice links);
