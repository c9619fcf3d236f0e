/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c: roles, threads, and the end of a process whose invariants broke. */
#include "base/thread.h"
#include "base/mem.h"
#include "os/os.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_BYTES = 16 };

static _Thread_local enum thread_role own_role;
static _Thread_local char own_name[NAME_BYTES];

struct thread {
        pthread_t id;
        thread_fn fn;
        void *ctx;
        enum thread_role role;
        char name[NAME_BYTES];
};

void thread_set_role(enum thread_role role, const char *name)
{
        own_role = role;
        snprintf(own_name, sizeof own_name, "%s", name);
        os_thread_name(name);
}

enum thread_role thread_role(void)
{
        return own_role;
}

static void *run(void *arg)
{
        struct thread *thread = arg;
        thread_set_role(thread->role, thread->name);
        thread->fn(thread->ctx);
        return NULL;
}

struct thread *thread_start(const char *name, enum thread_role role, thread_fn fn, void *ctx)
{
        struct thread *thread = xnew(struct thread);
        thread->fn = fn;
        thread->ctx = ctx;
        thread->role = role;
        snprintf(thread->name, sizeof thread->name, "%s", name);

        /* The mask is inherited: block first, so that no signal can slip in before the thread runs.
         */
        sigset_t all, old;
        sigfillset(&all);
        ASSERT(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
        ASSERT(pthread_create(&thread->id, NULL, run, thread) == 0);
        ASSERT(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
        return thread;
}

void thread_join(struct thread *thread)
{
        ASSERT(pthread_join(thread->id, NULL) == 0);
        xfree(thread);
}

void thread_abandon(struct thread *thread)
{
        ASSERT(pthread_detach(thread->id) == 0); /* it reads its struct as long as it runs */
}

void thread_cond_init(pthread_cond_t *cond)
{
        pthread_condattr_t attr;
        ASSERT(pthread_condattr_init(&attr) == 0);
        ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
        ASSERT(pthread_cond_init(cond, &attr) == 0);
        pthread_condattr_destroy(&attr);
}

void panic_(const char *file, int line, const char *what)
{
        char text[512];
        int n = snprintf(text, sizeof text, "midge: thread %s: %s:%d: %s\n",
                own_name[0] ? own_name : "unnamed", file, line, what);
        size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        ssize_t ignored = write(STDERR_FILENO, text, len);
        (void)ignored;
        abort();
}
