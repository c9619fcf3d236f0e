/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/failure.h"
#include "tls/tls_internal.h"
#include "tls/tls_session.h"
#include "tls/verify.h"
#include <openssl/err.h>

static const struct {
        int code;
        enum tls_reason reason;
        const char *text;
} causes[] = {
        { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_REASON_CERTIFICATE_MISSING,
                "tls: client didn't provide a certificate" },
        { SSL_R_NO_SHARED_CIPHER, TLS_REASON_CIPHER,
                "tls: no cipher suite supported by both client and server" },
        { SSL_R_NO_SUITABLE_KEY_SHARE, TLS_REASON_GROUP,
                "tls: no key exchanges supported by both client and server" },
        { SSL_R_NO_SHARED_GROUPS, TLS_REASON_GROUP,
                "tls: no key exchanges supported by both client and server" },
        { SSL_R_NO_SUITABLE_GROUPS, TLS_REASON_GROUP,
                "tls: no key exchanges supported by both client and server" },
        { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_REASON_SIGNATURE_ALGORITHM,
                "tls: peer doesn't support any of the certificate's signature algorithms" },
        { SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_REASON_SIGNATURE_ALGORITHM,
                "tls: peer doesn't support any of the certificate's signature algorithms" },
        { SSL_R_INAPPROPRIATE_FALLBACK, TLS_REASON_FALLBACK,
                "tls: client using inappropriate protocol fallback" },
        { SSL_R_UNSUPPORTED_PROTOCOL, TLS_REASON_VERSION,
                "tls: server selected unsupported protocol version" },
        { SSL_R_VERSION_TOO_LOW, TLS_REASON_VERSION,
                "tls: server selected unsupported protocol version" },
        { SSL_R_BAD_SIGNATURE, TLS_REASON_BAD_SIGNATURE,
                "tls: invalid signature by the peer's certificate" },
        { SSL_R_DIGEST_CHECK_FAILED, TLS_REASON_BAD_SIGNATURE, "tls: invalid finished hash" },
        { SSL_R_EXCESSIVE_MESSAGE_SIZE, TLS_REASON_TOO_LARGE,
                "tls: handshake message exceeds maximum" },
        { SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TLS_REASON_PROTOCOL,
                "local error: tls: bad record MAC" },
        { SSL_R_UNEXPECTED_MESSAGE, TLS_REASON_PROTOCOL, "local error: tls: unexpected message" },
        { SSL_R_UNEXPECTED_RECORD, TLS_REASON_PROTOCOL, "local error: tls: unexpected message" },
        { SSL_R_PACKET_LENGTH_TOO_LONG, TLS_REASON_PROTOCOL, "local error: tls: record overflow" },
        { SSL_R_ENCRYPTED_LENGTH_TOO_LONG, TLS_REASON_PROTOCOL,
                "local error: tls: record overflow" },
        { SSL_R_DATA_LENGTH_TOO_LONG, TLS_REASON_PROTOCOL, "local error: tls: record overflow" },
};

/* The first error of the TLS library is the cause; later ones and other libraries' are its echoes.
 */
static unsigned long take_cause(void)
{
        unsigned long first = 0, error;
        while ((error = ERR_get_error()) != 0) {
                bool better = first == 0 || (ERR_GET_LIB(first) != ERR_LIB_SSL &&
                                                    ERR_GET_LIB(error) == ERR_LIB_SSL);
                if (better)
                        first = error;
        }
        return first;
}

void failure_explain_alert(struct tls_verdict *verdict, int alert)
{
        const char *text = tls_alert_text(alert);
        if (text)
                tls_verdict_set(verdict, TLS_REASON_PEER_REJECTED, "remote error: tls: %s", text);
        else
                tls_verdict_set(
                        verdict, TLS_REASON_PEER_REJECTED, "remote error: tls: alert(%d)", alert);
        verdict->alert = alert;
}

static void explain_error(struct tls_verdict *verdict, unsigned long error)
{
        int code = ERR_GET_REASON(error);
        if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
                const char *text = error ? ERR_reason_error_string(error) : NULL;
                tls_verdict_set(verdict, TLS_REASON_INTERNAL,
                        "local error: tls: internal error: %s", text ? text : "unknown");
                return;
        }
        if (code >= SSL_AD_REASON_OFFSET && code < SSL_AD_REASON_OFFSET + 256) {
                failure_explain_alert(verdict, code - SSL_AD_REASON_OFFSET);
                return;
        }
        for (size_t i = 0; i < ARRAY_N(causes); i++)
                if (causes[i].code == code) {
                        tls_verdict_set(verdict, causes[i].reason, "%s", causes[i].text);
                        return;
                }
        const char *text = ERR_reason_error_string(error);
        tls_verdict_set(
                verdict, TLS_REASON_PROTOCOL, "local error: tls: %s", text ? text : "unknown");
}

/* RFC 8446 6.2: bad, unsupported, revoked, expired, unknown; unknown authority. */
static bool is_about_certificate(int alert)
{
        return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
               alert == SSL_AD_UNKNOWN_CA;
}

/* The one that the peer did not like. */
static void name_own_cert(struct tls_session *session, struct tls_verdict *verdict)
{
        const struct tls_ctx *ctx = session->ctx;
        const X509 *cert = session->ssl       ? SSL_get_certificate(session->ssl)
                           : ctx->pair_n == 1 ? ctx->pairs[0].leaf
                                              : NULL;
        if (cert)
                verify_name_cert(verdict, cert);
}

static void complete(struct tls_session *session, struct tls_verdict *verdict)
{
        if (verdict->sni[0] == '\0')
                tls_session_complete(session, verdict);
        if (verdict->reason == TLS_REASON_PEER_REJECTED && is_about_certificate(verdict->alert))
                name_own_cert(session, verdict);
}

void failure_explain(struct tls_session *session, int ssl_error)
{
        unsigned long error = take_cause();
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict == NULL) {
                verdict = session->verdict;
        } else if (ssl_error == SSL_ERROR_ZERO_RETURN) {
                tls_verdict_set(verdict, TLS_REASON_EOF, "EOF");
        } else {
                explain_error(verdict, error);
        }
        if (verdict->alert < 0)
                verdict->alert = session->alert;
        complete(session, verdict);
}

void failure_explain_records(struct tls_session *session, int came, int sent)
{
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict == NULL)
                return;
        if (came) {
                failure_explain_alert(verdict, came);
        } else {
                const char *text = tls_alert_text(sent);
                bool internal = sent == SSL_AD_INTERNAL_ERROR;
                tls_verdict_set(verdict, internal ? TLS_REASON_INTERNAL : TLS_REASON_PROTOCOL,
                        "local error: tls: %s", text ? text : "unknown");
                verdict->alert = sent;
        }
        complete(session, verdict);
}
