/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int os_alarm_open(void)
{
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

void os_alarm_set(int fd, uint64_t at_ns)
{
        const struct itimerspec at = {
                .it_value.tv_sec = (time_t)(at_ns / 1000000000),
                .it_value.tv_nsec = (long)(at_ns % 1000000000),
        };
        (void)timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void os_alarm_seen(int fd)
{
        uint64_t times;
        ssize_t n = read(fd, &times, sizeof times); /* fails when it was set again meanwhile */
        (void)n;
}
