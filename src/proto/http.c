/* SPDX-License-Identifier: Apache-2.0 */
/* http.c: the head is read in one go once its empty line has arrived; until then only the new bytes
 * are searched. A line may end with a bare LF (RFC 9112 section 2.2 allows it, people type such
 * requests). */
#include "proto/http.h"

static int refuse(struct http_reader *r, int status)
{
        r->status = status;
        return ERR_HTTP;
}

/* RFC 9110 section 5.6.2. */
static bool is_token_char(char c)
{
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
                return true;
        return c != 0 && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(struct slice s)
{
        for (size_t i = 0; i < s.len; i++) {
                if (!is_token_char(s.ptr[i]))
                        return false;
        }
        return s.len > 0;
}

/* Offset behind the empty line, or 0. r->scanned moves to the last LF that may still be followed by
 * one. */
static size_t head_end(struct http_reader *r, const char *data, size_t len)
{
        size_t at = r->scanned;

        while (at < len) {
                const char *lf = memchr(data + at, '\n', len - at);

                if (!lf)
                        break;
                at = (size_t)(lf - data);
                r->scanned = at;
                if (at + 1 < len && data[at + 1] == '\n')
                        return at + 2;
                if (at + 2 < len && data[at + 1] == '\r' && data[at + 2] == '\n')
                        return at + 3;
                if (at + 2 >= len)
                        return 0;
                at++;
        }
        r->scanned = at > r->scanned ? len : r->scanned;
        return 0;
}

/* Cut the next line off *rest, without its line end. */
static struct slice line_next(struct slice *rest)
{
        const char *lf = memchr(rest->ptr, '\n', rest->len);
        size_t bytes = lf ? (size_t)(lf - rest->ptr) : rest->len;
        struct slice line = slice_of(rest->ptr, bytes);

        if (lf)
                bytes++;
        rest->ptr += bytes;
        rest->len -= bytes;
        if (line.len && line.ptr[line.len - 1] == '\r')
                line.len--;
        return line;
}

static struct slice word_next(struct slice *line)
{
        const char *space = memchr(line->ptr, ' ', line->len);
        struct slice word = slice_of(line->ptr, space ? (size_t)(space - line->ptr) : line->len);
        size_t bytes = word.len + (space ? 1 : 0);

        line->ptr += bytes;
        line->len -= bytes;
        return word;
}

static bool version_take(struct http_reader *r, struct slice version, struct http_request *out)
{
        const char *v = version.ptr;
        bool is_version = version.len == 8 && slice_starts(version, SLICE_LIT("HTTP/")) &&
                          v[5] >= '0' && v[5] <= '9' && v[6] == '.' && v[7] >= '0' && v[7] <= '9';

        r->status = is_version ? 505 : 400;
        if (!is_version || v[5] != '1')
                return false;
        out->minor = v[7] == '0' ? 0 : 1;
        return true;
}

/* "http://host/path" to "/path". */
static bool absolute_skip(struct slice *target)
{
        static const struct slice schemes[] = { SLICE_LIT("http://"), SLICE_LIT("https://") };

        for (size_t i = 0; i < 2; i++) {
                size_t at = schemes[i].len;

                if (target->len <= at || !slice_eq_nocase(slice_of(target->ptr, at), schemes[i]))
                        continue;
                while (at < target->len && target->ptr[at] != '/' && target->ptr[at] != '?')
                        at++;
                target->ptr += at;
                target->len -= at;
                return true;
        }
        return false;
}

/* RFC 9112 section 3.2: the four forms of a target. */
static bool target_take(struct http_request *out)
{
        struct slice target = out->target;
        const char *mark;

        for (size_t i = 0; i < target.len; i++) {
                if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
                        return false;
        }
        if (slice_eq_str(out->method, "CONNECT"))
                return target.len > 0;
        out->path = target;
        if (slice_eq_str(target, "*"))
                return slice_eq_str(out->method, "OPTIONS");
        if (!absolute_skip(&target) && (target.len == 0 || target.ptr[0] != '/'))
                return false;
        mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
        out->path = mark ? slice_of(target.ptr, (size_t)(mark - target.ptr)) : target;
        if (mark)
                out->query = slice_of(mark + 1, target.len - out->path.len - 1);
        if (out->path.len == 0)
                out->path = SLICE_LIT("/");
        return true;
}

static bool request_line_take(struct http_reader *r, struct slice line, struct http_request *out)
{
        out->method = word_next(&line);
        out->target = word_next(&line);
        r->status = 400;
        if (!is_token(out->method) || !version_take(r, line, out))
                return false;
        r->status = 400;
        return target_take(out);
}

static struct slice trim(struct slice s)
{
        while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
                s.ptr++;
                s.len--;
        }
        while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
                s.len--;
        return s;
}

static bool value_is_clean(struct slice value)
{
        for (size_t i = 0; i < value.len; i++) {
                unsigned char c = (unsigned char)value.ptr[i];

                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

/* A folded line (it begins with a space) has no token for a name, hence fails here. */
static bool header_take(struct slice line, struct http_header *out)
{
        const char *colon = memchr(line.ptr, ':', line.len);

        if (!colon)
                return false;
        out->name = slice_of(line.ptr, (size_t)(colon - line.ptr));
        out->value = trim(slice_of(colon + 1, line.len - out->name.len - 1));
        return is_token(out->name) && value_is_clean(out->value);
}

static int header_count(const struct http_request *req, const char *name)
{
        int n = 0;

        for (int i = 0; i < req->header_n; i++)
                n += slice_eq_nocase(req->header[i].name, slice_str(name));
        return n;
}

/* How long is the body? RFC 9112 section 6.3, without the lenient parts. Returns 0 or a status. */
static int framing_take(struct http_request *req)
{
        const struct http_header *length = http_header_find(req, "Content-Length");
        const struct http_header *coding = http_header_find(req, "Transfer-Encoding");
        unsigned long long n;

        if (header_count(req, "Content-Length") > 1 || header_count(req, "Transfer-Encoding") > 1)
                return 400;
        if (coding) {
                if (length || req->minor == 0)
                        return 400;
                if (!slice_eq_nocase(coding->value, SLICE_LIT("chunked")))
                        return 501;
                req->chunked = true;
        }
        if (length) {
                if (!slice_to_u64(length->value, 18, &n))
                        return 400;
                req->content_length = (int64_t)n;
        }
        return 0;
}

static int headers_take(struct slice rest, struct http_request *out)
{
        int host_n, status;

        for (struct slice line = line_next(&rest); line.len; line = line_next(&rest)) {
                if (out->header_n == HTTP_HEADERS_MAX)
                        return 431;
                if (!header_take(line, &out->header[out->header_n]))
                        return 400;
                out->header_n++;
        }
        host_n = header_count(out, "Host");
        if (host_n > 1 || (host_n == 0 && out->minor == 1))
                return 400;
        status = framing_take(out);
        if (out->minor == 1)
                out->keep_alive = !http_header_has_token(out, "Connection", "close");
        else
                out->keep_alive = http_header_has_token(out, "Connection", "keep-alive") &&
                                  !http_header_has_token(out, "Connection", "close");
        return status;
}

void http_reader_init(struct http_reader *r, size_t head_limit)
{
        *r = (struct http_reader){ .head_limit = head_limit };
}

int http_read(struct http_reader *r, const char *data, size_t len, struct http_request *out)
{
        size_t end = head_end(r, data, len);
        struct slice rest;
        int status;

        if (len && !is_token_char(data[0]))
                return refuse(r, 400); /* at once: this is TLS, or no HTTP at all */
        if (end > r->head_limit || (!end && len > r->head_limit))
                return refuse(r, 431);
        if (!end)
                return HTTP_MORE;
        r->scanned = 0;
        rest = slice_of(data, end);
        out->head_bytes = end;
        out->path = out->query = SLICE_NULL;
        out->chunked = out->keep_alive = false;
        out->content_length = -1;
        out->header_n = 0;
        if (!request_line_take(r, line_next(&rest), out))
                return ERR_HTTP;
        status = headers_take(rest, out);
        return status ? refuse(r, status) : HTTP_REQUEST;
}

const struct http_header *http_header_find(const struct http_request *req, const char *name)
{
        for (int i = 0; i < req->header_n; i++) {
                if (slice_eq_nocase(req->header[i].name, slice_str(name)))
                        return &req->header[i];
        }
        return NULL;
}

static bool list_has_token(struct slice list, struct slice token)
{
        while (list.len) {
                const char *comma = memchr(list.ptr, ',', list.len);
                size_t bytes = comma ? (size_t)(comma - list.ptr) : list.len;

                if (slice_eq_nocase(trim(slice_of(list.ptr, bytes)), token))
                        return true;
                if (comma)
                        bytes++;
                list.ptr += bytes;
                list.len -= bytes;
        }
        return false;
}

bool http_header_has_token(const struct http_request *req, const char *name, const char *token)
{
        for (int i = 0; i < req->header_n; i++) {
                if (slice_eq_nocase(req->header[i].name, slice_str(name)) &&
                        list_has_token(req->header[i].value, slice_str(token)))
                        return true;
        }
        return false;
}
