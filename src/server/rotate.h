/* SPDX-License-Identifier: Apache-2.0 */
/* rotate.h: certificate, key and CA files that change on disk are taken without a signal.
 *
 *   watch ──► content as in service? done ──► load ──► review ──► staple ──► swap
 *                                              │          │
 *                                              └──────────┴──► wait, once: somebody may still be writing
 *                                                              ──► refused, loudly: the last good one stays
 *
 * Everything on the control thread. */
#pragma once
#include "monitor/tlsz.h"
#include "net/timer.h"
#include "tls/files.h"

struct rotation_pending;
struct server;
struct watch;

struct rotation {
        struct watch *watch; /* NULL: nothing to watch, or switched off */
        struct rotation_pending
                *pending;    /* good; waits for the status of its certificate; NULL: none */
        struct timer settle; /* the second look at files that were not good */
        uint8_t in_service[TLS_FILES_DIGEST_BYTES];
        uint8_t waiting[TLS_FILES_DIGEST_BYTES]; /* bad at the first look */
        uint8_t refused[TLS_FILES_DIGEST_BYTES];
        struct tls_rotation state; /* for monitoring */
};

/* After a start or a reload: digest was taken before the files of server->tls were read. */
void rotation_start(struct server *server, const uint8_t digest[TLS_FILES_DIGEST_BYTES]);
void rotation_stop(struct server *server);
void rotation_drop(
        struct server *server); /* what waits, if anything; the files are looked at again later */
