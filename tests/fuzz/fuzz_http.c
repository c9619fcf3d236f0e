/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http.c: a request head whole and byte by byte gives the same; slices stay inside; a path
 * that was redirected to is not redirected again. */
#include "fuzz.h"
#include "base/buf.h"
#include "proto/http.h"

static void check_inside(struct slice s, struct slice in)
{
        if (s.len && !slice_eq_str(s, "/"))
                PROPERTY(s.ptr >= in.ptr && s.ptr + s.len <= in.ptr + in.len);
}

static void check_request(const struct http_request *req, struct slice in)
{
        PROPERTY(req->head_bytes > 0 && req->head_bytes <= in.len);
        PROPERTY(req->header_n >= 0 && req->header_n <= HTTP_HEADERS_MAX);
        PROPERTY(!(req->chunked && req->content_length >= 0));
        check_inside(req->method, in);
        check_inside(req->path, in);
        check_inside(req->query, in);
        for (int i = 0; i < req->header_n; i++) {
                PROPERTY(req->header[i].name.len > 0);
                check_inside(req->header[i].name, in);
                check_inside(req->header[i].value, in);
        }
}

static void check_path(const struct http_request *req)
{
        struct buf out = { 0 }, again = { 0 };

        if (http_path_redirect(req->path, &out)) {
                PROPERTY(out.len > 0 && out.ptr[0] == '/' && (out.len == 1 || out.ptr[1] != '/'));
                PROPERTY(!memchr(out.ptr, '\r', out.len) && !memchr(out.ptr, '\n', out.len));
                PROPERTY(!http_path_redirect(buf_slice(&out), &again));
        }
        buf_clear(&out);
        if (!http_path_decode(req->path, &out))
                PROPERTY(out.len == 0);
        buf_clear(&out);
        if (!http_query_get(req->query, "subs", &out))
                PROPERTY(out.len == 0);
        buf_fini(&out);
        buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct http_request whole, split;
        struct slice in = slice_of((const char *)data, size);
        struct http_reader r, slow;
        int result, slow_result = HTTP_MORE;

        http_reader_init(&r, 512);
        http_reader_init(&slow, 512);
        result = http_read(&r, in.ptr, in.len, &whole);
        for (size_t n = 0; n <= size && slow_result == HTTP_MORE; n++)
                slow_result = http_read(&slow, in.ptr, n, &split);
        PROPERTY(result == slow_result && r.status == slow.status);
        if (result != HTTP_REQUEST)
                return 0;
        PROPERTY(whole.head_bytes == split.head_bytes && whole.header_n == split.header_n);
        check_request(&whole, in);
        check_path(&whole);
        return 0;
}
