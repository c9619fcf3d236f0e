/* SPDX-License-Identifier: Apache-2.0 */
/* staple_lookup.h: find the response to staple: in the store, at a responder. Blocks (files, network): at the
 * start, before anything is served, and on the fetch pool. What is found is served from then on. */
#pragma once
#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ocsp_response;
struct staple;

/* What a lookup needs, as a value: it may go to another thread. */
struct staple_lookup {
        struct staple *staple; /* counted */
        char **urls;           /* in the order in which they are asked */
        int url_n;
        char *store; /* folder; NULL: none */
};

/* urls: instead of the certificate's, unless there are none. store_dir: "" none. */
void staple_lookup_init(struct staple_lookup *lookup, struct staple *staple,
        const char *const *urls, int url_n, const char *store_dir);
void staple_lookup_copy(struct staple_lookup *to, const struct staple_lookup *from);
void staple_lookup_fini(struct staple_lookup *lookup);

/* Make the store's folder, with those above it. Returns 0 or ERR_IO with the reference's text. */
MUST_CHECK int staple_store_prepare(const struct staple_lookup *lookup, struct errbuf *eb);

/* 0 or a negative code with the reference's text. */
MUST_CHECK int staple_lookup_file(
        const struct staple_lookup *lookup, struct ocsp_response *response, struct errbuf *eb);
/* limit_ns: for all of it; at most 30 s go to one request. stop: see fetch.h. */
MUST_CHECK int staple_lookup_remote(const struct staple_lookup *lookup, uint64_t limit_ns,
        const _Atomic bool *stop, struct ocsp_response *response, struct errbuf *eb);
