/* SPDX-License-Identifier: Apache-2.0 */
/* The queue against a flat copy of everything appended, consumed in odd steps. */
#include "net/outq.h"
#include "base/buf.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void gather(const struct outq *q, struct buf *out)
{
        struct iovec iov[1024];
        size_t bytes;
        int n = outq_iov(q, iov, 1024, &bytes);
        buf_clear(out);
        for (int i = 0; i < n; i++)
                buf_append(out, iov[i].iov_base, iov[i].iov_len);
        assert_int_equal(out->len, bytes);
}

static void append_run(
        struct outq *q, struct buf *flat, struct chunk *chunk, uint32_t n, uint32_t step)
{
        static const char text[] = "MSG there 17 ";
        struct slice piece = slice_of(chunk->data + 100, 40);
        outq_append_run(q, SLICE_LIT("MSG there 17 "), chunk, piece, n, step);
        for (uint32_t i = 0; i < n; i++) {
                buf_append_str(flat, text);
                buf_append(flat, piece.ptr + i * step, piece.len);
        }
}

static void keeps_bytes_in_order(void **state)
{
        (void)state;
        struct outq q;
        struct buf flat = { 0 }, got = { 0 };
        struct chunk *big = chunk_new(10000);
        uint32_t x = 7;
        outq_init(&q);
        for (size_t i = 0; i < 10000; i++)
                big->data[i] = (char)('a' + i % 26);
        for (int round = 0; round < 400; round++) {
                x = x * 1664525u + 1013904223u;
                size_t len = (x >> 8) % 300;
                if (x % 7 == 0) {
                        uint32_t n = 1 + (x >> 20) % 9, step = 40 + (x >> 10) % 30;
                        append_run(&q, &flat, big, n, step);
                } else if (x % 5 == 0) {
                        outq_append_ref(&q, big, slice_of(big->data + 17, len));
                        buf_append(&flat, big->data + 17, len);
                } else {
                        outq_append(&q, slice_of(big->data + 5, len));
                        buf_append(&flat, big->data + 5, len);
                }
                if (x % 11 == 0)
                        outq_unpin(&q);
                size_t drop = (x >> 16) % 280;
                if (drop > q.bytes)
                        drop = q.bytes;
                outq_consume(&q, drop);
                buf_consume(&flat, drop);
                assert_int_equal(q.bytes, flat.len);
                gather(&q, &got);
                if (got.len == flat.len || q.n <= 100) {
                        assert_int_equal(got.len, flat.len);
                        if (flat.len > 0)
                                assert_memory_equal(got.ptr, flat.ptr, flat.len);
                }
        }
        outq_fini(&q);
        assert_false(chunk_is_shared(big));
        chunk_unref(big);
        buf_fini(&flat);
        buf_fini(&got);
}

static void unpin_lets_the_large_chunk_go(void **state)
{
        (void)state;
        struct outq q;
        struct chunk *big = chunk_new(100000);
        memset(big->data, 'x', 100000);
        outq_init(&q);
        outq_append_ref(&q, big, slice_of(big->data + 100, 5000));
        assert_true(chunk_is_shared(big));
        outq_unpin(&q);
        assert_false(chunk_is_shared(big));
        assert_int_equal(q.bytes, 5000);
        outq_fini(&q);
        chunk_unref(big);
}

/* Whatever was sent, what is left of a run comes out right, and as a copy lets the chunk go. */
static void a_run_can_end_anywhere(void **state)
{
        (void)state;
        enum { N = 5, STEP = 60 };
        for (size_t sent = 0;; sent++) {
                struct outq q;
                struct buf flat = { 0 }, got = { 0 };
                struct chunk *big = chunk_new(CHUNK_READ_BYTES);
                outq_init(&q);
                for (size_t i = 0; i < 1000; i++)
                        big->data[i] = (char)('a' + i % 26);
                outq_append(&q, SLICE_LIT("before"));
                buf_append_str(&flat, "before");
                append_run(&q, &flat, big, N, STEP);
                outq_append(&q, SLICE_LIT("between"));
                buf_append_str(&flat, "between");
                append_run(&q, &flat, big, N, STEP);
                assert_int_equal(q.bytes, flat.len);
                if (sent > flat.len) {
                        assert_int_equal(sent, flat.len + 1);
                        sent = SIZE_MAX - 1;
                }
                size_t all = flat.len;
                for (size_t part = sent < all ? sent : 0; part > 0; part -= (part + 1) / 2) {
                        outq_consume(&q, (part + 1) / 2);
                        buf_consume(&flat, (part + 1) / 2);
                }
                gather(&q, &got);
                assert_int_equal(got.len, flat.len);
                assert_memory_equal(got.ptr, flat.ptr, flat.len);
                outq_unpin(&q);
                assert_false(chunk_is_shared(big));
                gather(&q, &got);
                assert_int_equal(got.len, flat.len);
                assert_memory_equal(got.ptr, flat.ptr, flat.len);
                outq_append(&q, SLICE_LIT("behind"));
                assert_int_equal(q.bytes, flat.len + 6);
                outq_fini(&q);
                chunk_unref(big);
                buf_fini(&flat);
                buf_fini(&got);
                if (sent == SIZE_MAX - 1)
                        return;
        }
}

/* Few pieces of a run at a time, as sendmsg() takes only so many. */
static void a_run_may_need_several_sends(void **state)
{
        (void)state;
        struct outq q;
        struct buf flat = { 0 };
        struct chunk *big = chunk_new(10000);
        struct iovec iov[7];
        size_t bytes;
        int rounds = 0;
        memset(big->data, 'x', 10000);
        outq_init(&q);
        append_run(&q, &flat, big, 10, 50);
        outq_append(&q, SLICE_LIT("end"));
        buf_append_str(&flat, "end");
        while (q.bytes > 0) {
                int n = outq_iov(&q, iov, (int)ARRAY_N(iov), &bytes);
                assert_true(n > 0);
                for (int i = 0; i < n; i++) {
                        assert_memory_equal(iov[i].iov_base, flat.ptr, iov[i].iov_len);
                        buf_consume(&flat, iov[i].iov_len);
                        bytes -= iov[i].iov_len;
                        outq_consume(&q, iov[i].iov_len);
                }
                assert_int_equal(bytes, 0);
                rounds++;
        }
        assert_int_equal(flat.len, 0);
        assert_int_equal(rounds, 4);
        outq_fini(&q);
        chunk_unref(big);
        buf_fini(&flat);
}

/* What is copied between references goes on in the same chunk. */
static void copies_between_references_share_a_chunk(void **state)
{
        (void)state;
        struct outq q;
        struct slice bytes;
        struct chunk *big = chunk_new(10000);
        memset(big->data, 'x', 10000);
        outq_init(&q);
        outq_append(&q, SLICE_LIT("one"));
        struct chunk *first = outq_newest(&q, 3, &bytes);
        assert_true(slice_eq(bytes, SLICE_LIT("one")));
        for (int i = 0; i < 5; i++) {
                outq_append_ref(&q, big, slice_of(big->data + 100 * i, 50));
                outq_append(&q, SLICE_LIT("more"));
                assert_ptr_equal(outq_newest(&q, 4, &bytes), first);
                assert_ptr_equal(bytes.ptr, first->data + 3 + 4 * i);
        }
        outq_append_ref(&q, big, slice_of(big->data + 1000, 50));
        uint32_t n = q.n;
        outq_append_ref(&q, big, slice_of(big->data + 1050, 50));
        assert_int_equal(q.n, n); /* side by side: one segment */
        outq_fini(&q);
        assert_false(chunk_is_shared(big));
        chunk_unref(big);
}

/* ... until it is full to the last byte. */
static void a_full_chunk_is_not_written_again(void **state)
{
        (void)state;
        struct outq q;
        struct buf got = { 0 };
        char filler[1024];
        struct chunk *big = chunk_new(10000);
        memset(big->data, 'x', 10000);
        memset(filler, 'f', sizeof filler);
        outq_init(&q);
        outq_append(&q, SLICE_LIT("one"));
        outq_append_ref(&q, big, slice_of(big->data, 50));
        outq_append(&q, slice_of(filler, sizeof filler - 3)); /* the rest of the first chunk */
        assert_int_equal(q.tail_room, 0);
        outq_append_ref(&q, big, slice_of(big->data, 50));
        outq_append(&q, SLICE_LIT("more"));
        gather(&q, &got);
        assert_int_equal(got.len, 3 + 50 + sizeof filler - 3 + 50 + 4);
        assert_memory_equal(got.ptr + 53, filler, sizeof filler - 3);
        assert_memory_equal(got.ptr + got.len - 4, "more", 4);
        outq_fini(&q);
        chunk_unref(big);
        buf_fini(&got);
}

/* An entry that the first piece does not need, because its text has left, is no place for what comes behind
 * the run. */
static void nothing_overtakes_a_run(void **state)
{
        (void)state;
        struct outq q;
        struct buf flat = { 0 };
        struct chunk *big = chunk_new(10000);
        struct iovec iov[7];
        size_t bytes, at = 0;
        for (size_t i = 0; i < 10000; i++)
                big->data[i] = (char)('a' + i % 26);
        outq_init(&q);
        append_run(&q, &flat, big, 10, 50);
        outq_append(&q, SLICE_LIT("end"));
        outq_consume(&q, 20);
        buf_consume(&flat, 20);
        int n = outq_iov(&q, iov, (int)ARRAY_N(iov), &bytes);
        assert_int_equal(n, 5);
        for (int i = 0; i < n; at += iov[i++].iov_len)
                assert_memory_equal(iov[i].iov_base, flat.ptr + at, iov[i].iov_len);
        assert_int_equal(bytes, at);
        outq_fini(&q);
        chunk_unref(big);
        buf_fini(&flat);
}

/* ---- any order of anything, against plain bytes ------------------------------------------- */

enum { BIGS = 3, STEPS = 60000, SPAN = 48 * 1024, BYTES_MAX = 512 * 1024 };

/* Two queues, which lend each other what they wrote, and the chunks that sockets are read into. */
struct model {
        uint64_t x;
        struct chunk *big[BIGS];
        struct outq q[2];
        struct buf flat[2];
        uint32_t next; /* in the chunk referenced last */
};

static uint32_t below(struct model *m, uint32_t n)
{
        m->x = m->x * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(m->x >> 33) % n;
}

static void refill(struct model *m, struct chunk *chunk)
{
        for (uint32_t i = 0; i < chunk->cap; i += 4) {
                uint32_t noise = below(m, UINT32_MAX);
                memcpy(chunk->data + i, &noise, 4);
        }
}

static void do_append(struct model *m, int which)
{
        uint32_t len = below(m, below(m, 8) == 0 ? 9000 : 200);
        struct slice bytes = slice_of(m->big[0]->data + below(m, 1000), len);
        outq_append(&m->q[which], bytes);
        buf_append(&m->flat[which], bytes.ptr, len);
}

/* To the last byte of the chunk. */
static void do_fill(struct model *m, int which)
{
        uint32_t len = m->q[which].tail_room;
        struct slice bytes = slice_of(m->big[1]->data + below(m, 1000), len);
        outq_append(&m->q[which], bytes);
        buf_append(&m->flat[which], bytes.ptr, len);
}

/* More is reserved than used, as for a line of unknown length. */
static void do_reserve(struct model *m, int which)
{
        uint32_t need = 1 + below(m, 300), used = below(m, need + 1);
        const char *from = m->big[1]->data + below(m, 1000);
        memcpy(outq_reserve(&m->q[which], need), from, used);
        outq_commit(&m->q[which], used);
        buf_append(&m->flat[which], from, used);
}

/* Often right behind the last one. */
static void do_ref(struct model *m, int which)
{
        struct chunk *chunk = m->big[below(m, 8) == 0 ? below(m, BIGS) : 0];
        uint32_t len = below(m, 3000);
        uint32_t off = below(m, 3) > 0 && m->next + len < SPAN ? m->next : below(m, SPAN - 3000);
        outq_append_ref(&m->q[which], chunk, slice_of(chunk->data + off, len));
        buf_append(&m->flat[which], chunk->data + off, len);
        m->next = off + len;
}

static void do_run(struct model *m, int which)
{
        struct chunk *chunk = m->big[below(m, BIGS)];
        char text[40];
        uint32_t text_len = 1 + below(m, sizeof text), n = 1 + below(m, 20);
        uint32_t len = 1 + below(m, 300), step = len + below(m, 50), off = below(m, SPAN);
        memset(text, (int)('A' + below(m, 26)), text_len);
        outq_append_run(&m->q[which], slice_of(text, text_len), chunk,
                slice_of(chunk->data + off, len), n, step);
        for (uint32_t i = 0; i < n; i++) {
                buf_append(&m->flat[which], text, text_len);
                buf_append(&m->flat[which], chunk->data + off + i * step, len);
        }
}

/* What one queue wrote last goes to both. */
static void do_share(struct model *m, int which)
{
        uint32_t len = 1 + below(m, 2000);
        const char *from = m->big[2]->data + below(m, 1000);
        struct slice bytes;
        outq_append(&m->q[which], slice_of(from, len));
        buf_append(&m->flat[which], from, len);
        struct chunk *chunk = chunk_ref(outq_newest(&m->q[which], len, &bytes));
        for (uint32_t i = below(m, 3); i > 0; i--) {
                int to = below(m, 4) == 0 ? which : !which;
                outq_append_ref(&m->q[to], chunk, bytes);
                buf_append(&m->flat[to], from, len);
        }
        chunk_unref(chunk);
}

static void do_send(struct model *m, int which)
{
        struct iovec iov[64];
        size_t bytes, at = 0;
        int max = (int)(below(m, 2) ? 2 + below(m, 12) : ARRAY_N(iov));
        int n = outq_iov(&m->q[which], iov, max, &bytes);
        assert_true(n <= max);
        assert_true(n > 0 || m->flat[which].len == 0);
        for (int i = 0; i < n; at += iov[i++].iov_len) {
                assert_true(at + iov[i].iov_len <= m->flat[which].len);
                assert_memory_equal(iov[i].iov_base, m->flat[which].ptr + at, iov[i].iov_len);
        }
        assert_int_equal(bytes, at);
        size_t sent = below(m, 2) ? bytes : below(m, (uint32_t)bytes + 1);
        outq_consume(&m->q[which], sent);
        buf_consume(&m->flat[which], sent);
}

/* Both are slow: the chunks are free for the next read. */
static void do_unpin(struct model *m)
{
        outq_unpin(&m->q[0]);
        outq_unpin(&m->q[1]);
        for (int i = 0; i < BIGS; i++)
                assert_false(chunk_is_shared(m->big[i]));
        memset(m->big[below(m, BIGS)]->data + below(m, SPAN), 'z', 5000);
}

static void do_clear(struct model *m, int which)
{
        outq_clear(&m->q[which]);
        buf_clear(&m->flat[which]);
}

static void do_something(struct model *m, int which)
{
        static void (*const adds[])(
                struct model *, int) = { do_append, do_fill, do_reserve, do_ref, do_run, do_share };
        uint32_t what = below(m, 100);
        bool full = m->flat[0].len + m->flat[1].len > BYTES_MAX;
        if (what < 60 && !full)
                adds[below(m, ARRAY_N(adds))](m, which);
        else if (what < 97)
                do_send(m, which);
        else if (what < 99)
                do_unpin(m);
        else if (below(m, 8) == 0)
                do_clear(m, which);
        assert_int_equal(m->q[0].bytes, m->flat[0].len);
        assert_int_equal(m->q[1].bytes, m->flat[1].len);
}

static void is_like_plain_bytes(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 4; seed++) {
                struct model m = { .x = seed };
                for (int i = 0; i < BIGS; i++)
                        refill(&m, m.big[i] = chunk_new(CHUNK_READ_BYTES));
                for (int i = 0; i < STEPS; i++)
                        do_something(&m, below(&m, 3) == 0);
                while (m.flat[0].len + m.flat[1].len > 0)
                        do_send(&m, m.flat[0].len == 0);
                for (int i = 0; i < 2; i++) {
                        outq_fini(&m.q[i]);
                        buf_fini(&m.flat[i]);
                }
                for (int i = 0; i < BIGS; i++) {
                        assert_false(chunk_is_shared(m.big[i]));
                        chunk_unref(m.big[i]);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_bytes_in_order),
                cmocka_unit_test(a_run_can_end_anywhere),
                cmocka_unit_test(a_run_may_need_several_sends),
                cmocka_unit_test(nothing_overtakes_a_run),
                cmocka_unit_test(is_like_plain_bytes),
                cmocka_unit_test(copies_between_references_share_a_chunk),
                cmocka_unit_test(a_full_chunk_is_not_written_again),
                cmocka_unit_test(unpin_lets_the_large_chunk_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
