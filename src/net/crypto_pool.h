/* SPDX-License-Identifier: Apache-2.0 */
/* crypto_pool.h: threads for public-key work and password hashes, so that no loop ever does any.
 * A job is moved in by a loop and moved back by mail; while it is inside, nobody else touches what it
 * refers to. The queue is bounded and fair: one FIFO per hash of the source address, served in turn, and
 * each held to its share of a queue that is more than half full, so that one host that storms cannot keep
 * the others out. */
#pragma once
#include "base/mailbox.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

struct crypto_pool;
struct crypto_job;
struct loop;

typedef void (*crypto_fn)(struct crypto_job *job);

struct crypto_job {
        struct mail done; /* done.deliver runs on `home` when run() has returned */
        crypto_fn run;    /* on a pool thread */
        bool quiet;       /* set by run: `done` need not wake its loop (loop_post_quiet()) */
        struct loop *home;
        uint64_t source; /* hash of the peer's address */
        struct crypto_job *next;
};

/* Any thread before the loops start; thread_n 0: one per usable core. */
struct crypto_pool *crypto_pool_new(int thread_n, int queue_max);
void crypto_pool_free(
        struct crypto_pool *pool); /* finishes what is queued; after the loops stopped posting */

/* Any thread. ERR_AGAIN: the queue, or this source's share of it, is full and the job was not taken. */
MUST_CHECK int crypto_pool_post(struct crypto_pool *pool, struct crypto_job *job);
