/* SPDX-License-Identifier: Apache-2.0 */
/* The one token that everybody presents. */
#include "auth/auth_internal.h"

static enum auth_find find(
        const struct auth *auth, const struct auth_request *request, const struct auth_user **user)
{
        (void)request;
        *user = auth->token;
        return *user ? AUTH_FOUND : AUTH_NOT_MINE;
}

static enum auth_prove prove(const struct auth *auth, const struct auth_user *user,
        const struct auth_request *request, struct auth_proof *proof, const char **why)
{
        (void)auth;
        (void)why;
        return auth_prove_secret(user, request->token, proof);
}

const struct auth_method auth_by_token = { find, prove, auth_work_secret };
