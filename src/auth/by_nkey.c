/* SPDX-License-Identifier: Apache-2.0 */
/* A signature over the nonce, by the key that is the name. */
#include "auth/auth_internal.h"
#include <stdio.h>
#include <string.h>

static bool brings_nothing(const struct auth_request *request)
{
        return !request->user[0] && !request->pass[0] && !request->token[0] && !request->nkey[0];
}

static enum auth_find find(
        const struct auth *auth, const struct auth_request *request, const struct auth_user **user)
{
        const struct auth_user *no_auth = auth->no_auth;
        if (auth->nkey_n == 0)
                return AUTH_NOT_MINE;
        if (no_auth && no_auth->kind == AUTH_BY_NKEY && brings_nothing(request)) {
                *user = no_auth;
                return AUTH_TRUSTED;
        }
        if (!request->nkey[0])
                return AUTH_NOT_MINE;
        *user = auth_find_nkey(auth, request->nkey);
        if (*user == NULL)
                return AUTH_NOBODY;
        return *user == no_auth ? AUTH_TRUSTED : AUTH_FOUND;
}

static enum auth_prove prove(const struct auth *auth, const struct auth_user *user,
        const struct auth_request *request, struct auth_proof *proof, const char **why)
{
        (void)auth;
        (void)user;
        if (!request->sig[0])
                *why = "Signature missing";
        else if (nkey_sig_decode(slice_str(request->sig), proof->sig) < 0)
                *why = "Signature not valid base64";
        else if (!request->nonce[0]) /* he came before a reload asked for signatures */
                *why = "Signature not verified";
        else
                snprintf(proof->nonce, sizeof proof->nonce, "%s", request->nonce);
        return *why ? AUTH_DISPROVED : AUTH_TAKES_LONG;
}

static bool work(const struct auth_user *user, const struct auth_proof *proof)
{
        return nkey_verify(user->key, slice_str(proof->nonce), proof->sig);
}

const struct auth_method auth_by_nkey = { find, prove, work };
