/* SPDX-License-Identifier: Apache-2.0 */
/* outq.h: bytes waiting to be sent to one peer: a queue of segments, each a part of a counted chunk.
 *
 *   segs:  [first ......][owned tail, room left ....]
 *           ^off  len      ^off   len ^write position
 *
 * Small data is copied into the owned tail chunk (outq_reserve, outq_commit); large payloads are
 * referenced and never copied. A run is two segments, the text in front of each piece and the pieces, which
 * lie `step` apart where they were read:
 *
 *   [text][piece . . piece . . piece]   is sent as   text piece text piece text piece
 *
 * An empty queue holds no memory but the segment array. Owner: one loop. */
#pragma once
#include "base/chunk.h"
#include "base/macros.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct out_seg {
        struct chunk *chunk; /* one reference each; NULL only when len is 0 */
        uint32_t off, len;   /* of the bytes, or of the first piece */
        uint32_t n;    /* 1: plain bytes; 0: the text of the run that follows; else its pieces */
        uint32_t step; /* of a run */
};

struct outq {
        struct out_seg *segs;
        uint32_t head, n, cap; /* live segments are segs[head .. head+n) */
        uint32_t tail_room; /* bytes free behind the last segment when that chunk is ours alone */
        uint32_t tail_used; /* bytes written to the newest chunk of ours: the next is twice that */
        uint32_t fit;       /* the first so many segments pin no more than they need */
        uint32_t skip;      /* bytes that have left of the first run's first piece, text included */
        uint32_t own_at;    /* in `own` */
        struct chunk *own;  /* our newest chunk, when references follow what was written to it */
        size_t bytes;       /* queued in all */
};

void outq_init(struct outq *q);
void outq_fini(struct outq *q);

char *outq_reserve_slow(struct outq *q, size_t need);

/* Room for `need` contiguous bytes at the end; write there, then outq_commit() what was used. */
static inline char *outq_reserve(struct outq *q, size_t need)
{
        if (LIKELY(need <= q->tail_room)) {
                struct out_seg *tail = &q->segs[q->head + q->n - 1];
                return tail->chunk->data + tail->off + tail->len;
        }
        return outq_reserve_slow(q, need);
}

static inline void outq_commit(struct outq *q, size_t used)
{
        q->segs[q->head + q->n - 1].len += (uint32_t)used;
        q->tail_room -= (uint32_t)used;
        q->tail_used += (uint32_t)used;
        q->bytes += used;
}

void outq_append(struct outq *q, struct slice bytes); /* copies */
void outq_append_ref(struct outq *q, struct chunk *chunk,
        struct slice bytes); /* bytes lie inside chunk; takes a reference */
/* n times the text, a piece behind each. The text is copied; the pieces, the first of which is given, lie
 * step apart inside chunk, of which a reference is taken. */
void outq_append_run(struct outq *q, struct slice text, struct chunk *chunk, struct slice piece,
        uint32_t n, uint32_t step);
/* The newest bytes of the queue, `len` of them written just now: their chunk, to be referenced by other
 * queues. Nothing is written over them. */
struct chunk *outq_newest(const struct outq *q, size_t len, struct slice *bytes);

/* Fill iov with the first segments; returns how many entries, *bytes their sum. iov_max: at least 2, so that
 * a queue with something in it has something to give. */
int outq_iov(const struct outq *q, struct iovec *iov, int iov_max, size_t *bytes);
void outq_consume(struct outq *q, size_t bytes); /* these were sent */
void outq_clear(struct outq *q);                 /* drop everything */

/* The peer is slow: replace references that pin much larger chunks, and all runs, by copies of their bytes. */
void outq_unpin(struct outq *q);
