/* SPDX-License-Identifier: Apache-2.0 */
/* path.c: elements are appended one by one; ".." takes the last one away unless nothing is left. */
#include "conf/path.h"

/* Cut the last element off out[root..]; false when there is none, or it is itself "..". */
static bool pop_element(struct buf *out, size_t base, bool rooted)
{
        size_t len = out->len;
        while (len > base && out->ptr[len - 1] != '/')
                len--;
        struct slice last = slice_of(out->ptr + len, out->len - len);
        if (last.len == 0 || slice_eq_str(last, ".."))
                return false;
        if (len > base + (rooted ? 1 : 0))
                len--; /* the slash before it */
        out->len = len;
        return true;
}

void path_clean(struct buf *out, struct slice path)
{
        size_t base = out->len;
        bool rooted = path.len > 0 && path.ptr[0] == '/';
        buf_reserve(out, path.len + 2);
        if (rooted)
                buf_append_char(out, '/');
        for (size_t at = 0; at < path.len;) {
                size_t end = at;
                while (end < path.len && path.ptr[end] != '/')
                        end++;
                struct slice element = slice_of(path.ptr + at, end - at);
                at = end + 1;
                if (element.len == 0 || slice_eq_str(element, "."))
                        continue;
                bool up = slice_eq_str(element, "..");
                if (up && (pop_element(out, base, rooted) || rooted))
                        continue;
                if (out->len > base && out->ptr[out->len - 1] != '/')
                        buf_append_char(out, '/');
                buf_append_slice(out, element);
        }
        if (out->len == base)
                buf_append_char(out, '.');
}

void path_dir(struct buf *out, struct slice path)
{
        while (path.len > 0 && path.ptr[path.len - 1] != '/')
                path.len--;
        path_clean(out, path);
}

void path_join(struct buf *out, struct slice dir, struct slice path)
{
        struct buf whole;
        buf_init(&whole);
        buf_append_slice(&whole, dir);
        if (dir.len > 0)
                buf_append_char(&whole, '/');
        buf_append_slice(&whole, path);
        path_clean(out, buf_slice(&whole));
        buf_fini(&whole);
}
