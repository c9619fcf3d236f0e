/* SPDX-License-Identifier: Apache-2.0 */
/* bench_pace.h: a schedule: step k is due at first + k / rate, whatever became of the steps before.
 *
 * The loop is woken at each moment by an alarm of its own: a thread that slept until then would take a core
 * from the server, and wake the loop late. How late steps were taken nevertheless goes into the worker's
 * lag. */
#pragma once
#include "cli/bench.h"

struct pace;

/* Take the step that was due at due_ns, on the worker's loop. False: not now; it is asked for again
 * a step later, and its clock runs. */
typedef bool (*pace_fn)(struct bench_worker *worker, uint64_t due_ns);

/* rate: steps a second; first_ns: when the first is due, on the monotonic clock; quota: steps in all.
 * The worker's loop, like all here; lives until pace_stop(). */
struct pace *pace_start(
        struct bench_worker *worker, double rate, double first_ns, uint64_t quota, pace_fn step);
void pace_halt(struct pace *pace); /* no step is taken from now on; NULL is fine */
void pace_stop(struct pace *pace); /* likewise, and it is gone; NULL is fine */
