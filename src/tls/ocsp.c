/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ocsp.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/name.h"
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum {
        TLS_FEATURE_STATUS_REQUEST = 5,
        RSA_MAX_BITS = 8192, /* a longer key is a way to burn our processors */
};

const char *ocsp_status_name(enum ocsp_status status)
{
        return status == OCSP_STATUS_GOOD      ? "good"
               : status == OCSP_STATUS_REVOKED ? "revoked"
                                               : "unknown";
}

bool ocsp_must_staple(const X509 *cert)
{
        TLS_FEATURE *features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
        bool found = false;
        for (int i = 0; i < sk_ASN1_INTEGER_num(features) && !found; i++)
                found = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
                        TLS_FEATURE_STATUS_REQUEST;
        TLS_FEATURE_free(features);
        ERR_clear_error();
        return found;
}

/* --- asking -------------------------------------------------------------------------------------
 */

bool ocsp_url_is_usable(struct slice url)
{
        static const struct slice schemes[] = { SLICE_LIT("http://"), SLICE_LIT("https://") };
        bool web = false;
        for (size_t i = 0; i < ARRAY_N(schemes); i++)
                web = web ||
                      (url.len > schemes[i].len &&
                              slice_eq_nocase(slice_of(url.ptr, schemes[i].len), schemes[i]));
        for (size_t i = 0; i < url.len && web; i++)
                web = isgraph((unsigned char)url.ptr[i]);
        return web && url.len <= OCSP_URL_MAX_BYTES;
}

static bool is_ocsp_uri(const ACCESS_DESCRIPTION *access)
{
        return OBJ_obj2nid(access->method) == NID_ad_OCSP && access->location->type == GEN_URI;
}

void ocsp_urls_of(const X509 *cert, struct ocsp_urls *urls)
{
        AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
        *urls = (struct ocsp_urls){ .n = 0 };
        for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(all) && urls->n < OCSP_URLS_MAX; i++) {
                const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(all, i);
                if (!is_ocsp_uri(access))
                        continue;
                const ASN1_IA5STRING *uri = access->location->d.uniformResourceIdentifier;
                struct slice url = slice_of(
                        (const char *)ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
                if (ocsp_url_is_usable(url))
                        urls->at[urls->n++] = xstrndup(url.ptr, url.len);
        }
        AUTHORITY_INFO_ACCESS_free(all);
        ERR_clear_error();
}

void ocsp_urls_fini(struct ocsp_urls *urls)
{
        for (int i = 0; i < urls->n; i++)
                xfree(urls->at[i]);
        urls->n = 0;
}

int ocsp_request(const X509 *cert, const X509 *issuer, struct buf *out)
{
        OCSP_REQUEST *request = OCSP_REQUEST_new();
        OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
        unsigned char *der = NULL;
        int len = -1;
        if (request && id && OCSP_request_add0_id(request, id)) {
                id = NULL; /* the request's now */
                len = i2d_OCSP_REQUEST(request, &der);
        }
        if (len > 0)
                buf_append(out, der, (size_t)len);
        OPENSSL_free(der);
        OCSP_CERTID_free(id);
        OCSP_REQUEST_free(request);
        ERR_clear_error();
        return len > 0 && !out->failed ? 0 : ERR_TLS;
}

void ocsp_get_url(struct buf *out, struct slice base, struct slice request, bool query)
{
        if (base.len > 0 && base.ptr[base.len - 1] == '/')
                base.len--;
        char *base64 = xmalloc((request.len + 2) / 3 * 4 + 1);
        text_base64((const uint8_t *)request.ptr, request.len, base64);
        buf_append_slice(out, base);
        buf_append_char(out, '/');
        for (const char *c = base64; *c; c++) {
                if (query && !isalnum((unsigned char)*c))
                        buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
                else
                        buf_append_char(out, *c);
        }
        xfree(base64);
}

/* --- whose word is it ---------------------------------------------------------------------------
 */

static const char *signature_words(const EVP_PKEY *key)
{
        return EVP_PKEY_is_a(key, "RSA")       ? "crypto/rsa: verification error"
               : EVP_PKEY_is_a(key, "ED25519") ? "x509: Ed25519 verification failure"
                                               : "x509: ECDSA verification failure";
}

static bool is_bounded(const EVP_PKEY *key)
{
        return key && (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) <= RSA_MAX_BITS);
}

/* PSS says in its parameters what it signs a digest of; SHA-1 is what need not be said. */
static bool find_pss_digest(int type, const void *parameters, int *digest)
{
        RSA_PSS_PARAMS *pss = type == V_ASN1_SEQUENCE
                                      ? ASN1_item_unpack((const ASN1_STRING *)parameters,
                                                ASN1_ITEM_rptr(RSA_PSS_PARAMS))
                                      : NULL;
        bool found = pss != NULL;
        if (found)
                *digest =
                        pss->hashAlgorithm ? OBJ_obj2nid(pss->hashAlgorithm->algorithm) : NID_sha1;
        RSA_PSS_PARAMS_free(pss);
        return found;
}

/* MD5 and SHA-1 prove nothing any more. */
static bool is_strong(const X509_ALGOR *algorithm)
{
        const ASN1_OBJECT *object;
        const void *parameters;
        int type, digest = NID_undef;
        X509_ALGOR_get0(&object, &type, &parameters, algorithm);
        int nid = OBJ_obj2nid(object);
        bool found = nid == NID_rsassaPss ? find_pss_digest(type, parameters, &digest)
                                          : OBJ_find_sigid_algs(nid, &digest, NULL);
        return found && digest != NID_md5 && digest != NID_sha1 && digest != NID_md5_sha1;
}

static bool is_signed_by(const OCSP_BASICRESP *basic, EVP_PKEY *key)
{
        bool good =
                is_bounded(key) &&
                ASN1_item_verify(ASN1_ITEM_rptr(OCSP_RESPDATA), OCSP_resp_get0_tbs_sigalg(basic),
                        OCSP_resp_get0_signature(basic), OCSP_resp_get0_respdata(basic), key) == 1;
        ERR_clear_error();
        return good;
}

/* Certificates are theirs: the issuer's signature is checked before anything they say counts. */
static bool is_issued(X509 *cert, const X509 *issuer)
{
        const X509_ALGOR *algorithm;
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        X509_get0_signature(NULL, &algorithm, cert);
        bool good = is_strong(algorithm) && is_bounded(key) &&
                    X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) == 0 &&
                    X509_verify(cert, key) == 1;
        ERR_clear_error();
        return good;
}

static bool is_within_dates(const X509 *cert, int64_t now_s)
{
        time_t now = (time_t)now_s;
        return X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
               X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
}

static bool may_sign_ocsp(X509 *cert)
{
        uint32_t flags = X509_get_extension_flags(cert);
        return !(flags & EXFLAG_INVALID) && (flags & EXFLAG_XKUSAGE) &&
               (X509_get_extended_key_usage(cert) & XKU_OCSP_SIGN) &&
               (!(flags & EXFLAG_KUSAGE) || (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE));
}

static int check_delegate(X509 *signer, int64_t now_s, struct errbuf *eb)
{
        if (!may_sign_ocsp(signer))
                return errbuf_set(eb, ERR_TLS,
                        "OCSP staple's signer missing authorization by CA to act as OCSP signer");
        if (!is_within_dates(signer, now_s))
                return errbuf_set(
                        eb, ERR_TLS, "OCSP response's signer has expired or is not yet valid");
        return 0;
}

/* The issuer itself, or the first certificate of the response that it signed and that signed this. */
static int check_signer(const OCSP_BASICRESP *basic, const X509 *issuer, int64_t now_s,
        bool *delegated, struct errbuf *eb)
{
        const STACK_OF(X509) *certs = OCSP_resp_get0_certs(basic);
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        int n = sk_X509_num(certs);
        if (!is_strong(OCSP_resp_get0_tbs_sigalg(basic)))
                return errbuf_set(eb, ERR_INVALID,
                        "bad OCSP signature: x509: cannot verify signature: insecure algorithm");
        if (is_signed_by(basic, key))
                return 0;
        for (int i = 0; i < n && i < OCSP_DELEGATES_MAX; i++) {
                X509 *signer = sk_X509_value(certs, i);
                if (!is_issued(signer, issuer) || !is_signed_by(basic, X509_get0_pubkey(signer)))
                        continue;
                *delegated = true;
                return check_delegate(signer, now_s, eb);
        }
        return errbuf_set(
                eb, ERR_INVALID, "bad OCSP signature: %s", key ? signature_words(key) : "no key");
}

/* --- what it says -------------------------------------------------------------------------------
 */

/* Does the CertID mean cert? By the digest that the responder chose. */
static bool is_about(const OCSP_SINGLERESP *single, const X509 *cert, const X509 *issuer)
{
        static const int digests[] = { NID_sha1, NID_sha256, NID_sha384, NID_sha512 };
        OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
        ASN1_OBJECT *digest;
        bool same = false;
        if (!OCSP_id_get0_info(NULL, &digest, NULL, NULL, theirs))
                return false;
        for (size_t i = 0; i < ARRAY_N(digests); i++) {
                if (OBJ_obj2nid(digest) != digests[i])
                        continue;
                OCSP_CERTID *ours = OCSP_cert_to_id(EVP_get_digestbynid(digests[i]), cert, issuer);
                same = ours && OCSP_id_cmp(ours, theirs) == 0;
                OCSP_CERTID_free(ours);
        }
        return same;
}

static bool has_critical(OCSP_SINGLERESP *single)
{
        return OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0;
}

/* A time that cannot be read, or lies before all computers, is refused: 0 means "not set" here. */
static bool read_time(const ASN1_GENERALIZEDTIME *time, int64_t *out)
{
        *out = time && ASN1_GENERALIZEDTIME_check(time) ? name_time(time) : 0;
        return *out > 0;
}

static int read_single(OCSP_SINGLERESP *single, struct ocsp_response *out, struct errbuf *eb)
{
        ASN1_GENERALIZEDTIME *this_update, *next_update;
        int reason,
                status = OCSP_single_get0_status(single, &reason, NULL, &this_update, &next_update);
        if (has_critical(single))
                return errbuf_set(eb, ERR_INVALID, "unsupported critical extension");
        if (!read_time(this_update, &out->this_update_s) ||
                (next_update && !read_time(next_update, &out->next_update_s)))
                return errbuf_set(eb, ERR_INVALID, "asn1: syntax error: invalid time");
        out->status = status == V_OCSP_CERTSTATUS_GOOD      ? OCSP_STATUS_GOOD
                      : status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_STATUS_REVOKED
                                                            : OCSP_STATUS_UNKNOWN;
        return 0;
}

static int find_single(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer,
        OCSP_SINGLERESP **found, struct errbuf *eb)
{
        int n = OCSP_resp_count(basic);
        if (n <= 0 || n > OCSP_SINGLES_MAX)
                return errbuf_set(
                        eb, ERR_INVALID, "OCSP response contains bad number of responses");
        for (int i = 0; i < n; i++) {
                *found = OCSP_resp_get0(basic, i);
                if (is_about(*found, cert, issuer))
                        return 0;
        }
        return errbuf_set(eb, ERR_INVALID, "no response matching the supplied certificate");
}

static int read_basic(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer, int64_t now_s,
        struct ocsp_response *out, struct errbuf *eb)
{
        OCSP_SINGLERESP *single = NULL;
        int rc = find_single(basic, cert, issuer, &single, eb);
        if (rc == 0)
                rc = read_single(single, out, eb);
        if (rc == 0)
                rc = check_signer(basic, issuer, now_s, &out->delegated, eb);
        return rc;
}

static int refused(int status, struct errbuf *eb)
{
        static const char *const words[] = { [OCSP_RESPONSE_STATUS_MALFORMEDREQUEST] = "malformed",
                [OCSP_RESPONSE_STATUS_INTERNALERROR] = "internal error",
                [OCSP_RESPONSE_STATUS_TRYLATER] = "try later",
                [OCSP_RESPONSE_STATUS_SIGREQUIRED] = "signature required",
                [OCSP_RESPONSE_STATUS_UNAUTHORIZED] = "unauthorized" };
        if (status > 0 && status < (int)ARRAY_N(words) && words[status])
                return errbuf_set(eb, ERR_INVALID, "ocsp: error from server: %s", words[status]);
        return errbuf_set(
                eb, ERR_INVALID, "ocsp: error from server: unknown OCSP status: %d", status);
}

int ocsp_parse(struct slice der, const X509 *cert, const X509 *issuer, int64_t now_s,
        struct ocsp_response *out, struct errbuf *eb)
{
        const unsigned char *at = (const unsigned char *)der.ptr, *end = at + der.len;
        *out = (struct ocsp_response){ .status = OCSP_STATUS_UNKNOWN };
        if (der.len == 0 || der.len > OCSP_RESPONSE_MAX_BYTES)
                return errbuf_set(eb, ERR_INVALID, "asn1: syntax error: %s",
                        der.len ? "data too large" : "sequence truncated");
        OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
        OCSP_BASICRESP *basic = NULL;
        int rc;
        if (response == NULL)
                rc = errbuf_set(eb, ERR_INVALID, "asn1: structure error: not an OCSP response");
        else if (at != end)
                rc = errbuf_set(eb, ERR_INVALID, "trailing data in OCSP response");
        else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
                rc = refused(OCSP_response_status(response), eb);
        else if ((basic = OCSP_response_get1_basic(response)) == NULL)
                rc = errbuf_set(eb, ERR_INVALID, "bad OCSP response type");
        else
                rc = read_basic(basic, cert, issuer, now_s, out, eb);
        OCSP_BASICRESP_free(basic);
        OCSP_RESPONSE_free(response);
        ERR_clear_error();
        return rc;
}

/* --- is it of today -----------------------------------------------------------------------------
 */

void ocsp_time_text(int64_t time_s, char *dst, size_t size)
{
        time_t time = (time_t)time_s; /* not by nanoseconds, which end in the year 2554 */
        struct tm tm;
        if (time_s <= 0 || gmtime_r(&time, &tm) == NULL)
                snprintf(dst, size, "0001-01-01T00:00:00Z");
        else
                strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* In nanoseconds, without overflow: a certificate authority may say "in a thousand years". */
static int64_t to_ns(int64_t time_s)
{
        return time_s > INT64_MAX / (int64_t)NS_PER_SEC ? INT64_MAX : time_s * (int64_t)NS_PER_SEC;
}

static int64_t add(int64_t a, int64_t b)
{
        int64_t sum;
        return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

int ocsp_check_valid(const struct ocsp_response *response, uint64_t now_ns, struct errbuf *eb)
{
        char when[40];
        if (response->next_update_s && to_ns(response->next_update_s) < (int64_t)now_ns) {
                ocsp_time_text(response->next_update_s, when, sizeof when);
                return errbuf_set(eb, ERR_RANGE, "invalid ocsp NextUpdate, is past time: %s", when);
        }
        if (to_ns(response->this_update_s) > (int64_t)now_ns) {
                ocsp_time_text(response->this_update_s, when, sizeof when);
                return errbuf_set(
                        eb, ERR_RANGE, "invalid ocsp ThisUpdate, is future time: %s", when);
        }
        return 0;
}

static bool not_current(
        struct errbuf *eb, const char *what, int64_t when_ns, uint64_t now_ns, int64_t skew_ns)
{
        char when[40], now[40], skew[40];
        clock_rfc3339(when_ns > 0 ? (uint64_t)when_ns : 0, when, sizeof when);
        clock_rfc3339(now_ns, now, sizeof now);
        clock_duration(skew_ns, skew, sizeof skew);
        errbuf_set(eb, ERR_RANGE, "OCSP response %s [%s] is before now [%s] with clockskew [%s]",
                what, when, now, skew);
        return false;
}

bool ocsp_is_current(const struct ocsp_response *response, uint64_t now_ns, int64_t skew_ns,
        int64_t ttl_ns, struct errbuf *eb)
{
        int64_t now = (int64_t)now_ns, from = to_ns(response->this_update_s);
        int64_t next = to_ns(response->next_update_s), end = add(from, ttl_ns);
        if (response->next_update_s && next < add(now, -skew_ns))
                return not_current(eb, "NextUpdate", next, now_ns, skew_ns);
        if (!response->next_update_s && end < add(now, -skew_ns))
                return not_current(eb, "cache expiry", end, now_ns, skew_ns);
        if (from > add(now, skew_ns)) /* the reference's words, wrong as they are */
                return not_current(eb, "ThisUpdate", from, now_ns, skew_ns);
        return true;
}
