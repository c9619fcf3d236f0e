/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_pace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/alarm.h"

struct pace {
        struct alarm *alarm;
        struct bench_worker *worker;
        pace_fn step;
        double first_ns, step_ns;
        uint64_t taken, quota;
};

static uint64_t due_ns(const struct pace *pace, uint64_t k)
{
        return (uint64_t)(pace->first_ns + pace->step_ns * (double)k);
}

/* Take everything whose moment has come; when to look again. */
static uint64_t take_due(struct pace *pace)
{
        uint64_t now = clock_mono_ns(), due;
        for (; pace->taken < pace->quota; pace->taken++) {
                due = due_ns(pace, pace->taken);
                if (due > now)
                        return due;
                if (!pace->step(pace->worker, due))
                        break;
                hist_add(&pace->worker->lag, now - due);
        }
        return now + (uint64_t)pace->step_ns;
}

static void on_moment(void *ctx)
{
        struct pace *pace = ctx;
        uint64_t next = take_due(pace);
        if (pace->taken < pace->quota)
                alarm_set(pace->alarm, next);
}

struct pace *pace_start(
        struct bench_worker *worker, double rate, double first_ns, uint64_t quota, pace_fn step)
{
        struct pace *pace = xnew(struct pace);
        pace->worker = worker;
        pace->step = step;
        pace->step_ns = 1e9 / rate;
        pace->first_ns = first_ns;
        pace->quota = quota;
        pace->alarm = alarm_open(worker->loop, on_moment, pace);
        alarm_set(pace->alarm, due_ns(pace, 0));
        return pace;
}

void pace_halt(struct pace *pace)
{
        if (pace)
                pace->quota = 0;
}

void pace_stop(struct pace *pace)
{
        if (pace == NULL)
                return;
        alarm_close(pace->alarm);
        xfree(pace);
}
