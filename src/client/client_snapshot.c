/* SPDX-License-Identifier: Apache-2.0 */
/* What monitoring may know of a client. */
#include "account/sub.h"
#include "base/mem.h"
#include "client/client_internal.h"
#include "peer/peer_info.h"
#include "tls/identity.h"
#include "tls/tls_session.h"
#include <stdio.h>

static char *text_or_null(const char *text)
{
        return text && text[0] ? xstrdup(text) : NULL;
}

static void copy_subs(struct peer *peer, struct peer_info *out, uint32_t max)
{
        struct sub *sub;
        uint32_t n = peer->own.subs.n < max ? peer->own.subs.n : max;
        if (n == 0)
                return;
        out->subs = xcalloc(n, sizeof out->subs[0]);
        for (uint32_t at = 0; out->sub_n < n && (sub = subs_next(&peer->own.subs, &at));) {
                struct slice subject = sub_subject(sub), queue = sub_queue(sub), sid = sub_sid(sub);
                struct sub_info *info = &out->subs[out->sub_n++];
                info->subject = xstrndup(subject.ptr, subject.len);
                info->queue = queue.len ? xstrndup(queue.ptr, queue.len) : NULL;
                info->sid = xstrndup(sid.ptr, sid.len);
                info->msgs = sub->link.in.own.delivered;
                info->max = sub->link.in.own.max;
        }
}

static void copy_certs(const struct tls_identity *identity, struct peer_info *out)
{
        if (identity->cert_n == 0)
                return;
        out->certs = xcalloc((size_t)identity->cert_n, sizeof out->certs[0]);
        for (; out->cert_n < identity->cert_n; out->cert_n++) {
                const struct tls_peer_cert *cert = &identity->certs[out->cert_n];
                struct peer_cert_info *to = &out->certs[out->cert_n];
                to->subject = xstrdup(cert->subject);
                memcpy(to->spki_sha256, cert->spki_sha256, sizeof to->spki_sha256);
                memcpy(to->cert_sha256, cert->cert_sha256, sizeof to->cert_sha256);
        }
}

static void copy_tls(struct peer *peer, struct peer_info *out, bool certs)
{
        struct tls_session *session = conn_tls(&peer->own.conn);
        if (session == NULL)
                return;
        snprintf(out->tls_version, sizeof out->tls_version, "%s", tls_session_version(session));
        snprintf(out->tls_cipher, sizeof out->tls_cipher, "%s", tls_session_cipher(session));
        out->tls_first = client_of(peer)->tls_first;
        if (certs) {
                struct tls_identity *identity = tls_session_identity(session);
                copy_certs(identity, out);
                tls_identity_free(identity);
        }
}

void client_snapshot(struct peer *peer, struct peer_info *out, unsigned want)
{
        struct client *client = client_of(peer);
        out->type = "nats";
        out->name = text_or_null(client->opts.name);
        out->user = text_or_null(client_user_name(client));
        out->lang = text_or_null(client->opts.lang);
        out->version = text_or_null(client->opts.version);
        if (want & PEER_WANT_SUBS)
                copy_subs(peer, out, UINT32_MAX);
        else if (want & PEER_WANT_FIRST_SUBS)
                copy_subs(peer, out, PEER_FIRST_SUBS);
        copy_tls(peer, out, want & PEER_WANT_CERTS);
}
