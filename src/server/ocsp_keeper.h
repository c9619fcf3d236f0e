/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_keeper.h: a thread that loads, saves and replaces the cache of OCSP responses, because files block.
 * Control thread only. */
#pragma once
#include <stdint.h>

struct ocsp_cache;
struct ocsp_keeper;

/* It has none. */
struct ocsp_keeper *ocsp_keeper_new(void);
/* Stop, and save, the one it has; then load another, if any (counted; NULL: none), and save that every
 * interval_ns if it has changed. Returns at once. */
void ocsp_keeper_replace(struct ocsp_keeper *keeper, struct ocsp_cache *cache, int64_t interval_ns);
/* Until that is done. */
void ocsp_keeper_wait(struct ocsp_keeper *keeper);
/* Save the one it has at other times from now on. */
void ocsp_keeper_set_interval(struct ocsp_keeper *keeper, int64_t interval_ns);
/* Stop and save; waits for it. NULL is fine. */
void ocsp_keeper_free(struct ocsp_keeper *keeper);
