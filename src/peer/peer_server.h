/* SPDX-License-Identifier: Apache-2.0 */
/* peer_server.h: what all peers of one server share: the loops, the ids, the counts, the closed ring. */
#pragma once
#include "tls/verdict.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct peer;
struct peer_info;
struct registry;
struct tls_failure;

/* What many connections run into at once: the log says each at most once a second. */
enum peer_notice { NOTICE_FULL, NOTICE_STALLED, NOTICE_COUNT };

struct peer_server {
        struct loop *control; /* fixed */
        struct loop **loops;
        unsigned loop_n;
        struct registry *registry;
        const char *id; /* "N…" */
        struct {
                _Atomic uint64_t next_id;
                _Atomic int64_t client_n;
                _Atomic uint64_t total_n; /* ever accepted */
                _Atomic bool lame_duck;
                _Atomic uint64_t tls_failures[TLS_REASON_COUNT]; /* of all listeners */
                _Atomic uint64_t noticed_ns[NOTICE_COUNT];       /* monotonic; 0: never */
        } shared;
        /* Control thread: takes ownership of a closed connection's record. Set before the loops run;
         * NULL: not wanted. */
        void (*on_closed_record)(struct peer_server *server, struct peer_info *record);
        /* Likewise: takes ownership of a failed handshake. */
        void (*on_tls_failure)(struct peer_server *server, struct tls_failure *failure);
};
