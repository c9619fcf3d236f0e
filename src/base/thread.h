/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h: who runs here. Each thread names its role once; functions assert it.
 * ASSERT stays in release builds: a broken invariant must not go on serving. */
#pragma once
#include "base/macros.h"
#include <pthread.h>
#include <stdbool.h>

enum thread_role {
        THREAD_NONE,
        THREAD_CONTROL,
        THREAD_LOOP,
        THREAD_CRYPTO,
        THREAD_FETCH,
        THREAD_LOG,
        THREAD_TEST
};

/* name: at most 15 bytes, shown by ps and gdb. */
void thread_set_role(enum thread_role role, const char *name);
enum thread_role thread_role(void);

struct thread;
typedef void (*thread_fn)(void *ctx);
/* Signals are blocked in the new thread: the control thread takes them. Aborts when it cannot
 * start. */
struct thread *thread_start(const char *name, enum thread_role role, thread_fn fn, void *ctx);
void thread_join(struct thread *thread); /* frees it */
/* Let it run on alone and never ask for it again; the process is about to end. */
void thread_abandon(struct thread *thread);

/* Whose times, for pthread_cond_timedwait(), are of CLOCK_MONOTONIC: the other clock may be set meanwhile. */
void thread_cond_init(pthread_cond_t *cond);

void panic_(const char *file, int line, const char *what) NORETURN;
#define ASSERT(cond) (LIKELY(cond) ? (void)0 : panic_(__FILE__, __LINE__, #cond))
