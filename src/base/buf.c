/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c: memory grows by doubling, so that n appends cost O(n). */
#include "base/buf.h"
#include "base/mem.h"
#include <stdint.h>
#include <stdio.h>

enum { BUF_FIRST_BYTES = 64 };

void buf_init(struct buf *buf)
{
        *buf = (struct buf){ 0 };
}

void buf_fini(struct buf *buf)
{
        size_t limit = buf->limit;
        xfree(buf->ptr);
        *buf = (struct buf){ .limit = limit };
}

void buf_clear(struct buf *buf)
{
        buf->len = 0;
        buf->failed = false;
}

static bool fail(struct buf *buf)
{
        buf->failed = true;
        return false;
}

/* limit bounds len; the NUL that vsnprintf() and buf_take_str() write may lie behind it. */
static bool grow(struct buf *buf, size_t need)
{
        size_t cap = buf->cap > SIZE_MAX / 2 ? need : buf->cap * 2;
        if (cap < need)
                cap = need;
        if (cap < BUF_FIRST_BYTES)
                cap = BUF_FIRST_BYTES;
        char *ptr = mem_try_grow(buf->ptr, cap);
        if (ptr == NULL)
                return fail(buf);
        buf->ptr = ptr;
        buf->cap = cap;
        return true;
}

bool buf_reserve(struct buf *buf, size_t more)
{
        size_t need;
        if (buf->failed)
                return false;
        if (__builtin_add_overflow(buf->len, more, &need) || need > SIZE_MAX / 2)
                return fail(buf);
        if (buf->limit != 0 && need > buf->limit)
                return fail(buf);
        return need <= buf->cap || grow(buf, need);
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
        if (len == 0 || !buf_reserve(buf, len))
                return;
        memcpy(buf->ptr + buf->len, bytes, len);
        buf->len += len;
}

void buf_append_slice(struct buf *buf, struct slice s)
{
        buf_append(buf, s.ptr, s.len);
}

void buf_append_str(struct buf *buf, const char *text)
{
        buf_append(buf, text, strlen(text));
}

void buf_append_char(struct buf *buf, char c)
{
        if (buf_reserve(buf, 1))
                buf->ptr[buf->len++] = c;
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
        va_list again;
        if (buf->failed)
                return;
        va_copy(again, args);
        size_t room = buf->cap - buf->len;
        int n = vsnprintf(room ? buf->ptr + buf->len : NULL, room, fmt, args);
        if (n < 0) {
                fail(buf);
        } else if (buf_reserve(buf, (size_t)n)) {
                /* Did not fit with its NUL: make room and print once more. */
                size_t need = (size_t)n + 1;
                bool fits = need <= room;
                if (!fits && (buf->cap - buf->len >= need || grow(buf, buf->len + need)))
                        fits = vsnprintf(buf->ptr + buf->len, need, fmt, again) == n;
                if (fits)
                        buf->len += (size_t)n;
                else
                        fail(buf);
        }
        va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
        va_list args;
        va_start(args, fmt);
        buf_vprintf(buf, fmt, args);
        va_end(args);
}

void buf_consume(struct buf *buf, size_t n)
{
        if (n >= buf->len) {
                buf->len = 0;
                return;
        }
        if (n == 0)
                return;
        memmove(buf->ptr, buf->ptr + n, buf->len - n);
        buf->len -= n;
}

char *buf_take_str(struct buf *buf)
{
        char *text = buf->len < buf->cap ? buf->ptr : xrealloc(buf->ptr, buf->len + 1);
        text[buf->len] = '\0';
        *buf = (struct buf){ .limit = buf->limit };
        return text;
}
