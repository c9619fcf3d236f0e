/* SPDX-License-Identifier: Apache-2.0 */
/* proc_bsd.c: the process by POSIX means, for the BSDs and macOS. */
#include "os/os.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#if !defined(__APPLE__) && !defined(__NetBSD__) && __has_include(<pthread_np.h>)
#include <pthread_np.h>
#endif

int os_cpu_n(void)
{
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        return n > 0 ? (int)n : 1;
}

/* getrusage() knows the peak only; it stands in for the present size. */
uint64_t os_rss_bytes(void)
{
        struct rusage usage;
        if (getrusage(RUSAGE_SELF, &usage) != 0)
                return 0;
#ifdef __APPLE__
        return (uint64_t)usage.ru_maxrss; /* bytes */
#else
        return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

static uint64_t timeval_ns(struct timeval tv)
{
        return (uint64_t)tv.tv_sec * 1000000000ULL + (uint64_t)tv.tv_usec * 1000ULL;
}

uint64_t os_cpu_ns(void)
{
        struct rusage usage;
        if (getrusage(RUSAGE_SELF, &usage) != 0)
                return 0;
        return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

const char *os_program(void)
{
        return getprogname();
}

void os_thread_name(const char *name)
{
        char cut[16];
        snprintf(cut, sizeof cut, "%s", name);
#if defined(__APPLE__)
        pthread_setname_np(cut);
#elif defined(__NetBSD__)
        pthread_setname_np(pthread_self(), "%s", cut);
#elif __has_include(<pthread_np.h>)
        pthread_set_name_np(pthread_self(), cut);
#endif
}

void os_thread_yield_to_loops(void)
{
        /* A nice value belongs to the whole process here: leave it. */
}

int os_fd_limit_raise(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return -errno;
        if (limit.rlim_cur < limit.rlim_max) {
                struct rlimit higher = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
                /* macOS reports no hard limit but refuses to go there: keep what we have. */
                if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
                        limit = higher;
        }
        return limit.rlim_cur > 1000000000 ? 1000000000 : (int)limit.rlim_cur;
}

int os_process_usage(long pid, struct os_usage *out)
{
        (void)pid;
        (void)out;
        return -ENOTSUP;
}
