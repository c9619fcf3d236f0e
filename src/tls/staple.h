/* SPDX-License-Identifier: Apache-2.0 */
/* staple.h: the OCSP response that goes along with a context's certificate.
 *
 *   whoever looks it up (control thread) ──put──► staple ──► handshakes (crypto threads)
 *                                           ▲                    │
 *                                           └──── "stale" ───────┘  at most one call until the next put or rearm
 *
 * Counted; contexts with the same certificate share one. Handshakes copy it under a short lock. Once there was
 * a response, none that has run out is ever served: clients that ask for one are refused until there is
 * a newer one. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "tls/ocsp.h"
#include <stdbool.h>
#include <stdint.h>

struct staple;
struct tls_ctx;

/* For the first certificate of ctx, and the issuer who must vouch for it: the second certificate of
 * its file, else one of ca_file or of the system.
 * Returns: 0 (*out holds one reference) or ERR_CONFIG with the reference's text */
MUST_CHECK int staple_new(const struct tls_ctx *ctx, struct staple **out, struct errbuf *eb);
struct staple *staple_ref(struct staple *staple);
void staple_unref(struct staple *staple); /* NULL is fine */

/* Fixed from the start: any thread. */
void staple_key(const struct staple *staple, char hex[65]); /* SHA-256 of the certificate's DER */
void staple_urls(const struct staple *staple, struct ocsp_urls *urls); /* the certificate's */
MUST_CHECK int staple_request(const struct staple *staple, struct buf *out);
/* Is this a response for it that may be served at now_ns (wall clock)? The reference's texts. */
MUST_CHECK int staple_check(const struct staple *staple, struct slice der, uint64_t now_ns,
        struct ocsp_response *out, struct errbuf *eb);

/* Serve this from now on; it was checked. Any thread. */
void staple_put(struct staple *staple, struct slice der, const struct ocsp_response *response);
/* What is served: false when there is none yet. der may be NULL. Any thread. */
bool staple_get(struct staple *staple, struct ocsp_response *response, struct buf *der);
/* The words of the last failure to renew it, for those who are refused. */
void staple_blame(struct staple *staple, const char *text);

/* Call fn(ctx) on the thread of a handshake that found it run out, or nothing there, once until staple_put() or staple_rearm().
 * With NULL: no more, and no call is under way when this returns. */
void staple_on_stale(struct staple *staple, void (*fn)(void *ctx), void *ctx);
void staple_rearm(struct staple *staple);
