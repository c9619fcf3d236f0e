/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hist.h"
#include <string.h>

enum { SUB_N = 1 << HIST_SUB_BITS };

static unsigned bucket_of(uint64_t value)
{
        if (value < SUB_N)
                return (unsigned)value;
        unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HIST_SUB_BITS;
        return ((shift + 1) << HIST_SUB_BITS) + (unsigned)((value >> shift) & (SUB_N - 1));
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
        if (bucket < SUB_N)
                return bucket;
        unsigned shift = (bucket >> HIST_SUB_BITS) - 1;
        uint64_t low = (uint64_t)(SUB_N + (bucket & (SUB_N - 1))) << shift;
        return low + (((uint64_t)1 << shift) >> 1);
}

void hist_init(struct hist *hist)
{
        memset(hist, 0, sizeof *hist);
        hist->min = UINT64_MAX;
}

void hist_add(struct hist *hist, uint64_t value)
{
        hist->count[bucket_of(value)]++;
        hist->n++;
        hist->sum += (double)value;
        if (value < hist->min)
                hist->min = value;
        if (value > hist->max)
                hist->max = value;
}

void hist_merge(struct hist *into, const struct hist *from)
{
        for (unsigned i = 0; i < HIST_BUCKETS; i++)
                into->count[i] += from->count[i];
        into->n += from->n;
        into->sum += from->sum;
        if (from->min < into->min)
                into->min = from->min;
        if (from->max > into->max)
                into->max = from->max;
}

uint64_t hist_percentile(const struct hist *hist, double percent)
{
        uint64_t want = (uint64_t)((double)hist->n * percent / 100.0 + 0.5), seen = 0;
        if (hist->n == 0)
                return 0;
        if (want < 1)
                want = 1;
        for (unsigned i = 0; i < HIST_BUCKETS; i++) {
                seen += hist->count[i];
                if (seen >= want) {
                        uint64_t value = value_of(i);
                        return value > hist->max   ? hist->max
                               : value < hist->min ? hist->min
                                                   : value;
                }
        }
        return hist->max;
}
