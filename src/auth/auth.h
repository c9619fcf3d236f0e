/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h: who is this, and what may he do?
 *
 *   options ──auth_new()──► struct auth (one for all loops, immutable, counted)
 *   CONNECT ──auth_check()──► a user of it, or a refusal; passwords that are hashed and signatures are
 *                             proved on the crypto pool, and the answer comes back as a call on the loop
 *
 * Methods, in the order they are asked: by_cert, by_nkey, by_password, by_token; each is a file with one row in
 * auth.c. None of them logs, and none keeps what a peer presented. */
#pragma once
#include "base/macros.h"
#include "conf/options.h"
#include "cred/nkey.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct account;
struct auth;
struct buf;
struct cert_names;
struct crypto_pool;
struct loop;
struct permit;
struct registry;

enum auth_kind { AUTH_BY_PASSWORD, AUTH_BY_NKEY, AUTH_BY_TOKEN };

/* Somebody who may log in. Lives as long as its struct auth. */
struct auth_user {
        enum auth_kind kind;
        const char *name;   /* user name or public nkey, as logs show it; "" for the token */
        const char *secret; /* password or token, in clear or as bcrypt; "": none. Never shown */
        uint8_t key[NKEY_BYTES]; /* of an nkey */
        struct account *account; /* where he belongs */
        struct permit *permit;   /* NULL: everything is allowed */
        struct {
                bool allowed;       /* may answer messages that carry a reply subject */
                int64_t max;        /* answers to each; < 0: no limit */
                int64_t expires_ns; /* after which none; < 0: never */
        } responses;
        unsigned connection_types; /* 1 << CONNECTION_*; 0: all */
        bool proxy_required;
};

/* Control thread. The accounts of registry outlive it. */
struct auth *auth_new(const struct auth_options *opts, struct registry *registry);
struct auth *auth_ref(struct auth *auth);
void auth_unref(struct auth *auth); /* the last one wipes all secrets; NULL is fine */

bool auth_is_required(const struct auth *auth);
bool auth_wants_nonce(const struct auth *auth); /* somebody logs in with an nkey */
bool auth_maps_certs(const struct auth *auth);  /* requests must carry the certificate's names */
/* Who connections without credentials are taken for; NULL: nobody. */
const struct auth_user *auth_no_auth_user(const struct auth *auth);

/* What a peer brought. Borrowed for the call; "" is what he did not bring. */
struct auth_request {
        const char *user, *pass, *token, *nkey, *sig;
        const char *nonce; /* that he was sent; "": none */
        enum connection_type type;
        bool by_cert; /* his listener takes certificates for names (verify_and_map) */
        bool tls;     /* the connection is under TLS */
        const struct cert_names *cert; /* of the certificate that he proved; NULL: none */
        struct buf *notes; /* gets lines for the debug log, joined by '\n'; NULL: unwanted */
        const struct auth_user **mapped; /* gets whom the certificate names; NULL: unwanted */
};

enum auth_verdict {
        AUTH_OK,             /* user is set, or NULL: nobody has to log in */
        AUTH_WRONG,          /* refused */
        AUTH_PROXY_REQUIRED, /* refused: he did not come through a trusted proxy */
        AUTH_BUSY,           /* too many proofs are waiting already */
        AUTH_PENDING,        /* done() will be called */
        AUTH_GONE,           /* auth_again() only: there is no such user any more */
};

struct auth_result {
        enum auth_verdict verdict;
        const struct auth_user *user;
        const char *why; /* for the debug log; NULL: nothing to add */
};

/* How a proof that takes long comes back. */
struct auth_async {
        struct crypto_pool *pool;
        struct loop *loop;
        uint64_t source;          /* hash of the peer's address */
        const _Atomic bool *gone; /* nobody waits for the answer any more; alive until done() */
        void (*done)(void *ctx, const struct auth_result *result); /* on the loop, exactly once */
        void *ctx;
};

/* Owner loop. done() is called only after AUTH_PENDING was returned, never from inside. */
struct auth_result auth_check(
        struct auth *auth, const struct auth_request *request, const struct auth_async *async);

/* After a reload: what becomes of somebody who logged in as `user` (of another struct auth; NULL: without
 * having to)? Nothing is asked of him again: a user whose secret is the same as before is believed. */
struct auth_result auth_again(
        const struct auth *now, const struct auth_user *user, enum connection_type type);
/* Whom does the certificate name (auth_maps_certs())? NULL: nobody. */
const struct auth_user *auth_map_cert(const struct auth *auth, const struct cert_names *cert,
        enum connection_type type, struct buf *notes);
/* Is this name a user, or this text an nkey, of a list of users? True as well when there is no list. */
bool auth_may_know(const struct auth *auth, const char *user, const char *nkey);
