/* SPDX-License-Identifier: Apache-2.0 */
/* CPU use of the last second. Sampling costs a wake-up each second, so it goes on only for half a
 * minute after somebody asked; the first answer after a pause is the average since the last sample.
 */
#include "base/clock.h"
#include "monitor/monitor_internal.h"
#include "net/loop.h"
#include "os/os.h"

#define SAMPLE_NS NS_PER_SEC
#define WATCH_NS (30 * NS_PER_SEC)

static void sample(struct cpu_gauge *gauge)
{
        uint64_t cpu_ns = os_cpu_ns(), now = clock_mono_ns();
        if (now <= gauge->at_ns)
                return;
        uint64_t tenths = (cpu_ns - gauge->cpu_ns) * 1000 / (now - gauge->at_ns);
        gauge->percent = (double)tenths / 10;
        gauge->cpu_ns = cpu_ns;
        gauge->at_ns = now;
}

static void on_timer(struct timer *timer)
{
        struct monitor *monitor = CONTAINER_OF(timer, struct monitor, cpu.timer);
        struct cpu_gauge *gauge = &monitor->cpu;
        sample(gauge);
        if (gauge->at_ns - gauge->asked_ns < WATCH_NS)
                loop_timer_start(monitor->env.control, timer, SAMPLE_NS);
}

void cpu_gauge_init(struct cpu_gauge *gauge)
{
        *gauge = (struct cpu_gauge){
                .timer = { .fn = on_timer }, .cpu_ns = os_cpu_ns(), .at_ns = clock_mono_ns()
        };
}

void cpu_gauge_stop(struct monitor *monitor)
{
        loop_timer_stop(monitor->env.control, &monitor->cpu.timer);
}

double cpu_gauge_read(struct monitor *monitor)
{
        struct cpu_gauge *gauge = &monitor->cpu;
        gauge->asked_ns = clock_mono_ns();
        if (!timer_is_armed(&gauge->timer)) {
                sample(gauge);
                loop_timer_start(monitor->env.control, &gauge->timer, SAMPLE_NS);
        }
        return gauge->percent;
}
