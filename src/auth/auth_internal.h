/* SPDX-License-Identifier: Apache-2.0 */
/* auth_internal.h: the table, and what a method of logging in is. */
#pragma once
#include "auth/auth.h"

struct arena;
struct cert_map;

struct auth {
        _Atomic unsigned refs;
        struct arena *arena;             /* of the texts */
        struct auth_user *users, *nkeys; /* sorted by name */
        int user_n, nkey_n;
        struct auth_user *token;         /* NULL: none */
        const struct auth_user *no_auth; /* NULL: nobody */
        bool listed;                     /* users and nkeys come from a list, not the single user */
        bool tls_map;                    /* certificates name users */
        struct cert_map *certs;          /* how; NULL: they do not, or there is no list of users */
};

/* By name; NULL: nobody. */
const struct auth_user *auth_find_user(const struct auth *auth, const char *name);
const struct auth_user *auth_find_nkey(const struct auth *auth, const char *name);

/* What remains to be proved, free of the request. */
struct auth_proof {
        char given[73]; /* password or token: what bcrypt looks at */
        char nonce[NKEY_NONCE_SIZE];
        uint8_t sig[NKEY_SIG_BYTES];
};

enum auth_find {
        AUTH_NOT_MINE, /* ask the next method */
        AUTH_NOBODY,   /* mine, and refused */
        AUTH_FOUND,    /* *user; to be proved */
        AUTH_TRUSTED,  /* *user, and nothing has to be proved */
};

enum auth_prove { AUTH_PROVED, AUTH_DISPROVED, AUTH_TAKES_LONG };

struct auth_method {
        /* Whom does the request mean? Does not look at connection types: auth_check() does, for all. */
        enum auth_find (*find)(const struct auth *auth, const struct auth_request *request,
                const struct auth_user **user);
        /* Is he who he says? AUTH_TAKES_LONG: proof is filled. *why: for the debug log. */
        enum auth_prove (*prove)(const struct auth *auth, const struct auth_user *user,
                const struct auth_request *request, struct auth_proof *proof, const char **why);
        /* Crypto pool: the rest of prove. */
        bool (*work)(const struct auth_user *user, const struct auth_proof *proof);
};

extern const struct auth_method auth_by_cert, auth_by_nkey, auth_by_password, auth_by_token;

/* by_password.c: a secret in clear or hashed; for passwords and tokens. */
enum auth_prove auth_prove_secret(
        const struct auth_user *user, const char *given, struct auth_proof *proof);
bool auth_work_secret(const struct auth_user *user, const struct auth_proof *proof);
