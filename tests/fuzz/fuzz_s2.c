/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_s2.c: a stream, and the same bytes as a block. What decodes survives encoding and decoding again; a
 * stream in two pieces is the stream. */
#include "fuzz.h"
#include "base/err.h"
#include "proto/s2.h"

enum { MAX_BYTES = 1024 * 1024 };

static void check_block(struct slice block)
{
        size_t bytes;
        if (s2_block_bytes(block, &bytes) < 0 || bytes > MAX_BYTES)
                return;
        char *dst = malloc(bytes ? bytes : 1);
        int rc = s2_block_decode(block, dst, bytes);
        PROPERTY(rc == 0 || rc == ERR_CORRUPT);
        free(dst);
}

static int decode_in_pieces(struct slice stream, size_t first, struct buf *out)
{
        struct s2_reader reader = { 0 };
        struct slice in = slice_of(stream.ptr, first);
        int rc = 0;
        while (rc == 0 && in.len > 0)
                rc = s2_read_chunk(&reader, &in, out, MAX_BYTES);
        in.len = (size_t)(stream.ptr + stream.len - in.ptr);
        if (rc == ERR_AGAIN)
                rc = 0;
        while (rc == 0 && in.len > 0)
                rc = s2_read_chunk(&reader, &in, out, MAX_BYTES);
        return rc == ERR_AGAIN ? ERR_CORRUPT : rc;
}

static void check_again(struct slice plain)
{
        struct buf stream = { 0 }, again = { 0 };
        s2_encode(plain, &stream);
        PROPERTY(s2_decode(buf_slice(&stream), &again, plain.len) == 0);
        PROPERTY(slice_eq(buf_slice(&again), plain));
        buf_fini(&stream);
        buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice stream = slice_of((const char *)data, size);
        struct buf whole = { 0 }, pieces = { 0 };
        check_block(stream);
        int rc = s2_decode(stream, &whole, MAX_BYTES);
        PROPERTY(rc == 0 || rc == ERR_CORRUPT || rc == ERR_RANGE);
        PROPERTY(whole.len <= MAX_BYTES);
        PROPERTY(decode_in_pieces(stream, size / 2, &pieces) == rc);
        PROPERTY(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
        if (rc == 0)
                check_again(buf_slice(&whole));
        buf_fini(&whole);
        buf_fini(&pieces);
        return 0;
}
