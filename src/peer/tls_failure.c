/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/tls_failure.h"
#include "base/fold.h"
#include "base/macros.h"
#include <stdio.h>

/* From one address, and from all together. */
static const struct fold_rule noise_of_one = { 3600 * NS_PER_SEC, 1 };
static const struct fold_rule noise_of_all = { 3600 * NS_PER_SEC, 20 };
static const struct fold_rule failures_of_one = { 60 * NS_PER_SEC, 10 };
static const struct fold_rule failures_of_all = { 60 * NS_PER_SEC, 200 };

static uint64_t key_of(struct slice address, enum tls_reason reason)
{
        return (slice_hash64(address) ^ ((uint64_t)reason + 1) * 0x9e3779b97f4a7c15ULL) | 1;
}

bool tls_failure_is_told(struct fold *fold, const struct tls_verdict *verdict, struct slice address,
        uint64_t now_ns, uint64_t *held)
{
        bool noise = tls_reason_is_noise(verdict->reason);
        uint64_t all = (uint64_t)verdict->reason + 1, unused;
        *held = 0;
        if (verdict->quiet)
                return true; /* who asked for DEBUG wants them all */
        return fold_tell(fold, noise ? &noise_of_one : &failures_of_one,
                       key_of(address, verdict->reason), now_ns, held) &&
               fold_tell(fold, noise ? &noise_of_all : &failures_of_all, all, now_ns, &unused);
}

void tls_failure_line(const struct tls_verdict *verdict, uint64_t held, char *dst, size_t size)
{
        char line[TLS_VERDICT_LINE_BYTES];
        tls_verdict_line(verdict, line, sizeof line);
        if (held > 0)
                snprintf(dst, size, "%s; %llu more like it before", line, (unsigned long long)held);
        else
                snprintf(dst, size, "%s", line);
}
