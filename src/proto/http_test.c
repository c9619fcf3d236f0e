/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads (RFC 9112), whole and at every split; paths and queries of monitoring.md 2.3 and 3.
 */
#include "proto/http.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static struct http_request req;

/* Reads the head as it arrives byte by byte; the memory ends where the bytes end. */
static int read_slowly(struct http_reader *r, struct slice input, size_t *used)
{
        int result = HTTP_MORE;

        for (*used = 0; result == HTTP_MORE && *used <= input.len; ++*used) {
                char *copy = xmalloc(*used ? *used : 1);

                if (*used)
                        memcpy(copy, input.ptr, *used);
                result = http_read(r, copy, *used, &req);
                xfree(copy);
        }
        return result;
}

static void test_requests(void **state)
{
        static const struct {
                const char *input, *method, *path, *query;
                bool keep_alive;
                int64_t length;
        } cases[] = {
                { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", "", true, -1 },
                { "GET /varz?a=b&c HTTP/1.0\r\n\r\n", "GET", "/varz", "a=b&c", false, -1 },
                { "HEAD /connz? HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", "HEAD", "/connz",
                        "", true, -1 },
                { "GET /a HTTP/1.1\nhost:\tx \t\nconnection: Close\n\n", "GET", "/a", "", false,
                        -1 },
                { "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "OPTIONS", "*", "", true, -1 },
                { "POST /x??y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "POST", "/x",
                        "?y", true, 5 },
                { "GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/p", "q", true, -1 },
                { "GET HTTPS://h?q HTTP/1.7\r\nHost: h\r\n\r\n", "GET", "/", "q", true, -1 },
                { "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT", "", "", true, -1 },
                { "M-SEARCH!# /%zz HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\r\n\r\n", "M-SEARCH!#",
                        "/%zz", "", true, -1 },
                { "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", "PUT", "/", "",
                        true, -1 },
        };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct slice input = slice_str(cases[i].input);
                struct http_reader r;
                size_t used;

                http_reader_init(&r, 1000);
                assert_int_equal(HTTP_REQUEST, http_read(&r, input.ptr, input.len, &req));
                assert_true(slice_eq_str(req.method, cases[i].method));
                assert_true(slice_eq_str(req.path, cases[i].path));
                assert_true(slice_eq_str(req.query, cases[i].query));
                assert_int_equal(req.keep_alive, cases[i].keep_alive);
                assert_int_equal(req.content_length, cases[i].length);
                assert_int_equal(req.chunked, slice_eq_str(req.method, "PUT"));
                assert_int_equal(HTTP_REQUEST, read_slowly(&r, input, &used));
                assert_int_equal(used - 1, req.head_bytes);
        }
}

static void test_refused(void **state)
{
#define GET_HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
        static const struct {
                struct slice input;
                int status;
        } cases[] = {
                { SLICE_LIT("\x16\x03\x01"), 400 },
                { SLICE_LIT("\r\nGET / HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET\r\n\r\n"), 400 },
                { SLICE_LIT("GET /\r\n\r\n"), 400 },
                { SLICE_LIT("GET  / HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET / HTTP/1.0 \r\n\r\n"), 400 },
                { SLICE_LIT("G(T / HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET x HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET * HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET /\x01 HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET /\0 HTTP/1.0\r\n\r\n"), 400 },
                { SLICE_LIT("GET / HTTP/11\r\n\r\n"), 400 },
                { SLICE_LIT("GET / http/1.1\r\n\r\n"), 400 },
                { SLICE_LIT("GET / HTTP/2.0\r\n\r\n"), 505 },
                { SLICE_LIT("GET / HTTP/0.9\r\n\r\n"), 505 },
                { SLICE_LIT("GET / HTTP/1.1\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Host: i\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD " folded\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "X: 1\r\n\tfolded\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "X : 1\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD ": 1\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "no colon\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "X: a\rb\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "X: a\r\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "X: a\0b\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length: 5, 5\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length: -5\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length: 9999999999999999999\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length:\r\n\r\n"), 400 },
                { SLICE_LIT(GET_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
                        400 },
                { SLICE_LIT(GET_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
                        400 },
                { SLICE_LIT(GET_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
                { SLICE_LIT("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
        };
#undef GET_HEAD

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct http_reader r;
                size_t used;

                http_reader_init(&r, 1000);
                assert_int_equal(
                        ERR_HTTP, http_read(&r, cases[i].input.ptr, cases[i].input.len, &req));
                assert_int_equal(r.status, cases[i].status);
                http_reader_init(&r, 1000);
                assert_int_equal(ERR_HTTP, read_slowly(&r, cases[i].input, &used));
                assert_int_equal(r.status, cases[i].status);
        }
}

static void test_limits(void **state)
{
        struct buf in = { 0 };
        struct http_reader r;

        buf_append_str(&in, "GET / HTTP/1.0\r\n");
        for (int i = 0; i < HTTP_HEADERS_MAX; i++)
                buf_append_str(&in, "X: y\r\n");
        http_reader_init(&r, in.len + 2);
        assert_int_equal(HTTP_MORE, http_read(&r, in.ptr, in.len, &req));
        buf_append_str(&in, "\r\n");
        assert_int_equal(HTTP_REQUEST, http_read(&r, in.ptr, in.len, &req));
        assert_int_equal(req.header_n, HTTP_HEADERS_MAX);
        http_reader_init(&r, in.len - 1);
        assert_int_equal(ERR_HTTP, http_read(&r, in.ptr, in.len, &req));
        assert_int_equal(r.status, 431);
        http_reader_init(&r, in.len - 4);
        assert_int_equal(ERR_HTTP, http_read(&r, in.ptr, in.len - 3, &req));
        assert_int_equal(r.status, 431);
        in.len -= 2;
        buf_append_str(&in, "Y: z\r\n\r\n");
        http_reader_init(&r, 10000);
        assert_int_equal(ERR_HTTP, http_read(&r, in.ptr, in.len, &req));
        assert_int_equal(r.status, 431);
        buf_fini(&in);
}

static void test_headers(void **state)
{
        struct slice input = SLICE_LIT("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                                       "Connection: keep-alive,, Upgrade\r\nX: 1\r\nx: 2\r\n\r\n");
        struct http_reader r;

        http_reader_init(&r, 1000);
        assert_int_equal(HTTP_REQUEST, http_read(&r, input.ptr, input.len, &req));
        assert_true(slice_eq_str(http_header_find(&req, "X")->value, "1"));
        assert_null(http_header_find(&req, "Y"));
        assert_true(http_header_has_token(&req, "connection", "upgrade"));
        assert_false(http_header_has_token(&req, "connection", "up"));
        assert_false(http_header_has_token(&req, "connection", "close"));
        assert_true(http_header_has_token(&req, "X", "2"));
}

static void assert_buf(struct buf *buf, const char *want)
{
        char *text = buf_take_str(buf);

        assert_string_equal(text, want);
        xfree(text);
        buf_fini(buf);
}

static void test_path_clean(void **state)
{
        static const struct {
                const char *path, *clean;
        } cases[] = { { "", "." }, { ".", "." }, { "/", "/" }, { "//", "/" }, { "/a", "/a" },
                { "/a/", "/a" }, { "/a//b/./c", "/a/b/c" }, { "/a/../b", "/b" }, { "/..", "/" },
                { "/../../a", "/a" }, { "a/../..", ".." }, { "../a", "../a" },
                { "../../a/..", "../.." }, { "a/b/..", "a" }, { "/a/b/../../..", "/" },
                { "/...", "/..." }, { "nats/", "nats" } };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };

                http_path_clean(slice_str(cases[i].path), &out);
                assert_buf(&out, cases[i].clean);
        }
}

static void test_path_redirect(void **state)
{
        static const struct {
                const char *path, *to; /* to NULL: no redirect */
        } cases[] = { { "/", NULL }, { "/varz", NULL }, { "/varz/", NULL }, { "//varz", "/varz" },
                { "/a/../varz", "/varz" }, { "/varz//", "/varz/" }, { "/a/%2e%2e/varz", "/varz" },
                { "//%0d%0aX:%20y", "/%0D%0AX:%20y" }, { "/./", "/" }, { "//%zz", NULL },
                { "//evil.example/..", "/" }, { "/%C3%A9", NULL } };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };

                assert_int_equal(
                        http_path_redirect(slice_str(cases[i].path), &out), cases[i].to != NULL);
                assert_buf(&out, cases[i].to ? cases[i].to : "");
        }
}

static void test_path_decode(void **state)
{
        static const char *const bad[] = { "/%", "/%1", "/%g1", "/a%1g" };
        struct buf out = { 0 };

        assert_true(http_path_decode(SLICE_LIT("/a%2Fb+c%20%41"), &out));
        assert_buf(&out, "/a/b+c A");
        for (size_t i = 0; i < ARRAY_N(bad); i++)
                assert_false(http_path_decode(slice_str(bad[i]), &out));
        assert_int_equal(out.len, 0);
        buf_fini(&out);
}

static void test_query(void **state)
{
        static const struct {
                const char *query, *name, *value; /* value NULL: not given */
        } cases[] = { { "", "a", NULL }, { "a", "a", "" }, { "a=", "a", "" },
                { "a=1&a=2", "a", "1" }, { "&&b=x&a=1=2", "a", "1=2" }, { "%61=%41+b", "a", "A b" },
                { "a=%zz&a=2", "a", "2" }, { "a=1;b=2&b=3", "b", "3" }, { "ab=1", "a", NULL },
                { "A=1", "a", NULL }, { "a=%4", "a", NULL } };

        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };

                assert_int_equal(http_query_get(slice_str(cases[i].query), cases[i].name, &out),
                        cases[i].value != NULL);
                assert_buf(&out, cases[i].value ? cases[i].value : "");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_headers),
                cmocka_unit_test(test_path_clean),
                cmocka_unit_test(test_path_redirect),
                cmocka_unit_test(test_path_decode),
                cmocka_unit_test(test_query),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
