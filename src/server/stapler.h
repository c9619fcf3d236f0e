/* SPDX-License-Identifier: Apache-2.0 */
/* stapler.h: keeps the OCSP response of one context's certificate fresh (tls.md 10).
 *
 *   new ──► begin (blocking, at the start) ──────────────────┐
 *     └───► prepare (on the fetch pool, at a reload) ─ready──┴─► run: refresh half-way to NextUpdate, and when a
 *                                                               handshake finds it run out
 *
 * Control thread only. The lookups run on the fetch pool; a stapler may be freed while one is out. */
#pragma once
#include "base/err.h"
#include "conf/options.h"
#include "net/timer.h"
#include <stdbool.h>

struct server;
struct stapler;
struct tls_ctx;

struct stapler_spec {
        const char *kind; /* "Client" */
        struct tls_ctx *tls;
        const struct tls_options *files; /* what tls was made of */
        const struct ocsp_options *ocsp;
        const char *store_dir; /* "": none */
};

/* Decide whether the certificate is to be stapled, find its issuer, and let tls staple what will be found.
 * Returns: 0 (*out NULL: it is not to be stapled), or a negative code with the reference's text. */
MUST_CHECK int stapler_new(struct server *server, const struct stapler_spec *spec,
        struct stapler **out, struct errbuf *eb);
void stapler_free(struct stapler *stapler); /* NULL is fine */

/* Look in the store, then at the responders; blocks. Failure: the text that ends the start. */
MUST_CHECK int stapler_begin(struct stapler *stapler, struct errbuf *eb);

/* The same without blocking: ready(ctx) is called, perhaps at once. Then stapler_problem() tells how it went.
 * When the responder cannot be reached, what `before` serves for the same certificate is taken over. */
void stapler_prepare(
        struct stapler *stapler, struct stapler *before, void (*ready)(void *ctx), void *ctx);
/* Why there is nothing to staple: "" when there is. */
const char *stapler_problem(const struct stapler *stapler);
/* Asking again later changes nothing: nobody can be asked, or the status forbids to go on. */
bool stapler_is_hopeless(const struct stapler *stapler);
/* There is an answer, and it is that the certificate is not good. */
bool stapler_is_bad(const struct stapler *stapler);

/* From now on it logs, refreshes, and ends the server when it must. */
void stapler_run(struct stapler *stapler);
/* Somebody set the wall clock, by which it was decided when to ask again: it asks now. */
void stapler_clock_set(struct stapler *stapler);
