/* SPDX-License-Identifier: Apache-2.0 */
/* alarm.h: one moment to the microsecond, where the loop's timers (timer.h) are good for milliseconds. It
 * costs two system calls each time.
 * Owner: one loop. */
#pragma once
#include <stdint.h>

struct alarm;
struct loop;

typedef void (*alarm_fn)(void *ctx);

struct alarm *alarm_open(struct loop *loop, alarm_fn fn, void *ctx);
/* Call fn once, at at_ns of the monotonic clock or as soon as possible; moves it when it is set. */
void alarm_set(struct alarm *alarm, uint64_t at_ns);
/* fn is not called any more; the memory goes in a later turn of the loop, or with it. NULL is fine. */
void alarm_close(struct alarm *alarm);
