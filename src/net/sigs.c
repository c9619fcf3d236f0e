/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sigs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_internal.h"
#include <signal.h>

enum { SIGS_MAX = 8 };

struct sigs {
        uv_signal_t handles[SIGS_MAX];
        int n, open_n;
        sigs_fn fn;
        void *ctx;
};

static void on_signal(uv_signal_t *handle, int signum)
{
        struct sigs *sigs = handle->data;
        sigs->fn(sigs->ctx, signum);
}

struct sigs *sigs_open(struct loop *loop, const int *signums, sigs_fn fn, void *ctx)
{
        struct sigs *sigs = xnew(struct sigs);
        sigs->fn = fn;
        sigs->ctx = ctx;
        for (; signums[sigs->n]; sigs->n++) {
                ASSERT(sigs->n < SIGS_MAX);
                uv_signal_t *handle = &sigs->handles[sigs->n];
                uv_signal_init(&loop->uv->loop, handle);
                handle->data = sigs;
                ASSERT(uv_signal_start(handle, on_signal, signums[sigs->n]) == 0);
        }
        sigs->open_n = sigs->n;
        return sigs;
}

static void on_closed(uv_handle_t *handle)
{
        struct sigs *sigs = handle->data;
        if (--sigs->open_n == 0)
                xfree(sigs);
}

void sigs_close(struct sigs *sigs)
{
        sigset_t held;
        sigemptyset(&held);
        for (int i = 0; i < sigs->n; i++)
                sigaddset(&held, sigs->handles[i].signum);
        /* libuv gives back what a signal does by default, which is to end the process. */
        ASSERT(pthread_sigmask(SIG_BLOCK, &held, NULL) == 0);
        for (int i = 0; i < sigs->n; i++)
                uv_close((uv_handle_t *)&sigs->handles[i], on_closed);
}
