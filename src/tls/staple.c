/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/staple.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/name.h"
#include "tls/staple_internal.h"
#include "tls/tls_internal.h"
#include "tls/verify.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>

struct staple {
        _Atomic uint32_t refs;
        X509 *leaf, *issuer;
        pthread_mutex_t lock;
        struct { /* under the lock */
                struct buf der;
                struct ocsp_response response;
                bool filled;
                bool called; /* on_stale was, since the last put or rearm */
                char blame[512];
                void (*on_stale)(void *ctx);
                void *ctx;
        } shared;
};

/* --- who vouches --------------------------------------------------------------------------------
 */

static bool has_signed(X509 *issuer, X509 *leaf)
{
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        bool signed_it = key && X509_verify(leaf, key) == 1;
        ERR_clear_error();
        return signed_it;
}

static X509 *search(X509_STORE *store, X509 *leaf)
{
        X509_STORE_CTX *search = X509_STORE_CTX_new();
        X509 *found = NULL;
        bool good = search && X509_STORE_CTX_init(search, store, leaf, NULL) &&
                    X509_STORE_CTX_get1_issuer(&found, search, leaf) == 1 &&
                    X509_cmp(found, leaf) != 0 && has_signed(found, leaf);
        X509_STORE_CTX_free(search);
        ERR_clear_error();
        if (good)
                return found;
        X509_free(found);
        return NULL;
}

/* Counted; NULL: nobody. */
static X509 *find_issuer(const struct tls_ctx *ctx)
{
        const struct tls_pair *pair = &ctx->pairs[0];
        X509 *second = sk_X509_value(pair->chain, 0);
        if (second) {
                if (!has_signed(second, pair->leaf))
                        return NULL;
                X509_up_ref(second);
                return second;
        }
        if (!ctx->system_trust)
                return search(SSL_CTX_get_cert_store(ctx->ssl), pair->leaf);
        X509_STORE *system = X509_STORE_new();
        X509 *found =
                system && X509_STORE_set_default_paths(system) ? search(system, pair->leaf) : NULL;
        X509_STORE_free(system);
        return found;
}

static int check_issuer(X509 *issuer, struct errbuf *eb)
{
        struct buf subject = { 0 };
        if (issuer == NULL)
                return errbuf_set(eb, ERR_CONFIG, "no issuers found");
        if (X509_check_ca(issuer) > 0)
                return 0;
        name_text(&subject, X509_get_subject_name(issuer));
        errbuf_set(eb, ERR_CONFIG, "%.*s invalid ca basic constraints: is not ca",
                SLICE_ARG(buf_slice(&subject)));
        buf_fini(&subject);
        return ERR_CONFIG;
}

int staple_new(const struct tls_ctx *ctx, struct staple **out, struct errbuf *eb)
{
        if (ctx->pair_n == 0)
                return errbuf_set(eb, ERR_CONFIG, "no certificate found");
        X509 *issuer = find_issuer(ctx);
        if (check_issuer(issuer, eb) < 0) {
                X509_free(issuer);
                return ERR_CONFIG;
        }
        struct staple *staple = xnew(struct staple);
        atomic_init(&staple->refs, 1);
        pthread_mutex_init(&staple->lock, NULL);
        X509_check_purpose(issuer, -1, 0); /* its extensions are read now: threads share it */
        staple->issuer = issuer;
        staple->leaf = ctx->pairs[0].leaf;
        X509_up_ref(staple->leaf);
        *out = staple;
        return 0;
}

struct staple *staple_ref(struct staple *staple)
{
        atomic_fetch_add_explicit(&staple->refs, 1, memory_order_relaxed);
        return staple;
}

void staple_unref(struct staple *staple)
{
        if (staple == NULL ||
                atomic_fetch_sub_explicit(&staple->refs, 1, memory_order_acq_rel) != 1)
                return;
        X509_free(staple->leaf);
        X509_free(staple->issuer);
        buf_fini(&staple->shared.der);
        pthread_mutex_destroy(&staple->lock);
        xfree(staple);
}

/* --- what never changes -------------------------------------------------------------------------
 */

void staple_key(const struct staple *staple, char hex[65])
{
        name_cert_sha256(staple->leaf, hex);
}

void staple_urls(const struct staple *staple, struct ocsp_urls *urls)
{
        ocsp_urls_of(staple->leaf, urls);
}

int staple_request(const struct staple *staple, struct buf *out)
{
        return ocsp_request(staple->leaf, staple->issuer, out);
}

int staple_check(const struct staple *staple, struct slice der, uint64_t now_ns,
        struct ocsp_response *out, struct errbuf *eb)
{
        int rc = ocsp_parse(
                der, staple->leaf, staple->issuer, (int64_t)(now_ns / NS_PER_SEC), out, eb);
        return rc < 0 ? rc : ocsp_check_valid(out, now_ns, eb);
}

/* --- what is served -----------------------------------------------------------------------------
 */

void staple_put(struct staple *staple, struct slice der, const struct ocsp_response *response)
{
        pthread_mutex_lock(&staple->lock);
        buf_clear(&staple->shared.der);
        buf_append_slice(&staple->shared.der, der);
        staple->shared.response = *response;
        staple->shared.filled = true;
        staple->shared.called = false;
        staple->shared.blame[0] = '\0';
        pthread_mutex_unlock(&staple->lock);
}

bool staple_get(struct staple *staple, struct ocsp_response *response, struct buf *der)
{
        pthread_mutex_lock(&staple->lock);
        bool filled = staple->shared.filled;
        *response = staple->shared.response;
        if (filled && der)
                buf_append_slice(der, buf_slice(&staple->shared.der));
        pthread_mutex_unlock(&staple->lock);
        return filled;
}

void staple_blame(struct staple *staple, const char *text)
{
        pthread_mutex_lock(&staple->lock);
        snprintf(staple->shared.blame, sizeof staple->shared.blame, "%s", text);
        for (char *c = staple->shared.blame; *c; c++)
                *c = *c == '\n' ? ' ' : *c; /* a verdict is one line */
        pthread_mutex_unlock(&staple->lock);
}

void staple_on_stale(struct staple *staple, void (*fn)(void *ctx), void *ctx)
{
        pthread_mutex_lock(&staple->lock);
        staple->shared.on_stale = fn;
        staple->shared.ctx = ctx;
        staple->shared.called = false;
        pthread_mutex_unlock(&staple->lock);
}

void staple_rearm(struct staple *staple)
{
        pthread_mutex_lock(&staple->lock);
        staple->shared.called = false;
        pthread_mutex_unlock(&staple->lock);
}

/* --- in a handshake -----------------------------------------------------------------------------
 */

/* The library's copy of what is served, or NULL when there is none; false: it has run out. */
static bool take(struct staple *staple, unsigned char **copy, size_t *len, struct errbuf *eb)
{
        struct errbuf why = { "" };
        *copy = NULL;
        pthread_mutex_lock(&staple->lock);
        bool good = !staple->shared.filled ||
                    ocsp_check_valid(&staple->shared.response, clock_wall_ns(), &why) == 0;
        if (good && staple->shared.filled) {
                *len = staple->shared.der.len;
                *copy = OPENSSL_memdup(staple->shared.der.ptr, *len);
        }
        if (!good)
                errbuf_set(eb, ERR_RANGE, "%s",
                        staple->shared.blame[0] ? staple->shared.blame : why.text);
        bool fresh = good && staple->shared.filled;
        if (!fresh && !staple->shared.called && staple->shared.on_stale) {
                staple->shared.called = true;
                staple->shared.on_stale(staple->shared.ctx);
        }
        pthread_mutex_unlock(&staple->lock);
        return good;
}

static void blame_staple(struct tls_session *session, const char *text)
{
        struct tls_verdict *verdict = tls_session_blame(session);
        if (verdict == NULL)
                return;
        tls_verdict_set(verdict, TLS_REASON_STAPLE, "%s", text);
        verify_name_cert(verdict, session->ctx->pairs[0].leaf);
}

int staple_offer(SSL *ssl, void *arg)
{
        struct tls_session *session = tls_session_of(ssl);
        const struct tls_ctx *ctx = session->ctx;
        struct errbuf eb = { "" };
        unsigned char *copy;
        size_t len = 0;
        if (ctx->staple == NULL || SSL_get_certificate(ssl) != ctx->pairs[0].leaf)
                return SSL_TLSEXT_ERR_NOACK;
        if (!take(ctx->staple, &copy, &len, &eb)) {
                blame_staple(session, eb.text);
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
        if (copy == NULL)
                return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)len); /* the session's memory now */
        return SSL_TLSEXT_ERR_OK;
}
