/* SPDX-License-Identifier: Apache-2.0 */
/* tls_failure.h: one failed handshake as monitoring keeps it: a verdict, and whose. A plain copy, owned by
 * whoever has it; free it with xfree(). */
#pragma once
#include "base/slice.h"
#include "tls/verdict.h"
#include <stdbool.h>
#include <stdint.h>

struct fold;

struct tls_failure {
        struct tls_verdict verdict;
        uint64_t at_ns;       /* wall clock */
        const char *listener; /* "client", "monitoring": static text */
        char ip[64];
        int port;
        uint64_t cid; /* 0: none */
};

/* Health checks and port scans are told once in an hour for each address, other failures that repeat
 * themselves a few times in a minute; what is DEBUG anyway is always told. The rest is in /tlsz and in the
 * counters of /varz. *held: how many like this one were not told since the last that was.
 * address: its bytes; now_ns: monotonic. */
bool tls_failure_is_told(struct fold *fold, const struct tls_verdict *verdict, struct slice address,
        uint64_t now_ns, uint64_t *held);

enum { TLS_FAILURE_LINE_BYTES = TLS_VERDICT_LINE_BYTES + 64 };
/* The line of the verdict, and how many were held. */
void tls_failure_line(const struct tls_verdict *verdict, uint64_t held, char *dst, size_t size);
