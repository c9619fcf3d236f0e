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

static inline void seg_drop(struct out_seg *seg)
{
        if (seg->chunk)
                chunk_unref(seg->chunk);
}

static void own_drop(struct outq *q)
{
        if (q->own)
                chunk_unref(q->own);
        q->own = NULL;
}

void outq_clear(struct outq *q)
{
        for (uint32_t i = 0; i < q->n; i++)
                seg_drop(&q->segs[q->head + i]);
        own_drop(q);
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

static inline struct out_seg *last_seg(const struct outq *q)
{
        return &q->segs[q->head + q->n - 1];
}

static inline struct out_seg plain_seg(struct chunk *chunk, size_t off, size_t len)
{
        return (struct out_seg){ chunk, (uint32_t)off, (uint32_t)len, 1, 0 };
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

/* References are about to follow: what is left of the tail serves what is copied behind them. */
static void tail_leave(struct outq *q)
{
        struct out_seg *tail = last_seg(q);
        if (q->own != tail->chunk) {
                own_drop(q);
                q->own = chunk_ref(tail->chunk);
        }
        q->own_at = tail->off + tail->len;
        q->tail_room = 0;
}

char *outq_reserve_slow(struct outq *q, size_t need)
{
        if (q->tail_room == 0 && q->own && q->own->cap - q->own_at >= need) {
                uint32_t at = q->own_at;
                *push_seg(q) = plain_seg(chunk_ref(q->own), at, 0);
                q->tail_room = q->own->cap - at;
                q->own_at = q->own->cap; /* until tail_leave() says what is left */
                return q->own->data + at;
        }
        own_drop(q);
        struct chunk *chunk = chunk_new(tail_size(q, need));
        *push_seg(q) = plain_seg(chunk, 0, 0);
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
        uint32_t off = (uint32_t)(bytes.ptr - chunk->data);
        struct out_seg *last = q->n > 0 ? last_seg(q) : NULL;
        if (bytes.len == 0)
                return;
        if (q->tail_room > 0)
                tail_leave(q);
        if (last && last->chunk == chunk && last->n == 1 && last->off + last->len == off)
                last->len += (uint32_t)bytes.len;
        else
                *push_seg(q) = plain_seg(chunk_ref(chunk), off, bytes.len);
        q->bytes += bytes.len;
}

void outq_append_run(struct outq *q, struct slice text, struct chunk *chunk, struct slice piece,
        uint32_t n, uint32_t step)
{
        memcpy(outq_reserve(q, text.len), text.ptr, text.len);
        struct out_seg *tail = last_seg(q);
        uint32_t off = tail->off + tail->len;
        outq_commit(q, text.len);
        tail_leave(q);
        tail->len -= (uint32_t)text.len;
        if (tail->len > 0) {
                tail = push_seg(q);
                tail->chunk = chunk_ref(q->own);
        }
        *tail = (struct out_seg){ tail->chunk, off, (uint32_t)text.len, 0, 0 };
        *push_seg(q) = (struct out_seg){ chunk_ref(chunk), (uint32_t)(piece.ptr - chunk->data),
                (uint32_t)piece.len, n, step };
        q->bytes += n * (text.len + piece.len) - text.len;
}

struct chunk *outq_newest(const struct outq *q, size_t len, struct slice *bytes)
{
        const struct out_seg *tail = last_seg(q);
        *bytes = slice_of(tail->chunk->data + tail->off + tail->len - len, len);
        return tail->chunk;
}

/* The bytes of a plain segment, or of the run at it and behind it. */
static size_t seg_bytes(const struct out_seg *seg)
{
        return seg->n == 1 ? seg->len : (size_t)seg[1].n * (seg->len + seg[1].len);
}

static inline void put(struct iovec **to, const struct out_seg *seg, size_t ahead, size_t skip)
{
        if (skip < seg->len)
                *(*to)++ = (struct iovec){ seg->chunk->data + seg->off + ahead + skip,
                        seg->len - skip };
}

/* As many whole pieces as there is room for; `skip` bytes of the first one have left. True: that is all of
 * them, and what follows the run may follow here. */
static bool put_run(struct iovec **to, const struct iovec *end, const struct out_seg *text,
        size_t skip, size_t *bytes)
{
        const struct out_seg *run = text + 1;
        uint32_t room = (uint32_t)(end - *to) / 2, n = run->n < room ? run->n : room;
        *bytes += n > 0 ? n * (size_t)(text->len + run->len) - skip : 0;
        for (uint32_t i = 0; i < n; i++) {
                put(to, text, 0, skip);
                put(to, run, (size_t)i * run->step, skip > text->len ? skip - text->len : 0);
                skip = 0;
        }
        return n == run->n;
}

int outq_iov(const struct outq *q, struct iovec *iov, int iov_max, size_t *bytes)
{
        struct iovec *at = iov, *end = iov + iov_max;
        size_t skip = q->skip;
        *bytes = 0;
        for (uint32_t i = 0; i < q->n && at < end; i++) {
                const struct out_seg *seg = &q->segs[q->head + i];
                if (seg->n == 1) {
                        put(&at, seg, 0, 0);
                        *bytes += seg->len;
                        continue;
                }
                if (!put_run(&at, end, seg, skip, bytes))
                        break;
                skip = 0;
                i++;
        }
        return (int)(at - iov);
}

static void pop_seg(struct outq *q)
{
        seg_drop(&q->segs[q->head]);
        q->head++;
        q->n--;
        if (q->fit > 0)
                q->fit--;
}

/* Part of the run at the head was sent. */
static void consume_pieces(struct outq *q, size_t bytes)
{
        struct out_seg *run = &q->segs[q->head + 1];
        size_t each = q->segs[q->head].len + run->len, all = q->skip + bytes;
        uint32_t whole = (uint32_t)(all / each);
        run->off += whole * run->step;
        run->n -= whole;
        q->skip = (uint32_t)(all % each);
}

void outq_consume(struct outq *q, size_t bytes)
{
        q->bytes -= bytes;
        while (q->n > 0) {
                struct out_seg *seg = &q->segs[q->head];
                size_t there = seg_bytes(seg) - (seg->n == 0 ? q->skip : 0);
                if (bytes < there && seg->n == 0) {
                        consume_pieces(q, bytes);
                        return;
                }
                if (bytes < there) {
                        seg->off += (uint32_t)bytes;
                        seg->len -= (uint32_t)bytes;
                        return;
                }
                bytes -= there;
                if (seg->n == 0) {
                        q->skip = 0;
                        pop_seg(q);
                }
                pop_seg(q);
        }
        own_drop(q);
        q->head = 0;
        q->tail_room = q->tail_used = 0;
}

/* The run at text becomes plain bytes, `skip` of which have left. */
static void unpin_run(struct out_seg *text, size_t skip)
{
        struct out_seg *run = text + 1;
        size_t bytes = seg_bytes(text) - skip;
        bool usual = bytes <= CHUNK_QUEUE_BYTES && bytes > CHUNK_QUEUE_BYTES / 2;
        struct chunk *copy = chunk_new(usual ? CHUNK_QUEUE_BYTES : bytes);
        char *at = copy->data;
        for (uint32_t i = 0; i < run->n; i++) {
                struct iovec iov[2], *end = iov;
                put(&end, text, 0, skip);
                put(&end, run, (size_t)i * run->step, skip > text->len ? skip - text->len : 0);
                for (const struct iovec *piece = iov; piece < end; piece++) {
                        memcpy(at, piece->iov_base, piece->iov_len);
                        at += piece->iov_len;
                }
                skip = 0;
        }
        seg_drop(text);
        seg_drop(run);
        *text = plain_seg(copy, 0, bytes);
        *run = plain_seg(NULL, 0, 0);
}

static void unpin_plain(struct out_seg *seg)
{
        if (seg->len == 0 || seg->chunk->cap / PIN_FACTOR <= seg->len)
                return;
        struct chunk *copy = chunk_new(seg->len);
        memcpy(copy->data, seg->chunk->data + seg->off, seg->len);
        chunk_unref(seg->chunk);
        *seg = plain_seg(copy, 0, seg->len);
}

void outq_unpin(struct outq *q)
{
        for (; q->fit < q->n; q->fit++) {
                struct out_seg *seg = &q->segs[q->head + q->fit];
                if (q->fit + 1 == q->n && q->tail_room > 0)
                        return; /* still being written */
                if (seg->n == 1) {
                        unpin_plain(seg);
                        continue;
                }
                unpin_run(seg, q->skip);
                q->skip = 0;
        }
}
