/* SPDX-License-Identifier: Apache-2.0 */
/* failures.h: the last failed handshakes, each different one once.
 * The same failure again (reason, listener, address, certificate, host name) only counts up and moves to
 * the front, so that one noisy client does not push the others out. Owner: the control thread. */
#pragma once
#include "peer/tls_failure.h"
#include <stddef.h>

struct failure_ring;

struct failure_entry {
        struct tls_failure *last; /* owned by the ring */
        uint64_t first_ns;        /* wall clock */
        uint64_t count;
};

struct failure_ring *failure_ring_new(size_t max); /* max: of different ones; at least 1 */
void failure_ring_free(struct failure_ring *ring); /* NULL is fine */
void failure_ring_add(struct failure_ring *ring, struct tls_failure *failure); /* takes ownership */

size_t failure_ring_count(const struct failure_ring *ring);
/* 0: the newest. Borrowed until the next failure_ring_add(). */
const struct failure_entry *failure_ring_at(const struct failure_ring *ring, size_t index);
