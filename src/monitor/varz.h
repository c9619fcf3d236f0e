/* SPDX-License-Identifier: Apache-2.0 */
/* varz.h: /varz: the server's options and counters. A plain function over plain data. */
#pragma once
#include "base/stat.h"
#include "tls/ocsp_cache.h"
#include "tls/verdict.h"
#include <stddef.h>
#include <stdint.h>

struct buf;
struct monitor_env;

struct varz_hit {
        const char *name; /* "/varz" */
        uint64_t n;
};

/* The moving part. */
struct varz_numbers {
        uint64_t now_ns;    /* wall clock */
        uint64_t uptime_ns; /* by the monotonic clock: nobody sets it */
        uint64_t rss_bytes;
        int cores;
        double cpu_percent;
        uint64_t connections, total_connections;
        uint64_t counter[STAT_COUNT];
        uint64_t subscriptions;
        int64_t cert_not_after;                /* seconds since 1970; 0: unknown */
        uint64_t tls_failed[TLS_REASON_COUNT]; /* handshakes */
        bool ocsp_cached;                      /* there is a cache of the kind "local": */
        struct ocsp_cache_stats ocsp_cache;
        const struct varz_hit *hits; /* in byte order of their names */
        size_t hit_n;
};

void varz_render(const struct monitor_env *env, const struct varz_numbers *n, struct buf *out);
