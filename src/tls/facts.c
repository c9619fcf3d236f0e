/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/facts.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tls/name.h"
#include "tls/staple.h"
#include "tls/tls_internal.h"
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static char *dn(const X509_NAME *name)
{
        struct buf text = { 0 };
        name_text(&text, name);
        return buf_take_str(&text);
}

static char *serial_text(const X509 *cert)
{
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
        char *hex = number ? BN_bn2hex(number) : NULL;
        char *text = xstrdup(hex ? hex : "");
        OPENSSL_free(hex);
        BN_free(number);
        return text;
}

static void key_text(const X509 *cert, char *dst, size_t size)
{
        const EVP_PKEY *key = X509_get0_pubkey(cert);
        char group[32] = "";
        if (key == NULL) {
                snprintf(dst, size, "unknown");
        } else if (EVP_PKEY_is_a(key, "EC")) {
                EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof group, NULL);
                int nid = OBJ_sn2nid(group);
                const char *nist = nid != NID_undef ? EC_curve_nid2nist(nid) : NULL;
                snprintf(dst, size, "ECDSA %.16s", nist ? nist : group);
        } else if (EVP_PKEY_is_a(key, "RSA")) {
                snprintf(dst, size, "RSA %d", EVP_PKEY_get_bits(key));
        } else {
                const char *type = EVP_PKEY_get0_type_name(key);
                snprintf(dst, size, "%.20s", strcmp(type, "ED25519") == 0 ? "Ed25519" : type);
        }
        ERR_clear_error();
}

static char *san_text(const GENERAL_NAME *name)
{
        char ip[INET6_ADDRSTRLEN] = "";
        if (name->type == GEN_IPADD) {
                int len = ASN1_STRING_length(name->d.iPAddress);
                if (len != 4 && len != 16)
                        return NULL;
                inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress),
                        ip, sizeof ip);
                return xstrdup(ip);
        }
        if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI)
                return NULL;
        return xstrndup((const char *)ASN1_STRING_get0_data(name->d.ia5),
                (size_t)ASN1_STRING_length(name->d.ia5));
}

static void read_names(const X509 *cert, struct tls_cert_facts *to)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        int n = sk_GENERAL_NAME_num(names);
        to->names = n > 0 ? xcalloc((size_t)n, sizeof *to->names) : NULL;
        for (int i = 0; i < n; i++) {
                char *text = san_text(sk_GENERAL_NAME_value(names, i));
                if (text)
                        to->names[to->name_n++] = text;
        }
        GENERAL_NAMES_free(names);
}

static void read_cert(const X509 *cert, struct tls_cert_facts *to)
{
        to->subject = dn(X509_get_subject_name(cert));
        to->issuer = dn(X509_get_issuer_name(cert));
        to->serial = serial_text(cert);
        read_names(cert, to);
        to->not_before_s = name_time(X509_get0_notBefore(cert));
        to->not_after_s = name_time(X509_get0_notAfter(cert));
        name_cert_sha256(cert, to->sha256);
        key_text(cert, to->key, sizeof to->key);
}

/* A store that was filled from the system's files is no fact about the configuration. */
static void read_authorities(const struct tls_ctx *ctx, struct tls_facts *facts)
{
        STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx->ssl));
        int n = ctx->system_trust ? 0 : sk_X509_OBJECT_num(all);
        facts->authorities = xcalloc(TLS_FACT_AUTHORITIES_MAX, sizeof *facts->authorities);
        for (int i = 0; i < n; i++) {
                const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
                if (cert == NULL)
                        continue;
                facts->authority_total++;
                if (facts->authority_n < TLS_FACT_AUTHORITIES_MAX)
                        read_cert(cert, &facts->authorities[facts->authority_n++]);
        }
}

static void read_staple(const struct tls_ctx *ctx, struct tls_facts *facts)
{
        struct ocsp_response response;
        if (ctx->staple == NULL || !staple_get(ctx->staple, &response, NULL))
                return;
        facts->staple = ocsp_status_name(response.status);
        facts->staple_this_s = response.this_update_s;
        facts->staple_next_s = response.next_update_s;
}

struct tls_facts *tls_ctx_facts(const struct tls_ctx *ctx)
{
        struct tls_facts *facts = xnew(struct tls_facts);
        facts->certs = xcalloc((size_t)ctx->pair_n + 1, sizeof *facts->certs);
        for (int i = 0; i < ctx->pair_n; i++) {
                struct tls_cert_facts *to = &facts->certs[facts->cert_n++];
                read_cert(ctx->pairs[i].leaf, to);
                to->chain_n = sk_X509_num(ctx->pairs[i].chain);
        }
        read_authorities(ctx, facts);
        read_staple(ctx, facts);
        return facts;
}

static void cert_fini(struct tls_cert_facts *cert)
{
        for (int i = 0; i < cert->name_n; i++)
                xfree(cert->names[i]);
        xfree(cert->names);
        xfree(cert->subject);
        xfree(cert->issuer);
        xfree(cert->serial);
}

void tls_facts_free(struct tls_facts *facts)
{
        if (facts == NULL)
                return;
        for (int i = 0; i < facts->cert_n; i++)
                cert_fini(&facts->certs[i]);
        for (int i = 0; i < facts->authority_n; i++)
                cert_fini(&facts->authorities[i]);
        xfree(facts->certs);
        xfree(facts->authorities);
        xfree(facts);
}

void tls_cert_facts_line(struct buf *out, const struct tls_cert_facts *cert)
{
        char date[40];
        clock_rfc3339((uint64_t)(cert->not_after_s > 0 ? cert->not_after_s : 0) * NS_PER_SEC, date,
                sizeof date);
        buf_printf(out, "%s, valid until %s, SHA-256 %s", cert->subject, date, cert->sha256);
}
