/* SPDX-License-Identifier: Apache-2.0 */
/* A user name and a password, in clear or hashed. */
#include "auth/auth_internal.h"
#include "base/buf.h"
#include "base/text.h"
#include "cred/secret.h"
#include <string.h>

enum auth_prove auth_prove_secret(
        const struct auth_user *user, const char *given, struct auth_proof *proof)
{
        if (!secret_is_bcrypt(user->secret))
                return secret_eq(user->secret, given) ? AUTH_PROVED : AUTH_DISPROVED;
        memcpy(proof->given, given, strnlen(given, sizeof proof->given - 1));
        return AUTH_TAKES_LONG;
}

bool auth_work_secret(const struct auth_user *user, const struct auth_proof *proof)
{
        return secret_bcrypt_eq(user->secret, proof->given);
}

static enum auth_find find(
        const struct auth *auth, const struct auth_request *request, const struct auth_user **user)
{
        const struct auth_user *no_auth = auth->no_auth;
        if (auth->user_n == 0)
                return AUTH_NOT_MINE;
        if (no_auth && no_auth->kind == AUTH_BY_PASSWORD && !request->user[0] &&
                !request->pass[0] && !request->token[0]) {
                *user = no_auth;
                return AUTH_TRUSTED;
        }
        *user = request->user[0] ? auth_find_user(auth, request->user) : NULL;
        return *user ? AUTH_FOUND : AUTH_NOBODY;
}

/* Somebody without a password whom certificates can name is no one's without the certificate. */
static bool needs_certificate(const struct auth *auth, const struct auth_user *user)
{
        unsigned types = user->connection_types;
        return auth->tls_map && user->secret[0] == '\0' && user != auth->no_auth &&
               (types == 0 || types & 1u << CONNECTION_STANDARD);
}

static enum auth_prove prove(const struct auth *auth, const struct auth_user *user,
        const struct auth_request *request, struct auth_proof *proof, const char **why)
{
        (void)why;
        if (needs_certificate(auth, user)) {
                if (request->notes) {
                        buf_append_str(request->notes, "User ");
                        text_quote(request->notes, slice_str(user->name));
                        buf_append_str(request->notes, " requires a client certificate");
                }
                return AUTH_DISPROVED;
        }
        return auth_prove_secret(user, request->pass, proof);
}

const struct auth_method auth_by_password = { find, prove, auth_work_secret };
