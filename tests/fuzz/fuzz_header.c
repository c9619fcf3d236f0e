/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_header.c: first byte: length of the key; then the key; the rest is a header block. What was
 * removed cannot be found, what was set can. */
#include "fuzz.h"
#include "base/buf.h"
#include "proto/header.h"

static void check_remove(struct slice block, struct slice key)
{
        char *copy = malloc(block.len + 1);
        size_t len;

        if (block.len)
                memcpy(copy, block.ptr, block.len);
        len = header_remove(copy, block.len, key);
        PROPERTY(len <= block.len);
        if (header_get(
                    slice_of(copy, len), key, NULL)) /* only a last line without its end is left */
                PROPERTY(header_remove(copy, len, key) == len);
        free(copy);
}

static void check_set(struct slice block, struct slice key)
{
        struct slice value = SLICE_LIT("the value"), found = SLICE_NULL;
        struct buf out = { 0 };

        header_set(block, key, value, &out);
        PROPERTY(!out.failed);
        PROPERTY(header_get(buf_slice(&out), key, &found));
        PROPERTY(out.len >= 4 && memcmp(out.ptr + out.len - 4, "\r\n\r\n", 4) == 0);
        PROPERTY(slice_eq(found, value));
        buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice block, key, value = SLICE_NULL;

        if (size < 2 || data[0] == 0 || data[0] > 64 || data[0] + (size_t)1 > size)
                return 0;
        key = slice_of((const char *)data + 1, data[0]);
        block = slice_of(key.ptr + key.len, size - 1 - key.len);
        if (memchr(key.ptr, '\r', key.len) || memchr(key.ptr, '\n', key.len) ||
                memchr(key.ptr, ':', key.len))
                return 0;
        if (header_get(block, key, &value)) {
                PROPERTY(value.ptr >= block.ptr + key.len);
                PROPERTY(value.ptr + value.len <= block.ptr + block.len);
        }
        check_remove(block, key);
        check_set(block, key);
        return 0;
}
