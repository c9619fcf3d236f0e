/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: reading the clocks, and the three spellings of time that the protocol shows. */
#include "base/clock.h"
#include "base/macros.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Both clocks go equally fast. So much more, or less, between them means that one was set. */
#define SET_NS ((int64_t)(10 * NS_PER_MS))

static uint64_t read_clock(clockid_t id)
{
        struct timespec ts;
        clock_gettime(id, &ts);
        return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
        return read_clock(CLOCK_REALTIME);
}

static int64_t offset_now(void)
{
        uint64_t wall = clock_wall_ns();
        return (int64_t)(wall - clock_mono_ns());
}

static bool differ(int64_t a, int64_t b)
{
        return a - b > SET_NS || b - a > SET_NS;
}

uint64_t clock_wall_of(uint64_t mono_ns)
{
        static _Atomic int64_t known;
        int64_t offset = atomic_load_explicit(&known, memory_order_relaxed);
        int64_t now = offset_now();
        if (differ(now, offset)) {
                /* Unless the thread was stopped between the two readings. */
                for (int64_t again; differ(again = offset_now(), now);)
                        now = again;
                offset = now;
                atomic_store_explicit(&known, offset, memory_order_relaxed);
        }
        return mono_ns + (uint64_t)offset;
}

/* ".5" for 500 of 1000: `digits` wide, trailing zeros and an empty fraction left out. dst >= 11. */
static const char *fraction(uint64_t value, int digits, char *dst, size_t size)
{
        if (value == 0)
                return "";
        for (; value % 10 == 0; digits--)
                value /= 10;
        snprintf(dst, size, ".%0*" PRIu64, digits, value);
        return dst;
}

void clock_rfc3339(uint64_t wall_ns, char *dst, size_t size)
{
        char date[40], digits[24];
        time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(
                dst, size, "%s%sZ", date, fraction(wall_ns % NS_PER_SEC, 9, digits, sizeof digits));
}

void clock_duration(int64_t ns, char *dst, size_t size)
{
        char digits[24];
        const char *sign = ns < 0 ? "-" : "";
        uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
        if (u == 0) {
                snprintf(dst, size, "0s");
        } else if (u < NS_PER_US) {
                snprintf(dst, size, "%s%" PRIu64 "ns", sign, u);
        } else if (u < NS_PER_MS) {
                snprintf(dst, size, "%s%" PRIu64 "%s\xc2\xb5s", sign, (uint64_t)(u / NS_PER_US),
                        fraction(u % NS_PER_US, 3, digits, sizeof digits));
        } else if (u < NS_PER_SEC) {
                snprintf(dst, size, "%s%" PRIu64 "%sms", sign, (uint64_t)(u / NS_PER_MS),
                        fraction(u % NS_PER_MS, 6, digits, sizeof digits));
        } else {
                uint64_t s = u / NS_PER_SEC;
                const char *part = fraction(u % NS_PER_SEC, 9, digits, sizeof digits);
                if (s >= 3600)
                        snprintf(dst, size, "%s%" PRIu64 "h%um%u%ss", sign, s / 3600,
                                (unsigned)(s / 60 % 60), (unsigned)(s % 60), part);
                else if (s >= 60)
                        snprintf(dst, size, "%s%um%u%ss", sign, (unsigned)(s / 60),
                                (unsigned)(s % 60), part);
                else
                        snprintf(dst, size, "%s%u%ss", sign, (unsigned)s, part);
        }
}

void clock_uptime(uint64_t seconds, char *dst, size_t size)
{
        unsigned s = (unsigned)(seconds % 60), m = (unsigned)(seconds / 60 % 60);
        unsigned h = (unsigned)(seconds / 3600 % 24);
        uint64_t days = seconds / 86400;
        if (days >= 365)
                snprintf(dst, size, "%" PRIu64 "y%ud%uh%um%us", days / 365, (unsigned)(days % 365),
                        h, m, s);
        else if (days > 0)
                snprintf(dst, size, "%ud%uh%um%us", (unsigned)days, h, m, s);
        else if (h > 0)
                snprintf(dst, size, "%uh%um%us", h, m, s);
        else if (m > 0)
                snprintf(dst, size, "%um%us", m, s);
        else
                snprintf(dst, size, "%us", s);
}
