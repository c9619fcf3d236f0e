/* SPDX-License-Identifier: Apache-2.0 */
/* verify_and_map: the certificate says who it is. A password, where the user has one, is asked for as
 * well; the user name of CONNECT and no_auth_user count for nothing. */
#include "auth/auth_internal.h"
#include "auth/cert_map.h"
#include "base/buf.h"

bool auth_maps_certs(const struct auth *auth)
{
        return auth->certs != NULL;
}

const struct auth_user *auth_map_cert(const struct auth *auth, const struct cert_names *cert,
        enum connection_type type, struct buf *notes)
{
        if (cert == NULL) {
                buf_append_str(notes, "User required in cert, no peer certificates found");
                return NULL;
        }
        return cert_map_find(auth->certs, cert, type, notes);
}

static enum auth_find find(
        const struct auth *auth, const struct auth_request *request, const struct auth_user **user)
{
        struct buf unwanted = { 0 };
        if (!request->by_cert || !auth_maps_certs(auth) || (auth->nkey_n > 0 && request->nkey[0]))
                return AUTH_NOT_MINE;
        struct buf *notes = request->notes ? request->notes : &unwanted;
        if (request->tls)
                *user = auth_map_cert(auth, request->cert, request->type, notes);
        else
                buf_append_str(notes, "User required in cert, no TLS connection state");
        buf_fini(&unwanted);
        if (request->mapped)
                *request->mapped = *user;
        return *user ? AUTH_FOUND : AUTH_NOBODY;
}

static enum auth_prove prove(const struct auth *auth, const struct auth_user *user,
        const struct auth_request *request, struct auth_proof *proof, const char **why)
{
        (void)auth;
        (void)why;
        return auth_prove_secret(user, request->pass, proof);
}

const struct auth_method auth_by_cert = { find, prove, auth_work_secret };
