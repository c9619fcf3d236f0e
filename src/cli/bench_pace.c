/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_pace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"
#include "os/os.h"
#include <time.h>

#define NAP_MAX_NS (NS_PER_SEC / 10)

struct pace {
        struct mail mail;
        _Atomic bool posted; /* the letter is on its way */
        _Atomic bool over;
        struct bench_worker *worker;
        struct thread *thread;
        pace_fn step;
        double first_ns, step_ns;
        uint64_t taken, quota;
};

static uint64_t due_ns(const struct pace *pace, uint64_t k)
{
        return (uint64_t)(pace->first_ns + pace->step_ns * (double)k);
}

/* On the loop: everything whose moment has come. */
static void on_moment(struct mail *mail)
{
        struct pace *pace = CONTAINER_OF(mail, struct pace, mail);
        atomic_store(&pace->posted, false);
        for (uint64_t now = clock_mono_ns(), due; pace->taken < pace->quota; pace->taken++) {
                due = due_ns(pace, pace->taken);
                if (due > now || !pace->step(pace->worker, due))
                        return;
                hist_add(&pace->worker->lag, now - due);
        }
}

static void sleep_until(uint64_t at_ns)
{
        uint64_t now = clock_mono_ns();
        if (at_ns <= now)
                return;
        const struct timespec pause = {
                .tv_sec = (time_t)((at_ns - now) / NS_PER_SEC),
                .tv_nsec = (long)((at_ns - now) % NS_PER_SEC),
        };
        nanosleep(&pause, NULL);
}

static void run_pace(void *ctx)
{
        struct pace *pace = ctx;
        uint64_t k = 0;
        os_thread_sharp_timers();
        while (!atomic_load(&pace->over)) {
                if (!atomic_exchange(&pace->posted, true))
                        loop_post(pace->worker->loop, &pace->mail);
                uint64_t now = clock_mono_ns();
                while (due_ns(pace, k) <= now)
                        k++;
                uint64_t next = due_ns(pace, k), longest = now + NAP_MAX_NS;
                sleep_until(next < longest ? next : longest);
        }
}

struct pace *pace_start(
        struct bench_worker *worker, double rate, double first_ns, uint64_t quota, pace_fn step)
{
        struct pace *pace = xnew(struct pace);
        pace->worker = worker;
        pace->mail.deliver = on_moment;
        pace->step = step;
        pace->step_ns = 1e9 / rate;
        pace->first_ns = first_ns;
        pace->quota = quota;
        pace->thread = thread_start("bench-pace", THREAD_NONE, run_pace, pace);
        return pace;
}

void pace_halt(struct pace *pace)
{
        if (pace)
                pace->quota = 0;
}

/* A letter may still come: the memory goes with the process. */
void pace_stop(struct pace *pace)
{
        if (pace == NULL)
                return;
        atomic_store(&pace->over, true);
        thread_join(pace->thread);
        pace->quota = 0;
}
