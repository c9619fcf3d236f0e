/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outq.h"
#include "base/mem.h"

enum {
        TAIL_FIRST_BYTES = 1024,
        TAIL_MAX_BYTES = CHUNK_QUEUE_BYTES,
        SEGS_FIRST = 4,
        PIN_FACTOR = 4, /* a reference may pin this many times its own length */
};

void outq_init(struct outq *q)
{
        *q = (struct outq){ 0 };
}

void outq_clear(struct outq *q)
{
        for (uint32_t i = 0; i < q->n; i++)
                chunk_unref(q->segs[q->head + i].chunk);
        xfree(q->segs);
        outq_init(q);
}

void outq_fini(struct outq *q)
{
        outq_clear(q);
}

static struct out_seg *push_seg(struct outq *q)
{
        if (q->head + q->n == q->cap) {
                if (q->head > q->cap / 2) {
                        memmove(q->segs, q->segs + q->head, q->n * sizeof q->segs[0]);
                        q->head = 0;
                } else {
                        q->cap = q->cap ? q->cap * 2 : SEGS_FIRST;
                        q->segs = xrealloc(q->segs, q->cap * sizeof q->segs[0]);
                }
        }
        return &q->segs[q->head + q->n++];
}

/* Chunks grow with what is copied, not with what is referenced: a header between two payloads is small.
 * Three sizes, so that chunks let go fit what is asked for next. */
static size_t tail_size(const struct outq *q, size_t need)
{
        static const size_t sizes[] = { TAIL_FIRST_BYTES, CHUNK_SMALL_BYTES, TAIL_MAX_BYTES };
        for (size_t i = 0; i < ARRAY_N(sizes); i++)
                if (need <= sizes[i] && q->tail_used < sizes[i] / 2)
                        return sizes[i];
        return need < TAIL_MAX_BYTES ? TAIL_MAX_BYTES : need;
}

char *outq_reserve_slow(struct outq *q, size_t need)
{
        struct chunk *chunk = chunk_new(tail_size(q, need));
        *push_seg(q) = (struct out_seg){ chunk, 0, 0 };
        q->tail_room = chunk->cap;
        q->tail_used = 0;
        return chunk->data;
}

void outq_append(struct outq *q, struct slice bytes)
{
        if (bytes.len == 0)
                return;
        memcpy(outq_reserve(q, bytes.len), bytes.ptr, bytes.len);
        outq_commit(q, bytes.len);
}

void outq_append_ref(struct outq *q, struct chunk *chunk, struct slice bytes)
{
        if (bytes.len == 0)
                return;
        *push_seg(q) = (struct out_seg){ chunk_ref(chunk), (uint32_t)(bytes.ptr - chunk->data),
                (uint32_t)bytes.len };
        q->tail_room = 0;
        q->bytes += bytes.len;
}

int outq_iov(const struct outq *q, struct iovec *iov, int iov_max, size_t *bytes)
{
        int n = 0;
        *bytes = 0;
        for (uint32_t i = 0; i < q->n && n < iov_max; i++) {
                const struct out_seg *seg = &q->segs[q->head + i];
                if (seg->len == 0)
                        continue;
                iov[n++] = (struct iovec){ seg->chunk->data + seg->off, seg->len };
                *bytes += seg->len;
        }
        return n;
}

void outq_consume(struct outq *q, size_t bytes)
{
        q->bytes -= bytes;
        while (q->n > 0) {
                struct out_seg *seg = &q->segs[q->head];
                if (bytes < seg->len) {
                        seg->off += (uint32_t)bytes;
                        seg->len -= (uint32_t)bytes;
                        return;
                }
                bytes -= seg->len;
                chunk_unref(seg->chunk);
                q->head++;
                q->n--;
                if (q->fit > 0)
                        q->fit--;
        }
        q->head = 0;
        q->tail_room = q->tail_used = 0;
}

void outq_unpin(struct outq *q)
{
        for (; q->fit < q->n; q->fit++) {
                struct out_seg *seg = &q->segs[q->head + q->fit];
                if (q->fit + 1 == q->n && q->tail_room > 0)
                        return; /* still being written */
                if (seg->len == 0 || seg->chunk->cap / PIN_FACTOR <= seg->len)
                        continue;
                struct chunk *copy = chunk_new(seg->len);
                memcpy(copy->data, seg->chunk->data + seg->off, seg->len);
                chunk_unref(seg->chunk);
                *seg = (struct out_seg){ copy, 0, seg->len };
        }
}
