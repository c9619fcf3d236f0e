/* SPDX-License-Identifier: Apache-2.0 */
/* tls_ctx.h: one `tls` map compiled to what handshakes need.
 * Immutable once in service but for its ticket keys and its staple, which change under their own locks; counted, so
 * that a reload swaps a pointer while sessions go on with what they started with. Any thread. Every
 * way to configure TLS comes through here, so that all of them end in the same settings. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "conf/options.h"
#include <stdbool.h>
#include <stdint.h>

struct staple;
struct ocsp_peer;
struct tls_ctx;

/* Server side. Loads and checks all files. No pair at all is valid: every handshake then fails with
 * "tls: no certificates configured".
 * opts     borrowed; read during the call only
 * Returns: 0 (*out holds one reference) or ERR_CONFIG with the reference's text in eb, in front of
 * it "file:line:col: " when opts->position is set */
MUST_CHECK int tls_ctx_new_server(
        const struct tls_options *opts, struct tls_ctx **out, struct errbuf *eb);

/* The same certificates without asking clients for theirs (monitoring over HTTPS), with ticket keys
 * of its own: a session begun there can never be resumed where a client certificate is required. */
MUST_CHECK int tls_ctx_without_verify(
        const struct tls_ctx *ctx, struct tls_ctx **out, struct errbuf *eb);

/* Before anybody else has the context: peers' certificates are checked by this (ocsp_peer.h), which is counted.
 * NULL: they are not. */
void tls_ctx_set_ocsp_peer(struct tls_ctx *ctx, struct ocsp_peer *peer);
struct ocsp_peer *tls_ctx_ocsp_peer(const struct tls_ctx *ctx); /* borrowed */

struct tls_client_options {
        const char *ca_file;              /* NULL: the system store */
        const char *cert_file, *key_file; /* NULL: no client certificate */
        enum tls_version min_version;
        bool insecure; /* verify nothing */
        bool resume;   /* offer the newest ticket to the next session; all go to one server */
};

/* Client side; resumes only when told to. Same errors as the server side. */
MUST_CHECK int tls_ctx_new_client(
        const struct tls_client_options *opts, struct tls_ctx **out, struct errbuf *eb);

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
void tls_ctx_unref(struct tls_ctx *ctx); /* NULL is fine */

/* Does the first certificate ask to be stapled always? False without a certificate. */
bool tls_ctx_must_staple(const struct tls_ctx *ctx);
/* Before the first session: clients that ask for the status of the first certificate get what staple holds;
 * NULL: nothing. */
void tls_ctx_set_staple(struct tls_ctx *ctx, struct staple *staple); /* referenced */

/* NotAfter of the first certificate in seconds since 1970; 0 without a certificate. */
int64_t tls_ctx_not_after(const struct tls_ctx *ctx);
bool tls_ctx_requires_client_cert(const struct tls_ctx *ctx);
/* Append every setting as one line of text, for logs and for comparing: equal texts, equal behaviour. */
void tls_ctx_describe(const struct tls_ctx *ctx, struct buf *out);
/* After a reload: when nothing at all has changed, go on with the tickets of the context before, so that
 * clients need not shake hands anew. Any difference (trust, certificates, pins, ...) ends them. */
void tls_ctx_keep_tickets(struct tls_ctx *ctx, const struct tls_ctx *before);
/* Configured suites and groups that this machine's library lacks: "A, B", or "". */
const char *tls_ctx_missing(const struct tls_ctx *ctx);
