/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"
#include "tls/tls_internal.h"
#include <stdio.h>

enum { RECORD_HEADER_BYTES = 5, VERSIONS_MAX = 16 };

enum hello_kind hello_peek(struct slice in)
{
        const unsigned char *byte = (const unsigned char *)in.ptr;
        if (in.len < RECORD_HEADER_BYTES)
                return HELLO_SHORT;
        if (byte[0] == 0x80)
                return HELLO_SSLV2;
        bool is_record = byte[0] == SSL3_RT_HANDSHAKE || byte[0] == SSL3_RT_ALERT;
        return is_record && byte[1] < 0x10 ? HELLO_TLS : HELLO_NOT_TLS;
}

enum tls_reason hello_judge_other(struct slice in)
{
        static const struct {
                const char *start;
                enum tls_reason reason;
        } starts[] = {
                { "CONNECT {", TLS_REASON_PLAIN_NATS },
                { "CONNECT ", TLS_REASON_HTTP },
                { "CONNECT", TLS_REASON_PLAIN_NATS },
                { "PING", TLS_REASON_PLAIN_NATS },
                { "PUB ", TLS_REASON_PLAIN_NATS },
                { "SUB ", TLS_REASON_PLAIN_NATS },
                { "INFO ", TLS_REASON_PLAIN_NATS },
                { "GET ", TLS_REASON_HTTP },
                { "HEAD ", TLS_REASON_HTTP },
                { "POST ", TLS_REASON_HTTP },
                { "PUT ", TLS_REASON_HTTP },
                { "PRI *", TLS_REASON_HTTP },
                { "OPTIO", TLS_REASON_HTTP },
                { "DELET", TLS_REASON_HTTP },
        };
        for (size_t i = 0; i < ARRAY_N(starts); i++) {
                struct slice start = slice_str(starts[i].start);
                struct slice head = in.len < start.len ? in : slice_of(in.ptr, start.len);
                if (slice_eq(head, slice_of(start.ptr, head.len)))
                        return starts[i].reason;
        }
        return TLS_REASON_NOT_TLS;
}

/* RFC 6066: a list of names, each with its type; hosts are type 0. */
static struct slice name_of_extension(const unsigned char *ext, size_t len)
{
        enum { HEAD = 5 };
        if (len < HEAD || ext[2] != TLSEXT_NAMETYPE_host_name)
                return SLICE_NULL;
        size_t name_len = (size_t)ext[3] << 8 | ext[4];
        return name_len <= len - HEAD ? slice_of((const char *)ext + HEAD, name_len) : SLICE_NULL;
}

struct slice hello_server_name(SSL *ssl)
{
        const unsigned char *ext;
        size_t len;
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (name)
                return slice_str(name);
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len))
                return name_of_extension(ext, len);
        return SLICE_NULL;
}

/* What the client can speak, its own order; from the legacy field when the extension is missing. */
static int offered_versions(SSL *ssl, unsigned versions[VERSIONS_MAX])
{
        const unsigned char *ext;
        size_t len;
        int n = 0;
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &ext, &len)) {
                for (size_t i = 1; i + 1 < len && n < VERSIONS_MAX; i += 2)
                        versions[n++] = (unsigned)ext[i] << 8 | ext[i + 1];
                return n;
        }
        unsigned max = SSL_client_hello_get0_legacy_version(ssl);
        for (unsigned v = TLS1_3_VERSION; v >= TLS1_VERSION; v--)
                if (v <= max)
                        versions[n++] = v;
        return n;
}

static bool is_spoken(const struct tls_ctx *ctx, unsigned version)
{
        return version == TLS1_3_VERSION ||
               (version == TLS1_2_VERSION && ctx->min_version == TLS_VERSION_1_2);
}

static void blame_versions(struct tls_session *session, const unsigned *versions, int n)
{
        char list[VERSIONS_MAX * 5 + 1] = "";
        int at = 0;
        for (int i = 0; i < n; i++)
                at += snprintf(
                        list + at, sizeof(list) - (size_t)at, "%s%x", i ? " " : "", versions[i]);
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict == NULL)
                return;
        tls_verdict_set(verdict, TLS_REASON_VERSION,
                "tls: client offered only unsupported versions: [%s]", list);
        tls_verdict_set_sni(verdict, hello_server_name(session->ssl));
}

int hello_check(SSL *ssl, int *alert, void *arg)
{
        struct tls_session *session = tls_session_of(ssl);
        const struct tls_ctx *ctx = session->ctx;
        unsigned versions[VERSIONS_MAX];
        session->hello_seen = true;
        int n = offered_versions(ssl, versions);
        bool spoken = false;
        for (int i = 0; i < n && !spoken; i++)
                spoken = is_spoken(ctx, versions[i]);
        if (!spoken) {
                blame_versions(session, versions, n);
                *alert = SSL_AD_PROTOCOL_VERSION;
                return SSL_CLIENT_HELLO_ERROR;
        }
        if (ctx->pair_n == 0) {
                struct tls_verdict *verdict = tls_session_blame(session);
                if (verdict) {
                        tls_verdict_set(verdict, TLS_REASON_NO_CERTIFICATE,
                                "tls: no certificates configured");
                        tls_verdict_set_sni(verdict, hello_server_name(ssl));
                }
                *alert = SSL_AD_UNRECOGNIZED_NAME;
                return SSL_CLIENT_HELLO_ERROR;
        }
        return SSL_CLIENT_HELLO_SUCCESS;
}
