/* SPDX-License-Identifier: Apache-2.0 */
/* header.c: a line is found by the CRLF in front of it, so the version line is never taken for a
 * header. */
#include "proto/header.h"
#include "base/buf.h"

#define CRLF SLICE_LIT("\r\n")
#define EMPTY_BLOCK_BYTES (sizeof("NATS/1.0\r\n\r\n") - 1)
#define NOWHERE ((size_t)-1)

/* Offset of the first "key:" that begins a line, searched from `from`. */
static size_t line_find(struct slice block, size_t from, struct slice key)
{
        while (from < block.len) {
                const char *crlf = memmem(block.ptr + from, block.len - from, "\r\n", 2);
                size_t at;

                if (!crlf)
                        break;
                at = (size_t)(crlf - block.ptr) + 2;
                if (block.len - at > key.len && block.ptr[at + key.len] == ':' &&
                        slice_eq(slice_of(block.ptr + at, key.len), key))
                        return at;
                from = at;
        }
        return NOWHERE;
}

/* Offset of the CRLF that ends the line at `at`, or the block's end. */
static size_t line_end(struct slice block, size_t at)
{
        const char *crlf = memmem(block.ptr + at, block.len - at, "\r\n", 2);

        return crlf ? (size_t)(crlf - block.ptr) : block.len;
}

bool header_get(struct slice block, struct slice key, struct slice *value)
{
        size_t at = line_find(block, 0, key), end;

        if (at == NOWHERE)
                return false;
        at += key.len + 1;
        end = line_end(block, at);
        while (at < end && block.ptr[at] == ' ')
                at++;
        if (value)
                *value = slice_of(block.ptr + at, end - at);
        return true;
}

size_t header_remove(char *block, size_t len, struct slice key)
{
        size_t from = 0, before = len;

        for (;;) {
                size_t at = line_find(slice_of(block, len), from, key), end;

                if (at == NOWHERE)
                        break;
                end = line_end(slice_of(block, len), at);
                end = end == len ? len : end + 2; /* a last line may lack its CRLF */
                memmove(block + at, block + end, len - end);
                len -= end - at;
                from = at - 2;
        }
        return len < before && len <= EMPTY_BLOCK_BYTES ? 0 : len;
}

/* A value goes on one line, whatever it holds. */
static void append_value(struct buf *out, struct slice value)
{
        for (size_t i = 0; i < value.len; i++) {
                char c = value.ptr[i];

                buf_append_char(out, c == '\r' || c == '\n' ? ' ' : c);
        }
}

static bool ends_with(struct slice s, struct slice end)
{
        return s.len >= end.len && slice_eq(slice_of(s.ptr + s.len - end.len, end.len), end);
}

/* The removal comes before the blank line is taken off: a block without one must not keep a line of
 * the key, which would be read in place of the one set here. */
void header_set(struct slice block, struct slice key, struct slice value, struct buf *out)
{
        size_t start = out->len;
        struct slice kept = SLICE_NULL;

        buf_append_slice(out, block);
        if (out->failed)
                return;
        if (block.len) {
                kept = slice_of(out->ptr + start, header_remove(out->ptr + start, block.len, key));
                out->len = start + kept.len;
        }
        if (ends_with(kept, SLICE_LIT("\r\n\r\n")) || slice_eq(kept, CRLF))
                out->len -= 2;
        else if (kept.len && !ends_with(kept, CRLF))
                buf_append_slice(out, CRLF);
        if (out->len == start)
                buf_append_slice(out, HEADER_VERSION_LINE);
        buf_append_slice(out, key);
        buf_append_str(out, ": ");
        append_value(out, value);
        buf_append_str(out, "\r\n\r\n");
}
