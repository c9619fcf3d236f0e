/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h: one thread's event loop: sockets, mailbox, timers, the end-of-iteration flush.
 *
 * An iteration: poll (reads parse and deliver) → mail → timers → flush every connection that got bytes.
 * Everything without a suffix is for the owner thread only; loop_post() is for any thread. */
#pragma once
#include "base/chunk.h"
#include "base/list.h"
#include "base/mailbox.h"
#include "base/stat.h"
#include "net/spin.h"
#include "net/timer.h"
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct chunk;
struct dispatch;
struct loop_uv;
struct roster;

enum {
        LOOP_MAX = 256,                               /* loops in one process */
        LOOP_READ_BYTES = CHUNK_READ_BYTES,           /* one socket read, */
        LOOP_FULL_READ_BYTES = CHUNK_FULL_READ_BYTES, /* and one of a socket that filled the last */
        LOOP_CIPHER_BYTES = 128 * 1024, /* one read of TLS records; always fits a decrypted read */
};

struct loop {
        unsigned index;     /* fixed: any thread */
        struct loop_uv *uv; /* libuv's handles */
        struct {
                struct mailbox mail;
                struct mailbox quiet;     /* letters that are no reason to wake up */
                _Atomic unsigned awaited; /* loop_await(): they are one now */
                _Atomic bool sleeping;    /* inside the poll: a letter must wake it */
                _Atomic unsigned posters; /* threads inside loop_post() */
                _Atomic uint64_t busy_ns; /* spent on events so far; written by the owner */
                _Atomic unsigned conn_n;  /* clients that were given to it and have not gone */
        } shared;
        struct {
                uint64_t now_ns;  /* monotonic, cached once per iteration */
                bool in_mail;     /* letters are being delivered */
                bool may_spin;    /* this loop may look for events instead of sleeping (spin.h) */
                bool looking;     /* this iteration does not sleep */
                bool stopped;     /* loop_stop() was called */
                unsigned events;  /* of this iteration */
                uint64_t came_ns; /* the first of them */
                struct spin spin;
                struct timer_heap timers;
                struct list dirty;  /* conns with bytes to flush, by conn->dirty */
                size_t dirty_bytes; /* queued on this loop since the last flush */
                struct chunk
                        *spares[2];     /* a read chunk of each size, NULL when somebody keeps it */
                char *cipher;           /* loop_cipher(), on first use */
                struct buf *cipher_out; /* records collected for one send */
        } own;
        struct stats stats;        /* written here, read anywhere */
        struct dispatch *dispatch; /* set by rank 7 before the loop starts */
        struct roster *roster;     /* set by rank 6 before the loop starts */
};

/* Control thread. The loop exists and accepts mail, but nothing runs until loop_run(). */
struct loop *loop_new(unsigned index);
/* After its thread ended and nobody posts any more; delivers the letters that are left. */
void loop_free(struct loop *loop);

/* Run until loop_stop_post(); the calling thread becomes the owner. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Any thread: deliver mail->deliver(mail) on the loop's thread, in order per sender. */
void loop_post(struct loop *loop, struct mail *mail);

/* Any thread: the same, but a loop that sleeps goes on sleeping, and delivers it with whatever comes next. For
 * what matters only then; the poster bounds how many such letters there can be. */
void loop_post_quiet(struct loop *loop, struct mail *mail);
/* Any thread: the loop wakes up and delivers them. */
void loop_wake(struct loop *loop);
/* Owner: from now on (more: true), or no more, some quiet letter is waited for, and any of them wakes the loop.
 * Calls nest. */
void loop_await(struct loop *loop, bool more);

/* Owner: deliver now what has come. A read does so between taking its bytes and presenting them, because
 * what another loop had delivered before a PING was sent must be answered before its PONG. Nothing happens
 * when called from a letter. */
void loop_take_mail(struct loop *loop);

/* The loop whose thread this is, or NULL. */
struct loop *loop_current(void);
#define ASSERT_OWNER(loop) ASSERT(loop_current() == (loop))

static inline uint64_t loop_now_ns(const struct loop *loop)
{
        return loop->own.now_ns;
}

static inline void loop_note_event(struct loop *loop)
{
        if (loop->own.events++ == 0)
                loop->own.came_ns = loop->own.now_ns;
}

void loop_timer_start(struct loop *loop, struct timer *timer, uint64_t after_ns);
static inline void loop_timer_stop(struct loop *loop, struct timer *timer)
{
        timer_heap_cancel(&loop->own.timers, timer);
}

/* Flush all dirty connections now instead of at the end of the iteration. */
void loop_flush(struct loop *loop);

/* LOOP_CIPHER_BYTES for one read from a TLS peer, until the next read from any of them. */
char *loop_cipher(struct loop *loop);

/* A chunk of LOOP_READ_BYTES, or LOOP_FULL_READ_BYTES, to read into; give it back unless somebody kept it. */
struct chunk *loop_take_spare(struct loop *loop, bool full);
void loop_give_spare(struct loop *loop, struct chunk *chunk);
