/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/verify.h"
#include "base/clock.h"
#include "tls/name.h"
#include "tls/suite.h"
#include "tls/tls_internal.h"
#include "tls/usage.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

/* A longer RSA key is a way to burn our processors; no authority issues one. */
enum { RSA_MAX_BITS = 8192 };

/* OpenSSL's errors that are one rule for us: reason, alert to send as an error code, words. */
struct rule {
        int error;
        enum tls_reason reason;
        int alert_error;
        const char *text;
};

static const struct rule rules[] = {
        { X509_V_ERR_INVALID_PURPOSE, TLS_REASON_KEY_USAGE, X509_V_ERR_CERT_REJECTED,
                "certificate specifies an incompatible key usage" },
        { X509_V_ERR_INVALID_EXTENSION, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "malformed extension" },
        { X509_V_ERR_INVALID_CA, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "certificate is not authorized to sign other certificates" },
        { X509_V_ERR_KEYUSAGE_NO_CERTSIGN, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "certificate is not authorized to sign other certificates" },
        { X509_V_ERR_PATH_LENGTH_EXCEEDED, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "too many intermediates for path length constraint" },
        { X509_V_ERR_CERT_CHAIN_TOO_LONG, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "too many intermediates for path length constraint" },
        { X509_V_ERR_PERMITTED_VIOLATION, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "a root or intermediate certificate is not authorized to sign for this name" },
        { X509_V_ERR_EXCLUDED_VIOLATION, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "a root or intermediate certificate is not authorized to sign for this name" },
        { X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "unhandled critical extension" },
        { X509_V_ERR_CA_MD_TOO_WEAK, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "cannot verify signature: insecure algorithm" },
        { X509_V_ERR_EE_KEY_TOO_SMALL, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "certificate contains a key that is too small" },
        { X509_V_ERR_CA_KEY_TOO_SMALL, TLS_REASON_CERTIFICATE, X509_V_ERR_CERT_REJECTED,
                "certificate contains a key that is too small" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_REASON_UNKNOWN_AUTHORITY, 0,
                "certificate signed by unknown authority" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_REASON_UNKNOWN_AUTHORITY, 0,
                "certificate signed by unknown authority" },
        { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_REASON_UNKNOWN_AUTHORITY, 0,
                "certificate signed by unknown authority" },
        { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_REASON_UNKNOWN_AUTHORITY, 0,
                "certificate signed by unknown authority" },
        { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_REASON_UNKNOWN_AUTHORITY, 0,
                "certificate signed by unknown authority" },
        { X509_V_ERR_CERT_SIGNATURE_FAILURE, TLS_REASON_UNKNOWN_AUTHORITY,
                X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                "certificate signed by unknown authority" },
        { X509_V_ERR_CERT_UNTRUSTED, TLS_REASON_UNKNOWN_AUTHORITY,
                X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                "certificate signed by unknown authority" },
};

static const struct rule *rule_of(int error)
{
        for (size_t i = 0; i < ARRAY_N(rules); i++)
                if (rules[i].error == error)
                        return &rules[i];
        return NULL;
}

bool verify_is_ip(const char *name)
{
        unsigned char addr[16];
        return inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;
}

bool verify_expect_name(SSL *ssl, const char *name)
{
        X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
        X509_VERIFY_PARAM_set_hostflags(param, VERIFY_HOST_FLAGS);
        if (verify_is_ip(name))
                return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
        return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static void append_date(struct buf *out, const ASN1_TIME *date)
{
        struct tm tm;
        if (ASN1_TIME_to_tm(date, &tm))
                buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The dates first, as the reference checks them before it looks for an issuer. */
static bool explain_dates(struct buf *text, const X509 *cert)
{
        const ASN1_TIME *from = X509_get0_notBefore(cert), *to = X509_get0_notAfter(cert);
        bool early = X509_cmp_current_time(from) > 0;
        char now[40];
        if (!early && X509_cmp_current_time(to) > 0)
                return false;
        clock_rfc3339(clock_wall_ns() / NS_PER_SEC * NS_PER_SEC, now, sizeof(now));
        buf_printf(text, "certificate has expired or is not yet valid: current time %s is %s ", now,
                early ? "before" : "after");
        append_date(text, early ? from : to);
        return true;
}

static void append_ip(struct buf *out, const ASN1_OCTET_STRING *ip)
{
        char text[INET6_ADDRSTRLEN] = "";
        int len = ASN1_STRING_length(ip);
        if (len == 4 || len == 16)
                inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text,
                        sizeof(text));
        buf_printf(out, "%s%s", out->len ? ", " : "", text);
}

/* SANs of one type, joined by ", "; *any_san tells whether there is any at all. */
static void append_sans(struct buf *out, const X509 *cert, int type, bool *any_san)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        *any_san = names != NULL;
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
                if (name->type != type)
                        continue;
                if (type == GEN_IPADD) {
                        append_ip(out, name->d.iPAddress);
                        continue;
                }
                const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
                buf_printf(out, "%s%.*s", out->len ? ", " : "", ASN1_STRING_length(name->d.dNSName),
                        text);
        }
        GENERAL_NAMES_free(names);
}

/* No name matches: say which ones would have. */
static bool explain_name(struct buf *text, X509 *cert, const char *host)
{
        struct buf valid = { 0 };
        bool ip = verify_is_ip(host), any_san;
        int match = ip ? X509_check_ip_asc(cert, host, 0)
                       : X509_check_host(cert, host, 0, VERIFY_HOST_FLAGS, NULL);
        if (match == 1)
                return false;
        append_sans(&valid, cert, ip ? GEN_IPADD : GEN_DNS, &any_san);
        if (!any_san && X509_check_host(cert, host, 0, 0, NULL) == 1)
                buf_append_str(
                        text, "certificate relies on legacy Common Name field, use SANs instead");
        else if (ip && valid.len == 0)
                buf_printf(text,
                        "cannot validate certificate for %s because it doesn't contain any IP SANs",
                        host);
        else if (valid.len == 0)
                buf_printf(text, "certificate is not valid for any names, but wanted to match %s",
                        host);
        else
                buf_printf(text, "certificate is valid for %.*s, not %s",
                        SLICE_ARG(buf_slice(&valid)), host);
        buf_fini(&valid);
        return true;
}

static void append_cert(struct buf *out, const X509 *cert)
{
        char hex[65];
        name_cert_sha256(cert, hex);
        name_text(out, X509_get_subject_name(cert));
        buf_printf(out, " SHA-256: %s", hex);
}

/* " (SUBJECT SHA-256: HEX; ...)": all that the peer sent. */
static void append_sent(struct buf *out, X509_STORE_CTX *store_ctx)
{
        STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
        for (int i = 0; i < sk_X509_num(sent); i++) {
                buf_append_str(out, i ? "; " : " (");
                append_cert(out, sk_X509_value(sent, i));
        }
        if (sk_X509_num(sent) > 0)
                buf_append_char(out, ')');
}

void verify_name_cert(struct tls_verdict *verdict, const X509 *cert)
{
        struct buf subject = { 0 };
        char hex[65];
        name_text(&subject, X509_get_subject_name(cert));
        name_cert_sha256(cert, hex);
        tls_verdict_set_cert(verdict, buf_slice(&subject), hex);
        buf_clear(&subject);
        name_text(&subject, X509_get_issuer_name(cert));
        tls_verdict_set_issuer(verdict, buf_slice(&subject), name_time(X509_get0_notBefore(cert)),
                name_time(X509_get0_notAfter(cert)));
        buf_fini(&subject);
}

static void set_verdict(struct tls_session *session, enum tls_reason reason, const struct buf *text,
        X509_STORE_CTX *store_ctx, const X509 *cert)
{
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict == NULL)
                return;
        struct buf sent = { 0 };
        append_sent(&sent, store_ctx);
        tls_verdict_set(verdict, reason, "tls: failed to verify certificate: x509: %.*s%.*s",
                SLICE_ARG(buf_slice(text)), SLICE_ARG(buf_slice(&sent)));
        verify_name_cert(verdict, cert);
        buf_fini(&sent);
}

/* Find the words for a chain that was refused; returns the error that makes the right alert. */
static int explain(struct tls_session *session, X509_STORE_CTX *store_ctx)
{
        X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
        X509 *cert = X509_STORE_CTX_get_current_cert(store_ctx);
        int error = X509_STORE_CTX_get_error(store_ctx), alert_error = error;
        const struct rule *rule = rule_of(error);
        enum tls_reason reason = rule ? rule->reason : TLS_REASON_CERTIFICATE;
        struct buf text = { 0 };
        bool dated = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
        if (cert == NULL)
                cert = leaf;
        if (explain_dates(&text, leaf) || (dated && explain_dates(&text, cert))) {
                reason = TLS_REASON_EXPIRED;
                alert_error = X509_V_ERR_CERT_HAS_EXPIRED;
        } else if (session->server_name && explain_name(&text, leaf, session->server_name)) {
                reason = TLS_REASON_NAME_MISMATCH;
                cert = leaf;
        } else {
                buf_append_str(&text, rule ? rule->text : X509_verify_cert_error_string(error));
                alert_error = !rule               ? X509_V_ERR_CERT_REJECTED
                              : rule->alert_error ? rule->alert_error
                                                  : error;
        }
        set_verdict(session, reason, &text, store_ctx, cert);
        buf_fini(&text);
        return session->ctx->client ? X509_V_ERR_CERT_REJECTED : alert_error;
}

static bool keys_are_bounded(struct tls_session *session, X509_STORE_CTX *store_ctx)
{
        STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
        for (int i = 0; i < sk_X509_num(sent); i++) {
                const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(sent, i));
                if (key == NULL || !EVP_PKEY_is_a(key, "RSA") ||
                        EVP_PKEY_get_bits(key) <= RSA_MAX_BITS)
                        continue;
                struct tls_verdict *verdict = tls_session_blame(session);
                if (verdict) {
                        tls_verdict_set(verdict, TLS_REASON_CERTIFICATE,
                                "tls: %s sent certificate containing RSA key larger than %d bits",
                                session->ctx->client ? "server" : "client", RSA_MAX_BITS);
                        verify_name_cert(verdict, sk_X509_value(sent, i));
                }
                return false;
        }
        return true;
}

static bool usages_fit(const struct tls_session *session, X509_STORE_CTX *store_ctx)
{
        int error;
        X509 *cert =
                usage_refuses(X509_STORE_CTX_get0_chain(store_ctx), session->ctx->client, &error);
        if (cert == NULL)
                return true;
        X509_STORE_CTX_set_error(store_ctx, error);
        X509_STORE_CTX_set_current_cert(store_ctx, cert);
        return false;
}

/* In TLS 1.2 the library takes `curve_preferences` for the curves of certificates as well. They are
 * about the exchange of keys, which is agreed on by the time the client shows its certificate. */
static void widen_groups(const struct tls_session *session, const X509 *cert)
{
        if (!session->ctx->client && SSL_version(session->ssl) == TLS1_2_VERSION &&
                EVP_PKEY_is_a(X509_get0_pubkey(cert), "EC") &&
                !SSL_set1_groups_list(session->ssl, GROUP_LIST_CERTIFICATES))
                ERR_clear_error(); /* then the handshake fails, as it would have */
}

STACK_OF(X509) * verify_chain(const struct tls_session *session)
{
        STACK_OF(X509) *whole = SSL_get0_verified_chain(session->ssl);
        STACK_OF(X509) *chain = sk_X509_num(whole) > 0 ? sk_X509_new_null() : NULL;
        for (int i = 0; chain && i < sk_X509_num(whole) && i <= session->anchor; i++) {
                X509_up_ref(sk_X509_value(whole, i));
                sk_X509_push(chain, sk_X509_value(whole, i));
        }
        return chain;
}

int verify_peer(X509_STORE_CTX *store_ctx, void *arg)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct tls_session *session = tls_session_of(ssl);
        if (!session->ctx->verify)
                return 1;
        if (!keys_are_bounded(session, store_ctx)) {
                X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REJECTED);
                return 0;
        }
        if (X509_verify_cert(store_ctx) > 0 && usages_fit(session, store_ctx)) {
                widen_groups(session, X509_STORE_CTX_get0_cert(store_ctx));
                session->anchor = (uint8_t)X509_STORE_CTX_get_num_untrusted(store_ctx);
                return 1;
        }
        X509_STORE_CTX_set_error(store_ctx, explain(session, store_ctx));
        ERR_clear_error();
        return 0;
}
