/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/mint.h"
#include "base/rand.h"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static EVP_PKEY *make_key(enum mint_key kind)
{
        switch (kind) {
        case MINT_RSA2048:
                return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        case MINT_ED25519:
                return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        case MINT_P256:
                break;
        }
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static bool set_serial(X509 *cert)
{
        unsigned char bytes[16];
        rand_secure(bytes, sizeof(bytes));
        bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive and of full length (RFC 5280 4.1.2.2) */
        BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
        bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
        BN_free(number);
        return ok;
}

static bool add_name(X509_NAME *name, const char *type, const char *value)
{
        return value == NULL || X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                        (const unsigned char *)value, -1, -1, 0);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX ctx;
        if (value == NULL)
                return true;
        X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        bool ok = extension && X509_add_ext(cert, extension, -1);
        X509_EXTENSION_free(extension);
        return ok;
}

static bool add_extensions(X509 *cert, X509 *issuer, const struct mint_spec *spec)
{
        const char *usage = spec->ca ? "critical,keyCertSign,cRLSign"
                            : spec->key == MINT_RSA2048
                                    ? "critical,digitalSignature,keyEncipherment"
                                    : "critical,digitalSignature";
        return add_extension(cert, issuer, NID_basic_constraints,
                       spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
               add_extension(cert, issuer, NID_key_usage, usage) &&
               add_extension(cert, issuer, NID_ext_key_usage, spec->usage) &&
               add_extension(cert, issuer, NID_subject_alt_name, spec->san) &&
               add_extension(cert, issuer, NID_info_access, spec->aia) &&
               add_extension(
                       cert, issuer, NID_tlsfeature, spec->must_staple ? "status_request" : NULL) &&
               add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
               (issuer == cert ||
                       add_extension(cert, issuer, NID_authority_key_identifier, "keyid"));
}

static bool fill(
        X509 *cert, EVP_PKEY *key, const struct mint_spec *spec, const struct tls_pair *issuer)
{
        X509 *signer = issuer ? issuer->leaf : cert;
        EVP_PKEY *signing_key = issuer ? issuer->key : key;
        const EVP_MD *digest = EVP_PKEY_is_a(signing_key, "ED25519") ? NULL : EVP_sha256();
        X509_NAME *subject = X509_get_subject_name(cert);
        return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
               X509_time_adj_ex(X509_getm_notBefore(cert), 0, (long)spec->from_s, NULL) &&
               X509_time_adj_ex(X509_getm_notAfter(cert), 0, (long)spec->to_s, NULL) &&
               add_name(subject, "O", spec->org) && add_name(subject, "CN", spec->name) &&
               X509_set_issuer_name(cert, X509_get_subject_name(signer)) &&
               X509_set_pubkey(cert, key) && add_extensions(cert, signer, spec) &&
               X509_sign(cert, signing_key, digest) > 0;
}

int mint(const struct mint_spec *spec, const struct tls_pair *issuer, struct tls_pair *out)
{
        struct tls_pair pair = { X509_new(), sk_X509_new_null(), make_key(spec->key) };
        if (pair.leaf == NULL || pair.chain == NULL || pair.key == NULL ||
                !fill(pair.leaf, pair.key, spec, issuer)) {
                ERR_clear_error();
                pem_pair_fini(&pair);
                return ERR_TLS;
        }
        *out = pair;
        return 0;
}

static int take_pem(BIO *bio, int ok, struct buf *out)
{
        char *text = NULL;
        long len = bio ? BIO_get_mem_data(bio, &text) : 0;
        if (ok && len > 0)
                buf_append(out, text, (size_t)len);
        BIO_free(bio);
        return ok && len > 0 && !out->failed ? 0 : ERR_TLS;
}

int mint_cert_pem(const X509 *cert, struct buf *out)
{
        BIO *bio = BIO_new(BIO_s_mem());
        int ok = bio && PEM_write_bio_X509(bio, (X509 *)cert);
        return take_pem(bio, ok, out);
}

int mint_key_pem(const EVP_PKEY *key, struct buf *out)
{
        BIO *bio = BIO_new(BIO_s_secmem());
        int ok = bio &&
                 PEM_write_bio_PKCS8PrivateKey(bio, (EVP_PKEY *)key, NULL, NULL, 0, NULL, NULL);
        return take_pem(bio, ok, out);
}
