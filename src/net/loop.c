/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox is emptied twice per iteration: when the wake handle fires and, so that a busy loop needs
 * no wake-up, in the check hook after the poll. `sleeping` is raised just before the poll; a sender that
 * finds it raised writes to the wake handle. The order (raise, then look into the box; push, then look
 * at the flag), all sequentially consistent, makes a lost letter impossible. */
#include "net/loop_internal.h"
#include "base/buf.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "net/conn.h"
#include "os/os.h"
#include <sched.h>

static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
        return current;
}

static void deliver_all(struct loop *loop, struct mailbox *box)
{
        struct mail *mail = mailbox_take(box);
        if (mail)
                loop_note_event(loop);
        loop->own.in_mail = true;
        while (mail) {
                struct mail *next = mail->next;
                mail->deliver(mail);
                mail = next;
        }
        loop->own.in_mail = false;
}

static bool has_mail(struct loop *loop)
{
        return !mailbox_is_empty(&loop->shared.mail) || !mailbox_is_empty(&loop->shared.quiet);
}

static void run_mail(struct loop *loop)
{
        deliver_all(loop, &loop->shared.mail);
        deliver_all(loop, &loop->shared.quiet);
}

void loop_take_mail(struct loop *loop)
{
        if (!loop->own.in_mail && has_mail(loop))
                run_mail(loop);
}

/* Not libuv's own way to wake a loop: it waits, spinning, for a sender that has written but not yet
 * returned, and a thread of the crypto pool, which gives way to loops, is stopped just there. */
static void on_wake(uv_poll_t *handle, int status, int events)
{
        struct loop *loop = handle->data;
        (void)status, (void)events;
        os_wake_seen(loop->uv->wake_fd[0]);
        loop->own.now_ns = clock_mono_ns();
        run_mail(loop);
}

static void on_timer(uv_timer_t *handle)
{
        struct loop *loop = handle->data;
        loop->uv->timer_due_ns = UINT64_MAX;
        loop->own.now_ns = clock_mono_ns();
        timer_heap_run(&loop->own.timers, loop->own.now_ns);
}

static void arm_uv_timer(struct loop *loop)
{
        uint64_t due = timer_heap_next(&loop->own.timers);
        struct loop_uv *uv = loop->uv;
        if (due == uv->timer_due_ns)
                return;
        uv->timer_due_ns = due;
        if (due == UINT64_MAX) {
                uv_timer_stop(&uv->timer);
                return;
        }
        uint64_t now = clock_mono_ns();
        uint64_t wait_ms = due > now ? (due - now + NS_PER_MS - 1) / NS_PER_MS : 0;
        uv_update_time(&uv->loop);
        uv_timer_start(&uv->timer, on_timer, wait_ms, 0);
}

static bool is_awaiting(struct loop *loop)
{
        return atomic_load(&loop->shared.awaited) > 0;
}

static void on_prepare(uv_prepare_t *handle)
{
        struct loop *loop = handle->data;
        loop_flush(loop); /* timers ran after the check hook and may have queued bytes */
        arm_uv_timer(loop);
        if (loop->own.looking)
                return; /* the poll will not sleep */
        atomic_store(&loop->shared.sleeping, true);
        if (!mailbox_is_empty(&loop->shared.mail) || (is_awaiting(loop) && has_mail(loop)))
                os_wake(loop->uv->wake_fd[1]);
}

static void on_check(uv_check_t *handle)
{
        struct loop *loop = handle->data;
        atomic_store_explicit(&loop->shared.sleeping, false, memory_order_relaxed);
        if (has_mail(loop)) {
                loop->own.now_ns = clock_mono_ns(); /* the poll may have slept without an event */
                run_mail(loop);
        }
        loop_flush(loop);
}

struct loop *loop_new(unsigned index)
{
        struct loop *loop = xnew(struct loop);
        struct loop_uv *uv = xnew(struct loop_uv);
        loop->index = index;
        loop->uv = uv;
        mailbox_init(&loop->shared.mail);
        mailbox_init(&loop->shared.quiet);
        timer_heap_init(&loop->own.timers);
        spin_init(&loop->own.spin);
        list_init(&loop->own.dirty);
        loop->own.cipher_out = xnew(struct buf);
        loop->own.now_ns = clock_mono_ns();
        uv->timer_due_ns = UINT64_MAX;
        ASSERT(uv_loop_init(&uv->loop) == 0);
        uv->loop.data = loop;
        ASSERT(os_wake_open(uv->wake_fd) == 0);
        ASSERT(uv_poll_init(&uv->loop, &uv->wake, uv->wake_fd[0]) == 0);
        ASSERT(uv_poll_start(&uv->wake, UV_READABLE, on_wake) == 0);
        uv_prepare_init(&uv->loop, &uv->prepare);
        uv_check_init(&uv->loop, &uv->check);
        uv_timer_init(&uv->loop, &uv->timer);
        uv->wake.data = uv->prepare.data = uv->check.data = uv->timer.data = loop;
        uv_prepare_start(&uv->prepare, on_prepare);
        uv_check_start(&uv->check, on_check);
        return loop;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
        (void)ctx;
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void after_events(struct loop *loop)
{
        uint64_t busy_ns = atomic_load_explicit(&loop->shared.busy_ns, memory_order_relaxed);
        uint64_t took_ns = loop->own.now_ns - loop->own.came_ns;
        atomic_store_explicit(&loop->shared.busy_ns, busy_ns + took_ns, memory_order_relaxed);
        spin_event(&loop->own.spin, loop->own.came_ns, loop->own.now_ns);
}

/* Leave the core to whoever waits for it. */
static void give_way(struct loop *loop)
{
        sched_yield();
        spin_yielded(&loop->own.spin, clock_mono_ns() - loop->own.now_ns);
}

/* One iteration. One that only looks for events gives way after it. */
static void turn(struct loop *loop)
{
        bool look = loop->own.may_spin && spin_wanted(&loop->own.spin, loop->own.now_ns);
        loop->own.looking = look;
        loop->own.events = 0;
        uv_run(&loop->uv->loop, look ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        loop->own.now_ns = clock_mono_ns();
        if (loop->own.events > 0)
                after_events(loop);
        else if (look)
                give_way(loop);
}

void loop_run(struct loop *loop)
{
        current = loop;
        loop->own.now_ns = clock_mono_ns();
        rcu_thread_start();
        chunk_keep_start();
        while (!loop->own.stopped)
                turn(loop);
        loop->own.stopped = loop->own.looking = false;
        run_mail(loop);
        chunk_keep_stop();
        rcu_thread_stop();
        current = NULL;
}

void loop_stop(struct loop *loop)
{
        loop->own.stopped = true;
        uv_stop(&loop->uv->loop);
}

void loop_free(struct loop *loop)
{
        struct loop_uv *uv = loop->uv;
        struct loop *caller = current;
        while (atomic_load_explicit(&loop->shared.posters, memory_order_acquire) > 0)
                sched_yield();
        current = loop; /* letters that came after the thread ended find their owner here */
        run_mail(loop);
        current = caller;
        uv_walk(&uv->loop, close_handle, NULL);
        while (uv_run(&uv->loop, UV_RUN_DEFAULT) != 0) {
                /* A loop_stop() by one of those letters ends a run before the handles are closed. */
        }
        ASSERT(uv_loop_close(&uv->loop) == 0);
        os_wake_close(uv->wake_fd);
        timer_heap_fini(&loop->own.timers);
        for (size_t i = 0; i < ARRAY_N(loop->own.spares); i++)
                if (loop->own.spares[i])
                        chunk_unref(loop->own.spares[i]);
        buf_fini(loop->own.cipher_out);
        xfree(loop->own.cipher_out);
        xfree(loop->own.cipher);
        xfree(uv);
        xfree(loop);
}

void loop_post(struct loop *loop, struct mail *mail)
{
        /* The letter may be the one that ends the loop: loop_free() waits until we are out of here. */
        atomic_fetch_add_explicit(&loop->shared.posters, 1, memory_order_relaxed);
        bool first =
                mailbox_push(&loop->shared.mail, mail); /* else somebody before us sees to it */
        if (first && loop != current && atomic_load(&loop->shared.sleeping))
                os_wake(loop->uv->wake_fd[1]);
        atomic_fetch_sub_explicit(&loop->shared.posters, 1, memory_order_release);
}

/* The order again (push, then look whether it is awaited; raise `awaited`, then look into the box before the
 * sleep), all sequentially consistent: a letter that becomes awaited as it is posted is not lost. */
void loop_post_quiet(struct loop *loop, struct mail *mail)
{
        atomic_fetch_add_explicit(&loop->shared.posters, 1, memory_order_relaxed);
        (void)mailbox_push(&loop->shared.quiet, mail);
        if (is_awaiting(loop) && loop != current && atomic_load(&loop->shared.sleeping))
                os_wake(loop->uv->wake_fd[1]);
        atomic_fetch_sub_explicit(&loop->shared.posters, 1, memory_order_release);
}

void loop_wake(struct loop *loop)
{
        atomic_fetch_add_explicit(&loop->shared.posters, 1, memory_order_relaxed);
        os_wake(loop->uv->wake_fd[1]);
        atomic_fetch_sub_explicit(&loop->shared.posters, 1, memory_order_release);
}

void loop_await(struct loop *loop, bool more)
{
        if (more)
                atomic_fetch_add(&loop->shared.awaited, 1);
        else
                atomic_fetch_sub(&loop->shared.awaited, 1);
}

void loop_timer_start(struct loop *loop, struct timer *timer, uint64_t after_ns)
{
        timer_heap_arm(&loop->own.timers, timer, loop->own.now_ns + after_ns);
}

void loop_flush(struct loop *loop)
{
        while (!list_empty(&loop->own.dirty)) {
                struct conn *conn = list_entry(loop->own.dirty.next, struct conn, dirty);
                list_remove(&conn->dirty);
                conn_flush(conn);
        }
        loop->own.dirty_bytes = 0;
}

char *loop_cipher(struct loop *loop)
{
        if (loop->own.cipher == NULL)
                loop->own.cipher = xmalloc(LOOP_CIPHER_BYTES);
        return loop->own.cipher;
}

struct chunk *loop_take_spare(struct loop *loop, bool full)
{
        struct chunk *chunk = loop->own.spares[full];
        loop->own.spares[full] = NULL;
        return chunk ? chunk : chunk_new(full ? LOOP_FULL_READ_BYTES : LOOP_READ_BYTES);
}

void loop_give_spare(struct loop *loop, struct chunk *chunk)
{
        bool full = chunk->cap == LOOP_FULL_READ_BYTES;
        bool fits = full || chunk->cap == LOOP_READ_BYTES;
        if (fits && loop->own.spares[full] == NULL && !chunk_is_shared(chunk))
                loop->own.spares[full] = chunk;
        else
                chunk_unref(chunk);
}
