/* SPDX-License-Identifier: Apache-2.0 */
/* http.h: bounded reader of HTTP/1.0 and HTTP/1.1 request heads (RFC 9112), for monitoring and the
 * WebSocket upgrade. Input is contiguous and borrowed, as in parser.h. Strict where leniency lets
 * two readers disagree (RFC 9112 section 11.2): bare CR, NUL, folded lines, conflicting lengths are
 * refused. */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define HTTP_HEADERS_MAX 100
#define HTTP_HEAD_BYTES_DEFAULT (1024 * 1024)

enum { HTTP_MORE = 0, HTTP_REQUEST = 1 };

struct http_header {
        struct slice name;
        struct slice value; /* optional white space around it removed */
};

struct http_request {
        size_t head_bytes;   /* the request's body, if any, begins here */
        struct slice method; /* any token; "GET" */
        struct slice target; /* as sent */
        struct slice
                path; /* still percent-encoded; "*" for OPTIONS *, "" for a CONNECT authority */
        struct slice query;     /* without '?' */
        int minor;              /* HTTP/1.minor: 0 or 1 */
        bool keep_alive;        /* the connection may carry another request */
        bool chunked;           /* Transfer-Encoding: chunked */
        int64_t content_length; /* -1: not given */
        int header_n;
        struct http_header header[HTTP_HEADERS_MAX];
};

struct http_reader {
        size_t head_limit; /* bytes; beyond it the answer is 431 */
        size_t scanned;    /* the reader's own: bytes known not to end the head */
        int status;        /* after an error: what to answer, 400, 431, 501 or 505 */
};

void http_reader_init(struct http_reader *r, size_t head_limit);

/* Read one request head from [data, data + len).
 * Returns HTTP_REQUEST, HTTP_MORE, or ERR_HTTP with r->status set; then the connection must be
 * closed. */
MUST_CHECK int http_read(
        struct http_reader *r, const char *data, size_t len, struct http_request *out);

/* First header of that name, case ignored; NULL: none. */
const struct http_header *http_header_find(const struct http_request *req, const char *name);

/* True when the comma-separated lists of all headers of that name hold the token, case ignored. */
bool http_header_has_token(const struct http_request *req, const char *name, const char *token);

/* Append the percent-decoded path; false (nothing appended) on a bad escape. */
MUST_CHECK bool http_path_decode(struct slice path, struct buf *out);

/* Append the path as Go's path.Clean leaves it: no empty, "." or ".." elements, no trailing slash;
 * "." for nothing. */
void http_path_clean(struct slice path, struct buf *out);

/* The redirect rule of the monitoring port. path is still percent-encoded. When its meaning is not
 * rooted and clean (one trailing slash is kept), append the path that should have been asked for,
 * encoded again and fit for a Location field, and return true: answer 301 and repeat the query. */
bool http_path_redirect(struct slice path, struct buf *out);

/* First value of a query parameter, decoded ('+' is a space), appended to out.
 * Pairs with a bad escape or a ';' do not count. Returns false when the name is not given. */
bool http_query_get(struct slice query, const char *name, struct buf *out);
