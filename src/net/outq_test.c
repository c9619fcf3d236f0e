/* SPDX-License-Identifier: Apache-2.0 */
/* The queue against a flat copy of everything appended, consumed in odd steps. */
#include "net/outq.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void gather(const struct outq *q, struct buf *out)
{
        struct iovec iov[256];
        size_t bytes;
        int n = outq_iov(q, iov, 256, &bytes);
        buf_clear(out);
        for (int i = 0; i < n; i++)
                buf_append(out, iov[i].iov_base, iov[i].iov_len);
        assert_int_equal(out->len, bytes);
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
                if (x % 5 == 0) {
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
                if (q.n <= 256) {
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_bytes_in_order),
                cmocka_unit_test(unpin_lets_the_large_chunk_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
