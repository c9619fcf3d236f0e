/* SPDX-License-Identifier: Apache-2.0 */
/* http_path.c: what a request's target means: escapes, clean paths, query parameters. */
#include "base/buf.h"
#include "proto/http.h"

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Append s without its escapes; on a bad one out is put back and the answer is false. */
static bool unescape(struct slice s, bool plus_is_space, struct buf *out)
{
        size_t start = out->len;

        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if (c == '%') {
                        int high = i + 2 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
                        int low = i + 2 < s.len ? hex_digit(s.ptr[i + 2]) : -1;

                        if (high < 0 || low < 0) {
                                out->len = start;
                                return false;
                        }
                        c = (char)(high << 4 | low);
                        i += 2;
                } else if (c == '+' && plus_is_space) {
                        c = ' ';
                }
                buf_append_char(out, c);
        }
        return true;
}

static bool path_keeps(char c)
{
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
                return true;
        return c != 0 && strchr("-_.~$&+,/:;=@", c);
}

static void path_escape(struct slice path, struct buf *out)
{
        for (size_t i = 0; i < path.len; i++) {
                if (path_keeps(path.ptr[i]))
                        buf_append_char(out, path.ptr[i]);
                else
                        buf_printf(out, "%%%02X", (unsigned char)path.ptr[i]);
        }
}

bool http_path_decode(struct slice path, struct buf *out)
{
        return unescape(path, false, out);
}

/* Drop the last element that was appended behind `floor`. */
static void element_pop(struct buf *out, size_t floor)
{
        while (out->len > floor && out->ptr[--out->len] != '/')
                ;
}

void http_path_clean(struct slice path, struct buf *out)
{
        size_t start = out->len, i = 0;
        bool rooted = path.len && path.ptr[0] == '/';
        size_t root, floor; /* where elements begin; where ".." stops */

        if (rooted)
                buf_append_char(out, '/');
        root = floor = out->len;
        while (i < path.len) {
                size_t begin = i;
                struct slice element;

                while (i < path.len && path.ptr[i] != '/')
                        i++;
                element = slice_of(path.ptr + begin, i - begin);
                i++;
                if (element.len == 0 || slice_eq_str(element, "."))
                        continue;
                if (slice_eq_str(element, "..") && (rooted || out->len > floor)) {
                        element_pop(out, floor);
                        continue;
                }
                if (out->len > root)
                        buf_append_char(out, '/');
                buf_append_slice(out, element);
                if (slice_eq_str(element, ".."))
                        floor = out->len;
        }
        if (out->len == start)
                buf_append_char(out, '.');
}

bool http_path_redirect(struct slice path, struct buf *out)
{
        struct buf have = { 0 }, want = { 0 };
        bool differs = false;

        if (path.len == 0 || path.ptr[0] != '/')
                buf_append_char(&have, '/');
        if (unescape(path, false, &have) && !have.failed) {
                http_path_clean(buf_slice(&have), &want);
                if (have.ptr[have.len - 1] == '/' && want.len > 1)
                        buf_append_char(&want, '/');
                differs = (path.len && path.ptr[0] != '/') ||
                          !slice_eq(buf_slice(&have), buf_slice(&want));
        }
        if (differs)
                path_escape(buf_slice(&want), out);
        buf_fini(&have);
        buf_fini(&want);
        return differs;
}

/* One "name=value" of a query. Returns true when it is the one, its value appended. */
static bool pair_take(struct slice pair, struct slice name, struct buf *out)
{
        const char *equals = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
        struct slice key = equals ? slice_of(pair.ptr, (size_t)(equals - pair.ptr)) : pair;
        struct slice value = equals ? slice_of(equals + 1, pair.len - key.len - 1) : SLICE_NULL;
        struct buf decoded = { 0 };
        bool is_it;

        if (pair.len == 0 || memchr(pair.ptr, ';', pair.len))
                return false;
        is_it = unescape(key, true, &decoded) && slice_eq(buf_slice(&decoded), name) &&
                unescape(value, true, out);
        buf_fini(&decoded);
        return is_it;
}

bool http_query_get(struct slice query, const char *name, struct buf *out)
{
        while (query.len) {
                const char *end = memchr(query.ptr, '&', query.len);
                size_t bytes = end ? (size_t)(end - query.ptr) : query.len;

                if (pair_take(slice_of(query.ptr, bytes), slice_str(name), out))
                        return true;
                if (end)
                        bytes++;
                query.ptr += bytes;
                query.len -= bytes;
        }
        return false;
}
