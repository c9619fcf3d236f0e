/* SPDX-License-Identifier: Apache-2.0 */
/* closed.h: the last connections that ended, oldest overwritten (monitoring.md 7).
 * Their subscription lists together stay below a budget: past it the oldest lists go first, so that
 * peers who subscribe and leave cannot fill the memory. Owner: the control thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct closed_ring;
struct peer_info;

#define CLOSED_RING_DEFAULT 10000
#define CLOSED_RING_SUBS_BYTES (64 * 1024 * 1024)

struct closed_ring *closed_ring_new(int max, size_t subs_bytes); /* max <= 0: the default */
void closed_ring_free(struct closed_ring *ring);
void closed_ring_add(struct closed_ring *ring, struct peer_info *record); /* takes ownership */

size_t closed_ring_count(const struct closed_ring *ring);
uint64_t closed_ring_total(const struct closed_ring *ring); /* ever added */
/* 0: the oldest that is left. Borrowed until the next closed_ring_add(). */
const struct peer_info *closed_ring_at(const struct closed_ring *ring, size_t index);
