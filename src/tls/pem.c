/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/pem.h"
#include "base/buf.h"
#include "base/mem.h"
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

/* One PEM block; every member is OpenSSL's memory. */
struct block {
        char *type, *header;
        unsigned char *der;
        long der_len;
};

/* Names of blocks that were passed over, for the error text. */
struct skipped {
        struct buf types; /* "A B" */
        int n;
};

static int os_failed(struct errbuf *eb, const char *what, const char *path)
{
        int code = -errno;
        char text[128];
        snprintf(text, sizeof(text), "%s", err_text(code));
        if (text[0] >= 'A' && text[0] <= 'Z')
                text[0] = (char)(text[0] - 'A' + 'a');
        return errbuf_set(eb, ERR_CONFIG, "%s %s: %s", what, path, text);
}

int pem_read_file(const char *path, struct buf *out, struct errbuf *eb)
{
        FILE *file = fopen(path, "rbe");
        if (file == NULL)
                return os_failed(eb, "open", path);
        *out = (struct buf){ .limit = FILE_MAX_BYTES };
        int rc = 0;
        for (;;) {
                if (!buf_reserve(out, 16384)) {
                        rc = errbuf_set(eb, ERR_CONFIG, "read %s: file too large", path);
                        break;
                }
                size_t n = fread(out->ptr + out->len, 1, 16384, file);
                out->len += n;
                if (n == 0)
                        break;
        }
        if (rc == 0 && ferror(file))
                rc = os_failed(eb, "read", path);
        fclose(file);
        return rc;
}

void pem_wipe(struct buf *buf)
{
        if (buf->ptr)
                mem_wipe(buf->ptr, buf->cap);
        buf_fini(buf);
}

/* The next well-formed block; broken ones are passed over, as Go does. */
static bool next_block(BIO *bio, struct block *block)
{
        for (;;) {
                ERR_clear_error();
                if (PEM_read_bio(bio, &block->type, &block->header, &block->der, &block->der_len))
                        return true;
                bool at_end = BIO_eof(bio) ||
                              ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
                ERR_clear_error();
                if (at_end)
                        return false;
        }
}

static void block_fini(struct block *block)
{
        OPENSSL_free(block->type);
        OPENSSL_free(block->header);
        OPENSSL_clear_free(block->der, (size_t)block->der_len);
}

static void skip(struct skipped *skipped, const char *type)
{
        if (skipped->n++ < 20)
                buf_printf(&skipped->types, "%s%s", skipped->types.len ? " " : "", type);
}

static bool ends_in(const char *text, const char *tail)
{
        size_t len = strlen(text), tail_len = strlen(tail);
        return len >= tail_len && strcmp(text + len - tail_len, tail) == 0;
}

static bool is_key_type(const char *type)
{
        return strcmp(type, "PRIVATE KEY") == 0 || ends_in(type, " PRIVATE KEY");
}

/* OpenSSL reads a certificate's extensions at their first use. Now, because the certificates of a context
 * are used by every thread of the crypto pool, and because it is work that no handshake needs to wait for. */
static void prepare(X509 *cert)
{
        X509_check_purpose(cert, -1, 0);
        ERR_clear_error();
}

static X509 *parse_cert(const struct block *block)
{
        const unsigned char *der = block->der;
        X509 *cert = d2i_X509(NULL, &der, block->der_len);
        if (cert && der == block->der + block->der_len) {
                prepare(cert);
                return cert;
        }
        X509_free(cert);
        ERR_clear_error();
        return NULL;
}

static int no_certificate(const struct skipped *skipped, struct errbuf *eb)
{
        if (skipped->n == 0)
                return errbuf_set(
                        eb, ERR_CONFIG, "tls: failed to find any PEM data in certificate input");
        if (skipped->n == 1 && ends_in(skipped->types.ptr, "PRIVATE KEY"))
                return errbuf_set(eb, ERR_CONFIG,
                        "tls: failed to find certificate PEM data in certificate input, but did "
                        "find "
                        "a private key; PEM inputs may have been switched");
        return errbuf_set(eb, ERR_CONFIG,
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping "
                "PEM blocks of the following types: [%.*s]",
                SLICE_ARG(buf_slice(&skipped->types)));
}

static int take_certs(BIO *bio, struct tls_pair *pair, struct errbuf *eb)
{
        struct block block;
        struct skipped skipped = { 0 };
        int rc = 0;
        while (rc == 0 && next_block(bio, &block)) {
                if (strcmp(block.type, PEM_STRING_X509) == 0) {
                        X509 *cert = parse_cert(&block);
                        if (cert == NULL)
                                rc = errbuf_set(eb, ERR_CONFIG, "x509: malformed certificate");
                        else if (pair->leaf == NULL)
                                pair->leaf = cert;
                        else
                                sk_X509_push(pair->chain, cert);
                } else {
                        skip(&skipped, block.type);
                }
                block_fini(&block);
        }
        if (rc == 0 && pair->leaf == NULL) {
                buf_append_char(&skipped.types, '\0');
                if (skipped.types.len > 0)
                        skipped.types.len--;
                rc = no_certificate(&skipped, eb);
        }
        buf_fini(&skipped.types);
        return rc;
}

static int no_key(const struct skipped *skipped, struct errbuf *eb)
{
        if (skipped->n == 0)
                return errbuf_set(eb, ERR_CONFIG, "tls: failed to find any PEM data in key input");
        if (skipped->n == 1 && slice_eq_str(buf_slice(&skipped->types), PEM_STRING_X509))
                return errbuf_set(eb, ERR_CONFIG,
                        "tls: found a certificate rather than a key in the PEM for the private "
                        "key");
        return errbuf_set(eb, ERR_CONFIG,
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input "
                "after "
                "skipping PEM blocks of the following types: [%.*s]",
                SLICE_ARG(buf_slice(&skipped->types)));
}

#define ENCRYPTED                                                                                  \
        ": it is encrypted, and nobody is there to ask for the passphrase; write it without one: " \
        "openssl pkey -in KEY -out NEW"

static bool is_encrypted(const struct block *block)
{
        return strcmp(block->type, PEM_STRING_PKCS8) == 0 || block->header[0] != '\0';
}

static EVP_PKEY *parse_key(const struct block *block)
{
        const unsigned char *der = block->der;
        if (is_encrypted(block))
                return NULL;
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, block->der_len);
        ERR_clear_error();
        return key;
}

static int take_key(BIO *bio, struct tls_pair *pair, struct errbuf *eb)
{
        struct block block;
        struct skipped skipped = { 0 };
        int rc = 0;
        while (rc == 0 && pair->key == NULL && next_block(bio, &block)) {
                if (!is_key_type(block.type)) {
                        skip(&skipped, block.type);
                } else {
                        pair->key = parse_key(&block);
                        if (pair->key == NULL)
                                rc = errbuf_set(eb, ERR_CONFIG,
                                        "tls: failed to parse private key%s",
                                        is_encrypted(&block) ? ENCRYPTED : "");
                }
                block_fini(&block);
        }
        if (rc == 0 && pair->key == NULL)
                rc = no_key(&skipped, eb);
        buf_fini(&skipped.types);
        return rc;
}

static int check_match(const struct tls_pair *pair, struct errbuf *eb)
{
        const EVP_PKEY *public_key = X509_get0_pubkey(pair->leaf);
        if (public_key == NULL)
                return errbuf_set(eb, ERR_CONFIG, "tls: unknown public key algorithm");
        if (EVP_PKEY_get_base_id(public_key) != EVP_PKEY_get_base_id(pair->key))
                return errbuf_set(
                        eb, ERR_CONFIG, "tls: private key type does not match public key type");
        if (EVP_PKEY_eq(public_key, pair->key) != 1) {
                ERR_clear_error();
                return errbuf_set(eb, ERR_CONFIG, "tls: private key does not match public key");
        }
        return 0;
}

/* Run one of the takers over a file. */
static int take_from(const char *path, int (*take)(BIO *, struct tls_pair *, struct errbuf *),
        struct tls_pair *pair, struct errbuf *eb)
{
        struct buf file = { 0 };
        int rc = pem_read_file(path, &file, eb);
        BIO *bio = rc == 0 ? BIO_new_mem_buf(file.ptr ? file.ptr : "", (int)file.len) : NULL;
        if (rc == 0)
                rc = bio ? take(bio, pair, eb) : errbuf_set(eb, ERR_NOMEM, "out of memory");
        BIO_free(bio);
        pem_wipe(&file);
        return rc;
}

int pem_load_pair(
        const char *cert_file, const char *key_file, struct tls_pair *out, struct errbuf *eb)
{
        struct tls_pair pair = { .chain = sk_X509_new_null() };
        int rc = take_from(cert_file, take_certs, &pair, eb);
        if (rc == 0)
                rc = take_from(key_file, take_key, &pair, eb);
        if (rc == 0)
                rc = check_match(&pair, eb);
        if (rc < 0) {
                pem_pair_fini(&pair);
                return rc;
        }
        *out = pair;
        return 0;
}

void pem_pair_fini(struct tls_pair *pair)
{
        X509_free(pair->leaf);
        sk_X509_pop_free(pair->chain, X509_free);
        EVP_PKEY_free(pair->key);
        *pair = (struct tls_pair){ 0 };
}

void pem_pair_copy(struct tls_pair *dst, const struct tls_pair *src)
{
        *dst = (struct tls_pair){ src->leaf, X509_chain_up_ref(src->chain), src->key };
        X509_up_ref(dst->leaf);
        EVP_PKEY_up_ref(dst->key);
}

static bool add_to_pool(X509 *cert, X509_STORE *store, STACK_OF(X509_NAME) * names)
{
        if (!X509_STORE_add_cert(store, cert))
                return false;
        X509_NAME *name = names ? X509_NAME_dup(X509_get_subject_name(cert)) : NULL;
        if (name && !sk_X509_NAME_push(names, name))
                X509_NAME_free(name);
        return true;
}

int pem_load_pool(
        const char *file, X509_STORE *store, STACK_OF(X509_NAME) * names, struct errbuf *eb)
{
        struct buf bytes = { 0 };
        int rc = pem_read_file(file, &bytes, eb);
        if (rc < 0) {
                buf_fini(&bytes);
                return rc;
        }
        BIO *bio = BIO_new_mem_buf(bytes.ptr ? bytes.ptr : "", (int)bytes.len);
        struct block block;
        int added_n = 0;
        while (bio && next_block(bio, &block)) {
                bool plain = strcmp(block.type, PEM_STRING_X509) == 0 && block.header[0] == '\0';
                X509 *cert = plain ? parse_cert(&block) : NULL;
                if (cert && add_to_pool(cert, store, names))
                        added_n++;
                X509_free(cert);
                block_fini(&block);
        }
        BIO_free(bio);
        buf_fini(&bytes);
        return added_n > 0 ? 0 : errbuf_set(eb, ERR_CONFIG, "failed to parse root ca certificate");
}

void pem_prepare_pool(X509_STORE *store)
{
        STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
        for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
                X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
                if (cert)
                        prepare(cert);
        }
}
