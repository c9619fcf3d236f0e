/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of events with one event, which is itself a descriptor to poll. */
#include "os/os.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int os_alarm_open(void)
{
        int fd = kqueue();
        if (fd < 0)
                return -errno;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        return fd;
}

static uint64_t pause_until(uint64_t at_ns)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        return at_ns > now_ns ? at_ns - now_ns : 1;
}

void os_alarm_set(int fd, uint64_t at_ns)
{
        struct kevent change;
#ifdef NOTE_NSECONDS
        EV_SET(&change, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, pause_until(at_ns), 0);
#else
        uint64_t ms = (pause_until(at_ns) + 999999) / 1000000;
        EV_SET(&change, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, ms, 0);
#endif
        (void)kevent(fd, &change, 1, NULL, 0, NULL);
}

void os_alarm_seen(int fd)
{
        const struct timespec at_once = { 0 };
        struct kevent event;
        (void)kevent(fd, NULL, 0, &event, 1, &at_once);
}
