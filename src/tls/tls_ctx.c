/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that every context must have is set in settle(), whichever way the options came in. */
#include "tls/tls_ctx.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/algo.h"
#include "tls/hello.h"
#include "tls/provider.h"
#include "tls/name.h"
#include "tls/ocsp_peer.h"
#include "tls/pick.h"
#include "tls/resume.h"
#include "tls/staple.h"
#include "tls/staple_internal.h"
#include "tls/suite.h"
#include "tls/takeover.h"
#include "tls/ticket.h"
#include "tls/tls_internal.h"
#include "tls/verify.h"
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
        CERT_MESSAGE_MAX_BYTES = 256 * 1024,
        CHAIN_MAX_DEPTH = 16,
        SECURITY_LEVEL = 1,
};

#define TOO_SMALL                                                                                  \
        "tls: the certificate's key is too small for TLS: make it ECDSA P-256, or RSA of 2048 "    \
        "bits"
#define TOO_WEAK                                                                                   \
        "tls: the certificate, or one that follows it in the file, is signed with a broken hash "  \
        "(SHA-1, MD5): have it issued anew"

static int library_failed(struct errbuf *eb, const char *what)
{
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        errbuf_set(eb, ERR_TLS, "%s: %s", what, reason ? reason : "unknown");
        ERR_clear_error();
        return ERR_TLS;
}

/* --- tickets ------------------------------------------------------------------------------------
 */

static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
        EVP_MAC_CTX *mac, int seal)
{
        struct tickets *tickets = tls_session_of(ssl)->ctx->tickets;
        struct ticket_key key;
        int result;
        if (seal) {
                tickets_current(tickets, clock_mono_ns(), &key);
                memcpy(name, key.name, TICKET_NAME_BYTES);
                result = RAND_bytes(iv, EVP_CIPHER_get_iv_length(algo_aes_256_cbc())) == 1 ? 1 : -1;
        } else {
                result = tickets_find(tickets, clock_mono_ns(), name, &key) ? 1 : 0;
        }
        if (result == 1 && !ticket_key_apply(&key, iv, cipher, mac, seal))
                result = -1;
        mem_wipe(&key, sizeof(key));
        return result;
}

/* How long what was proved may count: as long as a ticket lives, and no longer than any certificate of
 * the chain. A ticket holds the leaf only, and a chain of tickets must not prolong it. */
static int64_t proof_end(SSL *ssl)
{
        STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
        int64_t end = (int64_t)(clock_wall_ns() / NS_PER_SEC) + TICKET_LIFE_SECONDS;
        for (int i = 0; i < sk_X509_num(chain); i++) {
                int64_t not_after = name_time(X509_get0_notAfter(sk_X509_value(chain, i)));
                end = not_after < end ? not_after : end;
        }
        return end;
}

/* The library is about to seal a ticket; that of a resumed session carries along what its first one held: the
 * end, and with ocsp_peer the links of the chain, for they are looked at again. */
static int on_ticket_made(SSL *ssl, void *arg)
{
        struct buf data = { 0 };
        int64_t end = proof_end(ssl);
        if (SSL_session_reused(ssl))
                return 1;
        buf_append(&data, &end, sizeof(end));
        if (tls_session_of(ssl)->ctx->ocsp) {
                STACK_OF(X509) *chain = verify_chain(tls_session_of(ssl));
                ocsp_peer_links(chain, &data);
                sk_X509_pop_free(chain, X509_free);
        }
        int rc = SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data.ptr, data.len);
        buf_fini(&data);
        return rc;
}

/* A ticket must not outlive the certificates that it stands for, nor stand in for a missing one. */
static bool may_resume(const struct tls_ctx *ctx, SSL_SESSION *session)
{
        void *data;
        size_t len;
        int64_t end;
        if (ctx->verify && SSL_SESSION_get0_peer(session) == NULL)
                return false;
        if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len < sizeof(end))
                return false;
        memcpy(&end, data, sizeof(end));
        if ((int64_t)(clock_wall_ns() / NS_PER_SEC) >= end)
                return false;
        struct slice links = slice_of((const char *)data + sizeof(end), len - sizeof(end));
        return ctx->ocsp ? ocsp_peer_links_are_good(ctx->ocsp, links) : links.len == 0;
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
        size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
        bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
        if (!opened || !may_resume(tls_session_of(ssl)->ctx, session))
                return SSL_TICKET_RETURN_IGNORE_RENEW;
        return SSL_TICKET_RETURN_USE_RENEW;
}

/* --- building -----------------------------------------------------------------------------------
 */

static void on_info(const SSL *ssl, int where, int value)
{
        if (where == SSL_CB_WRITE_ALERT)
                tls_session_of(ssl)->alert = (int16_t)(value & 0xff);
}

static bool settle(struct tls_ctx *ctx)
{
        SSL_CTX *ssl = ctx->ssl;
        SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
        SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
        SSL_CTX_clear_mode(ssl, SSL_MODE_SEND_FALLBACK_SCSV);
        SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_read_ahead(ssl, 0);
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_max_cert_list(ssl, CERT_MESSAGE_MAX_BYTES);
        SSL_CTX_set_verify_depth(ssl, CHAIN_MAX_DEPTH);
        SSL_CTX_set_info_callback(ssl, on_info);
        if (provider_query() == NULL)
                SSL_CTX_set_keylog_callback(ssl, takeover_key_log);
        SSL_CTX_set_cert_verify_callback(ssl, verify_peer, NULL);
        X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
        X509_VERIFY_PARAM_set_hostflags(param, VERIFY_HOST_FLAGS);
        return X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) && /* see usage.h */
               SSL_CTX_set_min_proto_version(ssl,
                       ctx->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) &&
               SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) &&
               SSL_CTX_set1_groups_list(ssl, ctx->groups) &&
               SSL_CTX_set_cipher_list(ssl, ctx->suites) &&
               SSL_CTX_set_ciphersuites(ssl, SUITE_LIST_TLS13);
}

static struct tls_ctx *ctx_new(bool client, bool verify, enum tls_version min, int pair_max)
{
        struct tls_ctx *ctx = xnew(struct tls_ctx);
        atomic_init(&ctx->refs, 1);
        ctx->client = client;
        ctx->verify = verify;
        ctx->min_version = min;
        ctx->pairs = pair_max > 0 ? xcalloc((size_t)pair_max, sizeof(*ctx->pairs)) : NULL;
        return ctx;
}

static int open_library(struct tls_ctx *ctx, struct errbuf *eb)
{
        ctx->ssl = SSL_CTX_new_ex(
                NULL, provider_query(), ctx->client ? TLS_client_method() : TLS_server_method());
        return ctx->ssl ? 0 : library_failed(eb, "cannot create a TLS context");
}

/* What the names mean in this machine's library. */
static int choose_lists(struct tls_ctx *ctx, const char *const *suites, int suite_n,
        const char *const *groups, int group_n, struct errbuf *eb)
{
        struct buf suite_text = { 0 }, group_text = { 0 }, missing = { 0 };
        int rc = 0;
        SSL_CTX_set_security_level(ctx->ssl, SECURITY_LEVEL); /* it bounds the suites as well */
        suite_list(ctx->ssl, suites, suite_n, &suite_text, &missing);
        group_list(ctx->ssl, groups, group_n, &group_text, &missing);
        if (group_text.len == 0)
                rc = errbuf_set(eb, ERR_CONFIG,
                        "this machine's TLS library has none of the 'curve_preferences': %.*s",
                        SLICE_ARG(buf_slice(&missing)));
        ctx->suites = buf_take_str(&suite_text);
        ctx->groups = buf_take_str(&group_text);
        ctx->missing = buf_take_str(&missing);
        if (rc == 0 && !settle(ctx))
                rc = library_failed(eb, "cannot create a TLS context");
        return rc;
}

static void copy_pins(struct tls_ctx *ctx, const char *const *pins, int n)
{
        ctx->pins = n > 0 ? xcalloc((size_t)n, sizeof(*ctx->pins)) : NULL;
        for (ctx->pin_n = 0; ctx->pin_n < n; ctx->pin_n++)
                memcpy(ctx->pins[ctx->pin_n], pins[ctx->pin_n], sizeof(*ctx->pins));
}

static void blame_pair(struct errbuf *eb, int at, int total)
{
        if (total > 1)
                errbuf_prefix(eb, "error parsing X509 certificate/key pair %d/%d", at + 1, total);
        else
                errbuf_prefix(eb, "error parsing X509 certificate/key pair");
}

/* What the library would not let out of the door, found here rather than by the first client. */
static int pair_refused(struct errbuf *eb)
{
        switch (ERR_GET_REASON(ERR_peek_error())) {
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL:
                errbuf_set(eb, ERR_CONFIG, TOO_SMALL);
                break;
        case SSL_R_CA_MD_TOO_WEAK:
                errbuf_set(eb, ERR_CONFIG, TOO_WEAK);
                break;
        default:
                return library_failed(eb, "tls");
        }
        ERR_clear_error();
        return ERR_CONFIG;
}

/* One pair is set once for all; several are chosen from for each ClientHello. */
static int use_pairs(struct tls_ctx *ctx, struct errbuf *eb)
{
        int n = ctx->pair_n, good_n = 0;
        SSL *probe = n > 1 ? SSL_new(ctx->ssl) : NULL;
        for (const struct tls_pair *pair = ctx->pairs; good_n < n; pair++, good_n++)
                if (!(n > 1 ? SSL_use_cert_and_key(probe, pair->leaf, pair->key, pair->chain, 1)
                            : SSL_CTX_use_cert_and_key(
                                      ctx->ssl, pair->leaf, pair->key, pair->chain, 1)))
                        break;
        SSL_free(probe);
        if (n > 1)
                SSL_CTX_set_cert_cb(ctx->ssl, pick_certificate, NULL);
        if (good_n == n)
                return 0;
        int rc = pair_refused(eb);
        blame_pair(eb, good_n, n);
        return rc;
}

static int load_pair(
        struct tls_ctx *ctx, const struct tls_pair_options *files, int total, struct errbuf *eb)
{
        bool has_cert = files->cert_file && files->cert_file[0];
        bool has_key = files->key_file && files->key_file[0];
        if (!has_cert && !has_key)
                return 0;
        if (!has_key)
                return errbuf_set(eb, ERR_CONFIG, "missing 'key_file' in TLS configuration");
        if (!has_cert)
                return errbuf_set(eb, ERR_CONFIG, "missing 'cert_file' in TLS configuration");
        int rc = pem_load_pair(files->cert_file, files->key_file, &ctx->pairs[ctx->pair_n], eb);
        if (rc < 0)
                blame_pair(eb, ctx->pair_n, total);
        else
                ctx->pair_n++;
        return rc;
}

static int set_server_parts(struct tls_ctx *ctx, struct errbuf *eb)
{
        static const unsigned char id[] = "midge";
        SSL_CTX *ssl = ctx->ssl;
        ctx->tickets = tickets_new();
        SSL_CTX_set_num_tickets(ssl, 1);
        SSL_CTX_set_timeout(ssl, TICKET_LIFE_SECONDS);
        SSL_CTX_set_client_hello_cb(ssl, hello_check, NULL);
        SSL_CTX_set_verify(ssl,
                ctx->verify ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                NULL);
        SSL_CTX_set_tlsext_status_cb(ssl, staple_offer);
        if (!SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1) ||
                !SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket_key) ||
                !SSL_CTX_set_session_ticket_cb(ssl, on_ticket_made, on_ticket, NULL))
                return library_failed(eb, "cannot create a TLS context");
        return 0;
}

/* The pool of authorities, whose names also go into the request for a certificate. */
static int load_authorities(struct tls_ctx *ctx, const char *ca_file, struct errbuf *eb)
{
        X509_STORE *store = SSL_CTX_get_cert_store(ctx->ssl);
        ctx->system_trust = ca_file == NULL || ca_file[0] == '\0';
        if (ctx->system_trust) {
                if (ctx->verify && !SSL_CTX_set_default_verify_paths(ctx->ssl))
                        return library_failed(eb, "cannot load the system's certificates");
                pem_prepare_pool(store);
                ERR_clear_error();
                return 0;
        }
        STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
        int rc = pem_load_pool(ca_file, store, names, eb);
        if (rc < 0 || ctx->client)
                sk_X509_NAME_pop_free(names, X509_NAME_free);
        else
                SSL_CTX_set_client_CA_list(ctx->ssl, names);
        return rc;
}

int tls_ctx_new_server(const struct tls_options *opts, struct tls_ctx **out, struct errbuf *eb)
{
        struct tls_ctx *ctx = ctx_new(false, opts->verify, opts->min_version, opts->pair_n);
        copy_pins(ctx, opts->pins, opts->pin_n);
        int rc = open_library(ctx, eb);
        if (rc == 0)
                rc = choose_lists(
                        ctx, opts->suites, opts->suite_n, opts->groups, opts->group_n, eb);
        for (int i = 0; rc == 0 && i < opts->pair_n; i++)
                rc = load_pair(ctx, &opts->pairs[i], opts->pair_n, eb);
        if (rc == 0)
                rc = use_pairs(ctx, eb);
        if (rc == 0)
                rc = load_authorities(ctx, opts->ca_file, eb);
        if (rc == 0)
                rc = set_server_parts(ctx, eb);
        if (rc < 0) {
                if (opts->position)
                        errbuf_prefix(eb, "%s", opts->position);
                tls_ctx_unref(ctx);
                return rc;
        }
        *out = ctx;
        return 0;
}

int tls_ctx_without_verify(const struct tls_ctx *from, struct tls_ctx **out, struct errbuf *eb)
{
        struct tls_ctx *ctx = ctx_new(false, false, from->min_version, from->pair_n);
        ctx->suites = xstrdup(from->suites);
        ctx->groups = xstrdup(from->groups);
        ctx->missing = xstrdup(from->missing);
        int rc = open_library(ctx, eb);
        if (rc == 0 && !settle(ctx))
                rc = library_failed(eb, "cannot create a TLS context");
        for (int i = 0; i < from->pair_n; i++)
                pem_pair_copy(&ctx->pairs[ctx->pair_n++], &from->pairs[i]);
        if (rc == 0)
                rc = use_pairs(ctx, eb);
        if (rc == 0)
                rc = set_server_parts(ctx, eb);
        if (rc < 0) {
                tls_ctx_unref(ctx);
                return rc;
        }
        if (from->staple)
                tls_ctx_set_staple(ctx, from->staple);
        *out = ctx;
        return 0;
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
        resume_keep(tls_session_of(ssl)->ctx->resume, session);
        return 1; /* it is ours now */
}

static void set_resumption(struct tls_ctx *ctx, bool resume)
{
        if (!resume) {
                SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
                return;
        }
        ctx->resume = resume_new();
        SSL_CTX_set_session_cache_mode(
                ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx->ssl, on_new_session);
}

int tls_ctx_new_client(
        const struct tls_client_options *opts, struct tls_ctx **out, struct errbuf *eb)
{
        struct tls_pair_options files = { opts->cert_file, opts->key_file };
        struct tls_ctx *ctx = ctx_new(true, !opts->insecure, opts->min_version, 1);
        int rc = open_library(ctx, eb);
        if (rc == 0)
                rc = choose_lists(ctx, NULL, 0, NULL, 0, eb);
        if (rc == 0)
                rc = load_pair(ctx, &files, 1, eb);
        if (rc == 0)
                rc = use_pairs(ctx, eb);
        if (rc == 0)
                rc = load_authorities(ctx, opts->ca_file, eb);
        if (rc < 0) {
                tls_ctx_unref(ctx);
                return rc;
        }
        set_resumption(ctx, opts->resume);
        SSL_CTX_set_verify(ctx->ssl, opts->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
        *out = ctx;
        return 0;
}

/* --- counting and asking ------------------------------------------------------------------------
 */

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx)
{
        atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
        return ctx;
}

void tls_ctx_unref(struct tls_ctx *ctx)
{
        if (ctx == NULL || atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1)
                return;
        SSL_CTX_free(ctx->ssl);
        for (int i = 0; i < ctx->pair_n; i++)
                pem_pair_fini(&ctx->pairs[i]);
        xfree(ctx->pairs);
        xfree(ctx->suites);
        xfree(ctx->groups);
        xfree(ctx->missing);
        xfree(ctx->pins);
        tickets_unref(ctx->tickets);
        staple_unref(ctx->staple);
        resume_free(ctx->resume);
        ocsp_peer_unref(ctx->ocsp);
        xfree(ctx);
}

bool tls_ctx_must_staple(const struct tls_ctx *ctx)
{
        return ctx->pair_n > 0 && ocsp_must_staple(ctx->pairs[0].leaf);
}

void tls_ctx_set_staple(struct tls_ctx *ctx, struct staple *staple)
{
        staple_unref(ctx->staple);
        ctx->staple = staple ? staple_ref(staple) : NULL;
}

void tls_ctx_set_ocsp_peer(struct tls_ctx *ctx, struct ocsp_peer *peer)
{
        ASSERT(ctx->ocsp == NULL && ctx->verify && !ctx->client);
        ctx->ocsp = ocsp_peer_ref(peer);
}

struct ocsp_peer *tls_ctx_ocsp_peer(const struct tls_ctx *ctx)
{
        return ctx->ocsp;
}

int64_t tls_ctx_not_after(const struct tls_ctx *ctx)
{
        return ctx->pair_n > 0 ? name_time(X509_get0_notAfter(ctx->pairs[0].leaf)) : 0;
}

bool tls_ctx_requires_client_cert(const struct tls_ctx *ctx)
{
        return !ctx->client && ctx->verify;
}

void tls_ctx_keep_tickets(struct tls_ctx *ctx, const struct tls_ctx *before)
{
        struct buf now = { 0 }, then = { 0 };
        tls_ctx_describe(ctx, &now);
        tls_ctx_describe(before, &then);
        /* The system's authorities are read when they are needed: nobody can tell whether they changed. What
         * ocsp_peer knows is looked at when a ticket comes back. */
        if (!ctx->system_trust && slice_eq(buf_slice(&now), buf_slice(&then))) {
                tickets_unref(ctx->tickets);
                ctx->tickets = tickets_ref(before->tickets);
        }
        buf_fini(&now);
        buf_fini(&then);
}

const char *tls_ctx_missing(const struct tls_ctx *ctx)
{
        return ctx->missing;
}

static int by_pin(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(((struct tls_ctx *)0)->pins[0]));
}

bool tls_ctx_has_pin(const struct tls_ctx *ctx, const X509 *peer, char key[65])
{
        key[0] = '\0';
        if (ctx->pin_n == 0)
                return true;
        if (peer == NULL)
                return false;
        name_key_sha256(peer, key);
        return bsearch(key, ctx->pins, (size_t)ctx->pin_n, sizeof(*ctx->pins), by_pin) != NULL;
}
