/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: monotonic time for timers, wall time for people. */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ns(void);
uint64_t clock_wall_ns(void); /* since 1970-01-01 UTC */

/* What the wall clock, as it is set now, says of a moment of the monotonic one. The same moment gives the same
 * answer until somebody sets the clock. Any thread. */
uint64_t clock_wall_of(uint64_t mono_ns);

static inline uint64_t clock_span_ns(uint64_t from_ns, uint64_t to_ns) /* never below 0 */
{
        return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* "2026-08-21T14:50:11.1234Z": RFC 3339 UTC, up to 9 fractional digits, trailing zeros removed. dst
 * >= 40. */
void clock_rfc3339(uint64_t wall_ns, char *dst, size_t size);

/* Go's time.Duration text: "0s", "1.5µs", "12.345ms", "1m2.5s", "3h0m0s". dst >= 40. */
void clock_duration(int64_t ns, char *dst, size_t size);

/* The reference's uptime text: "22s", "4h4m22s", "22y32d4h4m22s". dst >= 40. */
void clock_uptime(uint64_t seconds, char *dst, size_t size);
