/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: clocks that a test can set while the program runs; loaded into it with LD_PRELOAD.
 * The file that MIDGE_TEST_CLOCK names holds two numbers, nanoseconds: what the wall clock and what the
 * monotonic clock are ahead of the system's. The test maps the same file and writes them (clock.py).
 * Sleeping threads are not woken, as the system does not when a clock is set. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

struct shift {
        _Atomic int64_t wall_ns, mono_ns;
};

static struct shift none;
static struct shift *shift = &none;

__attribute__((constructor)) static void map_shift(void)
{
        const char *path = getenv("MIDGE_TEST_CLOCK");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (fd < 0)
                return;
        void *at = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (at != MAP_FAILED)
                shift = at;
}

static int64_t shift_of(clockid_t id)
{
        switch (id) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
                return atomic_load(&shift->wall_ns);
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME:
                return atomic_load(&shift->mono_ns);
        default:
                return 0;
        }
}

static void move(struct timespec *ts, int64_t by)
{
        int64_t ns = ts->tv_nsec + by % SECOND;
        ts->tv_sec += (time_t)(by / SECOND);
        if (ns < 0 || ns >= SECOND) {
                ts->tv_sec += ns < 0 ? -1 : 1;
                ns += ns < 0 ? SECOND : -SECOND;
        }
        ts->tv_nsec = (long)ns;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
        if (syscall(SYS_clock_gettime, id, ts) != 0)
                return -1;
        move(ts, shift_of(id));
        return 0;
}

time_t time(time_t *to)
{
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        if (to)
                *to = ts.tv_sec;
        return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
        struct timespec ts;
        (void)zone;
        clock_gettime(CLOCK_REALTIME, &ts);
        tv->tv_sec = ts.tv_sec;
        tv->tv_usec = ts.tv_nsec / 1000;
        return 0;
}

/* All conditions that midge waits for with a time go by the monotonic clock. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
        const struct timespec *restrict until)
{
        static int (*_Atomic real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
        struct timespec ts = *until;
        if (real == NULL)
                real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(
                        RTLD_NEXT, "pthread_cond_timedwait");
        move(&ts, -atomic_load(&shift->mono_ns));
        return real(cond, mutex, &ts);
}
