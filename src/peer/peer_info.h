/* SPDX-License-Identifier: Apache-2.0 */
/* peer_info.h: one connection as monitoring sees it: a plain copy, made by the peer's loop, owned by
 * whoever asked. */
#pragma once
#include "peer/close_reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a snapshot copies besides numbers, names and addresses. */
enum {
        PEER_WANT_SUBS = 1,
        PEER_WANT_CERTS = 2,
        PEER_WANT_FIRST_SUBS = 4, /* at most PEER_FIRST_SUBS: the loop copies their texts */
};
enum { PEER_FIRST_SUBS = 10000 };

struct sub_info {
        char *subject, *queue, *sid; /* owned; queue may be NULL */
        uint64_t msgs, max;
};

struct peer_cert_info {
        char *subject;
        char spki_sha256[65], cert_sha256[65];
};

struct peer_info {
        uint64_t id;
        const char *kind, *type; /* "Client", "nats": static text */
        char ip[64];
        int port;
        uint64_t start_ns, last_activity_ns, stop_ns; /* wall clock; stop 0: open */
        uint64_t uptime_ns, idle_ns; /* until now or the stop, by the monotonic one */
        enum close_reason reason;
        int64_t rtt_ns; /* 0: unknown */
        uint64_t pending_bytes;
        uint64_t in_msgs, out_msgs, in_bytes, out_bytes, stalls;
        uint32_t subscriptions;
        char *name, *lang, *version; /* owned; NULL: none */
        char *account;               /* owned */
        char *user;                  /* owned; NULL: none */
        char tls_version[16];        /* "" : no TLS */
        char tls_cipher[64];
        bool tls_first;
        struct peer_cert_info *certs; /* only when asked for, as are the subs */
        int cert_n;
        struct sub_info *subs;
        uint32_t sub_n;
};

void peer_info_fini(struct peer_info *info);      /* what it owns, not the struct */
void peer_info_drop_subs(struct peer_info *info); /* the list; the count stays */
void peer_info_free(struct peer_info *info);      /* NULL is fine */
