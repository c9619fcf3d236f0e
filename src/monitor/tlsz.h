/* SPDX-License-Identifier: Apache-2.0 */
/* tlsz.h: /tlsz: what TLS serves, and why handshakes failed. A plain function over plain data. */
#pragma once
#include "tls/verdict.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct failure_ring;
struct json_writer;
struct options;
struct tls_facts;

enum { TLSZ_FAILURES = 256, TLSZ_PROBES = 64 }; /* different ones that are kept */

/* How the files of the context have changed while it served. */
struct tls_rotation {
        bool watching;
        uint64_t taken_n, refused_n;
        uint64_t taken_ns, refused_ns; /* the last time, wall clock; 0: never */
        char refusal[1024]; /* why the files that are there now are not used; "": they are */
};

struct tlsz {
        const char *server_id;
        uint64_t now_ns; /* wall clock */
        const struct options *options;
        const struct tls_facts *facts;       /* NULL: no TLS */
        const struct tls_rotation *rotation; /* NULL: no TLS */
        const uint64_t *failed;              /* by reason */
        const struct failure_ring *failures, *probes;
        const char *reason; /* only this one; "": all */
        int64_t offset, limit;
};

void tlsz_render(const struct tlsz *page, struct buf *out);

/* The object of /varz: how many handshakes failed, by reason. */
void tlsz_put_counts(
        struct json_writer *w, const char *key, const uint64_t failed[TLS_REASON_COUNT]);
