/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: the writer prints what Go's encoding/json prints, byte for byte; reading is jansson's. */
#include "base/json.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_begin(struct json_writer *w, struct buf *out, int indent)
{
        *w = (struct json_writer){ .out = out, .indent = indent, .first = true };
}

static void new_line(struct json_writer *w)
{
        if (w->indent > 0)
                buf_printf(w->out, "\n%*s", w->indent * w->depth, "");
}

/* Everything that comes before a value. */
static void lead(struct json_writer *w, const char *key)
{
        if (w->depth > 0) {
                if (!w->first)
                        buf_append_char(w->out, ',');
                new_line(w);
        }
        w->first = false;
        if (key == NULL)
                return;
        json_quote(w->out, slice_str(key));
        buf_append(w->out, ": ", w->indent > 0 ? 2 : 1);
}

static void open_level(struct json_writer *w, const char *key, char bracket)
{
        lead(w, key);
        buf_append_char(w->out, bracket);
        w->depth++;
        w->first = true;
}

static void close_level(struct json_writer *w, char bracket)
{
        w->depth--;
        if (!w->first)
                new_line(w);
        buf_append_char(w->out, bracket);
        w->first = false;
}

void json_object_open(struct json_writer *w, const char *key)
{
        open_level(w, key, '{');
}

void json_object_close(struct json_writer *w)
{
        close_level(w, '}');
}

void json_array_open(struct json_writer *w, const char *key)
{
        open_level(w, key, '[');
}

void json_array_close(struct json_writer *w)
{
        close_level(w, ']');
}

void json_str(struct json_writer *w, const char *key, const char *text)
{
        json_slice(w, key, slice_str(text));
}

void json_slice(struct json_writer *w, const char *key, struct slice s)
{
        lead(w, key);
        json_quote(w->out, s);
}

void json_i64(struct json_writer *w, const char *key, int64_t value)
{
        lead(w, key);
        buf_printf(w->out, "%" PRId64, value);
}

void json_u64(struct json_writer *w, const char *key, uint64_t value)
{
        lead(w, key);
        buf_printf(w->out, "%" PRIu64, value);
}

/* The fewest digits that read back as the same value, in the form d.ddde[+-]dd. */
static void shortest(double value, char *dst, size_t size)
{
        for (int precision = 0; precision <= 16; precision++) {
                snprintf(dst, size, "%.*e", precision, value);
                if (strtod(dst, NULL) == value)
                        return;
        }
}

/* digits d1d2d3… with the point behind the first one moved by exponent places. */
static void append_fixed(struct buf *out, const char *digits, int n, int exponent)
{
        if (exponent < 0) {
                buf_printf(out, "0.%.*s%s", -exponent - 1, "00000000", digits);
        } else if (exponent >= n - 1) {
                buf_append_str(out, digits);
                for (int i = n - 1; i < exponent; i++)
                        buf_append_char(out, '0');
        } else {
                buf_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
        }
}

/* Fixed point from 1e-6 to 1e21, else exponent form with at least one exponent digit ("1e-7",
 * "1e+21"). */
void json_f64(struct json_writer *w, const char *key, double value)
{
        char text[40], digits[24];
        int n = 0;
        lead(w, key);
        if (!isfinite(value)) { /* Go refuses the whole document; a hole is kinder */
                buf_append_str(w->out, "null");
                return;
        }
        if (signbit(value))
                buf_append_char(w->out, '-');
        value = fabs(value);
        shortest(value, text, sizeof text);
        const char *at = text;
        for (; *at != 'e'; at++) {
                if (*at != '.')
                        digits[n++] = *at;
        }
        digits[n] = '\0';
        int exponent = (int)strtol(at + 1, NULL, 10);
        if (value == 0 || (value >= 1e-6 && value < 1e21))
                append_fixed(w->out, digits, n, exponent);
        else
                buf_printf(w->out, "%c%s%se%+d", digits[0], n > 1 ? "." : "", digits + 1, exponent);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
        lead(w, key);
        buf_append_str(w->out, value ? "true" : "false");
}

void json_nil(struct json_writer *w, const char *key)
{
        lead(w, key);
        buf_append_str(w->out, "null");
}

void json_str_opt(struct json_writer *w, const char *key, const char *text)
{
        if (text != NULL && text[0] != '\0')
                json_str(w, key, text);
}

void json_i64_opt(struct json_writer *w, const char *key, int64_t value)
{
        if (value != 0)
                json_i64(w, key, value);
}

void json_bool_opt(struct json_writer *w, const char *key, bool value)
{
        if (value)
                json_bool(w, key, value);
}

static bool is_plain(uint8_t c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void quote_ascii(struct buf *out, uint8_t c)
{
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *found = c == '\0' ? NULL : strchr(from, c);
        if (found != NULL)
                buf_printf(out, "\\%c", to[found - from]);
        else
                buf_printf(out, "\\u%04x", c);
}

void json_quote(struct buf *out, struct slice s)
{
        size_t at = 0, plain = 0; /* s from plain to at goes out as it is */
        buf_append_char(out, '"');
        while (at < s.len) {
                uint32_t rune;
                size_t width = 1;
                if (is_plain((uint8_t)s.ptr[at])) {
                        at++;
                        continue;
                }
                if ((uint8_t)s.ptr[at] >= 0x80) {
                        width = text_utf8(slice_of(s.ptr + at, s.len - at), &rune);
                        if (width > 1 && rune != 0x2028 && rune != 0x2029) {
                                at += width;
                                continue;
                        }
                        buf_append(out, s.ptr + plain, at - plain);
                        buf_printf(out, "\\u%04x", (unsigned)rune);
                } else {
                        buf_append(out, s.ptr + plain, at - plain);
                        quote_ascii(out, (uint8_t)s.ptr[at]);
                }
                plain = at += width;
        }
        if (at > plain)
                buf_append(out, s.ptr + plain, at - plain);
        buf_append_char(out, '"');
}

json_t *json_parse(struct slice text, struct errbuf *eb)
{
        json_error_t error;
        json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len, 0, &error);
        if (root == NULL)
                errbuf_set(
                        eb, ERR_INVALID, "invalid JSON at byte %d: %s", error.position, error.text);
        return root;
}

json_t *json_member(json_t *object, const char *key)
{
        const char *name;
        json_t *value = json_object_get(object, key);
        if (value != NULL || !json_is_object(object))
                return value;
        json_object_foreach(object, name, value)
        {
                if (slice_eq_nocase(slice_str(name), slice_str(key)))
                        return value;
        }
        return NULL;
}
