/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int os_cpu_n(void)
{
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
                return CPU_COUNT(&set);
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        return n > 0 ? (int)n : 1;
}

uint64_t os_rss_bytes(void)
{
        char text[128];
        int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        unsigned long long total, resident;
        if (n <= 0)
                return 0;
        text[n] = '\0';
        if (sscanf(text, "%llu %llu", &total, &resident) != 2)
                return 0;
        return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t os_cpu_ns(void)
{
        struct timespec ts;
        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) != 0)
                return 0;
        return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

const char *os_program(void)
{
        return program_invocation_short_name;
}

void os_thread_name(const char *name)
{
        char cut[16];
        snprintf(cut, sizeof cut, "%s", name);
        pthread_setname_np(pthread_self(), cut);
}

void os_thread_yield_to_loops(void)
{
        /* On Linux a nice value belongs to a thread, not to the process. */
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
}

int os_fd_limit_raise(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return -errno;
        if (limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
                        return -errno;
        }
        return limit.rlim_cur > 1000000000 ? 1000000000 : (int)limit.rlim_cur;
}

/* Read a small file of /proc; text is NUL-terminated. */
static int read_proc(const char *path, char *text, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, text, size - 1);
        int rc = n < 0 ? -errno : 0;
        close(fd);
        text[n < 0 ? 0 : n] = '\0';
        return rc;
}

/* The process's clock counts nanoseconds, those of threads that have ended too; 0: not to be read. */
static uint64_t cpu_clock_ns(long pid)
{
        clockid_t clock;
        struct timespec ts;
        if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
                return 0;
        return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

int os_process_usage(long pid, struct os_usage *out)
{
        char path[64], text[1024];
        unsigned long long user, system;
        long long rss;
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        int rc = read_proc(path, text, sizeof text);
        if (rc < 0)
                return rc;
        const char *at = strrchr(text, ')'); /* the name before it may hold anything */
        if (at == NULL || sscanf(at + 1,
                                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
                                  "%*d %*d %*d %*d "
                                  "%*u %*u %lld",
                                  &user, &system, &rss) != 3)
                return -EINVAL;
        out->cpu_ns = cpu_clock_ns(pid);
        if (out->cpu_ns == 0)
                out->cpu_ns = (user + system) * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
        out->rss_bytes = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
        return 0;
}
