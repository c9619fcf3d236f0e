/* SPDX-License-Identifier: Apache-2.0 */
/* What a context does, read back from the library rather than from the options: two doors that lead to
 * the same settings must give the same text, and a setting that was forgotten behind one of them shows. */
#include "base/mem.h"
#include "base/text.h"
#include "tls/name.h"
#include "tls/ocsp_peer.h"
#include "tls/suite.h"
#include "tls/ticket.h"
#include "tls/tls_ctx.h"
#include "tls/tls_internal.h"
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdlib.h>

static const char *version_name(int version)
{
        return version == TLS1_3_VERSION ? "1.3" : version == TLS1_2_VERSION ? "1.2" : "?";
}

static void put_suites(struct buf *out, const SSL_CTX *ssl)
{
        const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ssl);
        const char *separator = "";
        for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
                const char *name =
                        suite_name(SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(all, i)));
                if (name[0] == '\0')
                        continue;
                buf_printf(out, "%s%s", separator, name);
                separator = " ";
        }
}

static void put_pairs(struct buf *out, const struct tls_ctx *ctx)
{
        char hex[65];
        for (int i = 0; i < ctx->pair_n; i++) {
                buf_printf(out, "%s", i ? ", " : "");
                name_cert_sha256(ctx->pairs[i].leaf, hex);
                buf_append_str(out, hex);
                for (int j = 0; j < sk_X509_num(ctx->pairs[i].chain); j++) {
                        name_cert_sha256(sk_X509_value(ctx->pairs[i].chain, j), hex);
                        buf_printf(out, "+%s", hex);
                }
        }
}

static int by_text(const void *a, const void *b)
{
        return memcmp(a, b, 65);
}

/* The authorities as a set: how many, and the digest of their sorted digests. */
static void put_authorities(struct buf *out, SSL_CTX *ssl)
{
        STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl));
        int n = 0, total = sk_X509_OBJECT_num(all);
        char(*digests)[65] = xcalloc((size_t)total + 1, sizeof(*digests));
        for (int i = 0; i < total; i++) {
                const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
                if (cert)
                        name_cert_sha256(cert, digests[n++]);
        }
        qsort(digests, (size_t)n, sizeof(*digests), by_text);
        unsigned char digest[SHA256_DIGEST_LENGTH];
        char hex[65] = "";
        if (n > 0 &&
                EVP_Digest(digests, (size_t)n * sizeof(*digests), digest, NULL, EVP_sha256(), NULL))
                text_hex(digest, sizeof(digest), hex);
        buf_printf(out, "%d%s%s, named to clients %d", n, n ? " " : "", hex,
                sk_X509_NAME_num(SSL_CTX_get_client_CA_list(ssl)));
        xfree(digests);
}

static void put_ocsp_peer(struct buf *out, const struct ocsp_peer_options *policy)
{
        buf_printf(out,
                "; ocsp_peer timeout %" PRId64 ", skew %" PRId64 ", ttl %" PRId64 " ns%s%s%s",
                policy->ca_timeout_ns, policy->clock_skew_ns, policy->default_ttl_ns,
                policy->warn_only ? ", warn only" : "",
                policy->unknown_is_good ? ", unknown is good" : "",
                policy->allow_when_ca_unreachable ? ", allow when unreachable" : "");
}

void tls_ctx_describe(const struct tls_ctx *ctx, struct buf *out)
{
        SSL_CTX *ssl = ctx->ssl;
        const X509_VERIFY_PARAM *verify = SSL_CTX_get0_param(ssl);
        buf_printf(out, "role %s; versions %s-%s; suites ", ctx->client ? "client" : "server",
                version_name((int)SSL_CTX_get_min_proto_version(ssl)),
                version_name((int)SSL_CTX_get_max_proto_version(ssl)));
        put_suites(out, ssl);
        buf_printf(out,
                "; groups %s; security level %d; options %" PRIx64 "; mode %lx; verify %d, "
                "depth %d, flags %lx, rules %s; authorities %s",
                ctx->groups, SSL_CTX_get_security_level(ssl), SSL_CTX_get_options(ssl),
                SSL_CTX_get_mode(ssl), SSL_CTX_get_verify_mode(ssl), SSL_CTX_get_verify_depth(ssl),
                X509_VERIFY_PARAM_get_flags((X509_VERIFY_PARAM *)verify),
                ctx->verify ? "on" : "off", ctx->system_trust ? "of the system, " : "");
        put_authorities(out, ssl);
        buf_printf(out, "; sessions cache %ld, tickets %zu of %ld s; certificates ",
                SSL_CTX_get_session_cache_mode(ssl),
                ctx->tickets ? SSL_CTX_get_num_tickets(ssl) : 0, SSL_CTX_get_timeout(ssl));
        put_pairs(out, ctx);
        buf_printf(out, "; stapled %s; pins %d", ctx->staple ? "yes" : "no", ctx->pin_n);
        for (int i = 0; i < ctx->pin_n; i++)
                buf_printf(out, " %s", ctx->pins[i]);
        if (ctx->ocsp)
                put_ocsp_peer(out, &ctx->ocsp->policy);
}
