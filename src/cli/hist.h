/* SPDX-License-Identifier: Apache-2.0 */
/* hist.h: latencies in a log-linear histogram: 64 steps per power of two, so a percentile is exact to
 * about 1.6 %. Fixed memory, one writer; histograms add up. */
#pragma once
#include <stdint.h>

enum { HIST_SUB_BITS = 6, HIST_BUCKETS = (65 - HIST_SUB_BITS) << HIST_SUB_BITS };

struct hist {
        uint64_t count[HIST_BUCKETS];
        uint64_t n, min, max;
        double sum;
};

void hist_init(struct hist *hist);
void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
/* The value below which `percent` of all lie; 0 when empty. */
uint64_t hist_percentile(const struct hist *hist, double percent);
