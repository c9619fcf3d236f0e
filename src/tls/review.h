/* SPDX-License-Identifier: Apache-2.0 */
/* review.h: may a context that was loaded from changed files take the place of the one in service?
 *
 * What a person would look at before: dates, key usage, whether the chain hangs together, names that are
 * no longer covered, authorities that are gone. A flaw of the new one that the one in service does not
 * have refuses it; a flaw that both have is not made worse and only told, as is what may be meant. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>

struct tls_ctx;

struct tls_review {
        struct buf refusals; /* sentences joined by "; " */
        struct buf warnings; /* lines, each ended by '\n' */
};

/* Fills review (zeroed before; fini after). Returns true when nothing refuses the new one. now_s: wall
 * clock, seconds since 1970. */
bool tls_review(const struct tls_ctx *in_service, const struct tls_ctx *next, int64_t now_s,
        struct tls_review *review);
void tls_review_fini(struct tls_review *review);
