/* SPDX-License-Identifier: Apache-2.0 */
#include "net/alarm.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_internal.h"
#include "os/os.h"
#include <unistd.h>

struct alarm {
        uv_poll_t poll;
        struct loop *loop;
        alarm_fn fn;
        void *ctx;
        int fd;
};

static void on_due(uv_poll_t *handle, int status, int events)
{
        struct alarm *alarm = handle->data;
        (void)status, (void)events;
        os_alarm_seen(alarm->fd);
        alarm->loop->own.now_ns = clock_mono_ns();
        loop_note_event(alarm->loop);
        alarm->fn(alarm->ctx);
}

struct alarm *alarm_open(struct loop *loop, alarm_fn fn, void *ctx)
{
        struct alarm *alarm = xnew(struct alarm);
        alarm->loop = loop;
        alarm->fn = fn;
        alarm->ctx = ctx;
        alarm->fd = os_alarm_open();
        ASSERT(alarm->fd >= 0);
        ASSERT(uv_poll_init(&loop->uv->loop, &alarm->poll, alarm->fd) == 0);
        alarm->poll.data = alarm;
        ASSERT(uv_poll_start(&alarm->poll, UV_READABLE, on_due) == 0);
        return alarm;
}

void alarm_set(struct alarm *alarm, uint64_t at_ns)
{
        os_alarm_set(alarm->fd, at_ns > 0 ? at_ns : 1);
}

static void on_closed(uv_handle_t *handle)
{
        struct alarm *alarm = handle->data;
        close(alarm->fd);
        xfree(alarm);
}

void alarm_close(struct alarm *alarm)
{
        if (alarm)
                uv_close((uv_handle_t *)&alarm->poll, on_closed);
}
