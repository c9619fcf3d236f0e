/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c: a single pass that looks for `key : value` or `key = value` in anything that resembles
 * JSON. It finds what the reference's two regular expressions find, and hides more where those
 * would show a secret: a quoted value ends at its unescaped quote (not at the first comma), keys
 * match in any case because CONNECT is decoded so, and a key spelled with escapes is taken for a
 * secret. */
#include "proto/redact.h"
#include "base/buf.h"
#include "base/text.h"

#define SNIPPET_BYTES 32

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
}

static bool has_word(struct slice text, size_t at, struct slice word)
{
        return text.len - at >= word.len &&
               slice_eq_nocase(slice_of(text.ptr + at, word.len), word);
}

/* Behind a key at `at`: an optional quote, space, ':' or '='. Returns where the value's space
 * begins, or 0. */
static size_t after_key(struct slice text, size_t at)
{
        if (at < text.len && text.ptr[at] == '"')
                at++;
        while (at < text.len && is_space(text.ptr[at]))
                at++;
        return at < text.len && (text.ptr[at] == ':' || text.ptr[at] == '=') ? at + 1 : 0;
}

/* The unescaped quote that ends the string whose content begins at `at`, or the end of the text. */
static size_t string_end(struct slice text, size_t at)
{
        while (at < text.len && text.ptr[at] != '"')
                at += text.ptr[at] == '\\' && at + 1 < text.len ? 2 : 1;
        return at;
}

/* Any key that begins with one of the words: pass, passwd, "password", auth_token2. *blind is the
 * end of the word run in which a search from an earlier byte found nothing. */
static size_t prefix_key(struct slice text, size_t at, size_t *blind)
{
        static const struct slice words[] = { SLICE_LIT("auth_token"), SLICE_LIT("pass") };

        for (size_t i = 0; i < 2; i++) {
                size_t end = at + words[i].len, value = 0;

                if (at < *blind || !has_word(text, at, words[i]))
                        continue;
                for (;; end++) {
                        value = after_key(text, end);
                        if (value || end >= text.len || is_space(text.ptr[end]))
                                break;
                }
                if (value)
                        return value;
                *blind = end;
        }
        return 0;
}

static size_t exact_key(struct slice text, size_t at)
{
        static const struct slice words[] = { SLICE_LIT("proxy_sig"), SLICE_LIT("nkey"),
                SLICE_LIT("sig") };

        if (at > 0 && is_word(text.ptr[at - 1]))
                return 0;
        for (size_t i = 0; i < 3; i++) {
                if (has_word(text, at, words[i]))
                        return after_key(text, at + words[i].len);
        }
        return 0;
}

/* "p\u0061ss": */
static size_t escaped_key(struct slice text, size_t at)
{
        size_t end;

        if (text.ptr[at] != '"')
                return 0;
        end = string_end(text, at + 1);
        if (!memchr(text.ptr + at + 1, '\\', end - at - 1))
                return 0;
        return after_key(text, end);
}

/* Copy the bytes before the value, write the replacement; returns where the text goes on. */
static size_t value_hide(struct slice text, size_t value, struct buf *out)
{
        size_t end;

        while (value < text.len && is_space(text.ptr[value]))
                buf_append_char(out, text.ptr[value++]);
        if (value < text.len && text.ptr[value] == '"') {
                buf_append_char(out, '"');
                end = string_end(text, value + 1);
        } else {
                end = value;
                while (end < text.len && !memchr("\",\r\n}", text.ptr[end], 5))
                        end++;
        }
        buf_append_str(out, "[REDACTED]");
        return end;
}

void proto_redact_connect(struct slice text, struct buf *out)
{
        size_t at = 0, blind = 0;

        while (at < text.len) {
                size_t value = prefix_key(text, at, &blind);

                if (!value)
                        value = exact_key(text, at);
                if (!value)
                        value = escaped_key(text, at);
                if (!value) {
                        buf_append_char(out, text.ptr[at++]);
                        continue;
                }
                buf_append(out, text.ptr + at, value - at);
                at = value_hide(text, value, out);
        }
}

void proto_snippet(struct slice input, size_t start, struct buf *out)
{
        size_t end = start + SNIPPET_BYTES;

        if (start >= input.len) {
                buf_append_str(out, "\"\"");
                return;
        }
        if (end > input.len)
                end = input.len -
                      1; /* the reference leaves the last byte out; its log lines are kept */
        text_quote(out, slice_of(input.ptr + start, end > start ? end - start : 0));
}
