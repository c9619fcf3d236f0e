/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h: growable bytes. Sticky failure: append freely, test `failed` once at the end.
 * A failed buffer keeps what it had and ignores further appends. Zero-initialise or buf_init(). */
#pragma once
#include "base/macros.h"
#include "base/slice.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
        char *ptr;    /* owned; NULL while empty */
        size_t len;   /* bytes used */
        size_t cap;   /* bytes allocated */
        size_t limit; /* appends beyond it fail; 0: no limit */
        bool failed;
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);                 /* frees; the buffer may be used again */
void buf_clear(struct buf *buf);                /* len = 0, failed = false, memory kept */
bool buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes after len */
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_append_slice(struct buf *buf, struct slice s);
void buf_append_str(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
void buf_consume(struct buf *buf, size_t n); /* drop n bytes from the front */
/* NUL-terminate (the NUL is not counted) and hand the memory to the caller; never NULL. */
char *buf_take_str(struct buf *buf);

static inline struct slice buf_slice(const struct buf *buf)
{
        return slice_of(buf->ptr, buf->len);
}
