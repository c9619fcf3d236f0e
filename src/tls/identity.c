/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/identity.h"
#include "base/mem.h"
#include "tls/name.h"
#include "tls/suite.h"
#include "tls/tls_internal.h"
#include "tls/tls_session.h"

static void add_cert(struct tls_identity *identity, const X509 *cert)
{
        struct tls_peer_cert *to = &identity->certs[identity->cert_n++];
        struct buf subject = { 0 };
        name_text(&subject, X509_get_subject_name(cert));
        to->subject = buf_take_str(&subject);
        name_key_sha256(cert, to->spki_sha256);
        name_cert_sha256(cert, to->cert_sha256);
}

/* The library's chain lacks the leaf in the server role, holds it in the client role, and is
 * missing after resumption. */
static void add_certs(struct tls_identity *identity, const struct tls_session *session)
{
        const struct tls_proof *proof = &session->proof;
        if (proof->leaf == NULL)
                return;
        identity->certs = xcalloc((size_t)sk_X509_num(proof->chain) + 2, sizeof(*identity->certs));
        add_cert(identity, proof->leaf);
        for (int i = session->ctx->client ? 1 : 0; i < sk_X509_num(proof->chain); i++)
                add_cert(identity, sk_X509_value(proof->chain, i));
}

struct tls_identity *tls_session_identity(const struct tls_session *session)
{
        const struct tls_proof *proof = &session->proof;
        struct tls_identity *identity = xnew(struct tls_identity);
        identity->version = tls_session_version(session);
        identity->cipher = tls_session_cipher(session);
        identity->group = group_name(proof->group);
        identity->resumed = proof->resumed;
        identity->sni = xstrdup(proof->sni ? proof->sni : "");
        add_certs(identity, session);
        return identity;
}

void tls_identity_free(struct tls_identity *identity)
{
        if (identity == NULL)
                return;
        for (int i = 0; i < identity->cert_n; i++)
                xfree(identity->certs[i].subject);
        xfree(identity->certs);
        xfree(identity->sni);
        xfree(identity);
}
