/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp.h: the status of one certificate (RFC 6960): what to ask, and what an answer proves.
 * Pure: no sockets, no files, no clock of its own. Any thread. Certificates are those of pem.h, or of a
 * verified chain: their extensions have been read. Times are seconds since 1970, or nanoseconds (_ns). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        OCSP_RESPONSE_MAX_BYTES = 64 * 1024,
        OCSP_SINGLES_MAX = 64,    /* statuses in one response */
        OCSP_DELEGATES_MAX = 4,   /* certificates in one response that are tried as its signer */
        OCSP_URLS_MAX = 8,        /* responders of one certificate; more are passed over */
        OCSP_URL_MAX_BYTES = 1024 /* longer ones are passed over */
};

enum ocsp_status { OCSP_STATUS_GOOD, OCSP_STATUS_REVOKED, OCSP_STATUS_UNKNOWN };

/* What a response says about the one certificate that it was parsed for. */
struct ocsp_response {
        enum ocsp_status status;
        int64_t this_update_s;
        int64_t next_update_s; /* 0: the authority leaves it open */
        bool delegated;        /* signed by a delegate of the issuer */
};

const char *ocsp_status_name(enum ocsp_status status); /* "good", "revoked", "unknown"; static */

/* Does the certificate ask to be stapled always (RFC 7633: TLS feature status_request)? */
bool ocsp_must_staple(const X509 *cert);

/* The http and https responders that the certificate names, in its order. */
struct ocsp_urls {
        char *at[OCSP_URLS_MAX];
        int n;
};

void ocsp_urls_of(const X509 *cert, struct ocsp_urls *urls); /* fills; the caller calls fini */
void ocsp_urls_fini(struct ocsp_urls *urls);
/* Is it a URL that may be fetched: http or https, printable, of bounded length? */
bool ocsp_url_is_usable(struct slice url);

/* Append the request's DER: SHA-1 CertID, no nonce, so that responders may answer from stock.
 * Returns 0 or ERR_TLS. */
MUST_CHECK int ocsp_request(const X509 *cert, const X509 *issuer, struct buf *out);

/* Append the URL of the request by GET: base, "/", base64. A '/' at the end of base is dropped; query: '+',
 * '/' and '=' of the base64 are escaped. */
void ocsp_get_url(struct buf *out, struct slice base, struct slice request, bool query);

/* Parse a response and prove that the issuer stands behind it: signed by the issuer's key, or by a
 * certificate in the response that the issuer signed for OCSP signing and that is within its dates. Whether
 * it is recent enough is another question: below.
 * cert, issuer  which of the statuses counts, by CertID
 * Returns: 0 (*out is filled), ERR_INVALID (no proof of anything), ERR_TLS (signed by a certificate of the
 * issuer that is no delegate for this, or no more; *out is filled); then eb holds the reference's words */
MUST_CHECK int ocsp_parse(struct slice der, const X509 *cert, const X509 *issuer, int64_t now_s,
        struct ocsp_response *out, struct errbuf *eb);

/* May it be stapled now? 0, or ERR_RANGE with "invalid ocsp NextUpdate, is past time: …". */
MUST_CHECK int ocsp_check_valid(
        const struct ocsp_response *response, uint64_t now_ns, struct errbuf *eb);

/* May a peer be judged by it now? Both clocks may differ by skew_ns; without NextUpdate it lasts ttl_ns
 * from ThisUpdate on. False: eb holds the line for the log. */
bool ocsp_is_current(const struct ocsp_response *response, uint64_t now_ns, int64_t skew_ns,
        int64_t ttl_ns, struct errbuf *eb);

/* RFC 3339 of a time of a response; "0001-01-01T00:00:00Z" for 0, as the reference prints it. dst >= 40. */
void ocsp_time_text(int64_t time_s, char *dst, size_t size);
