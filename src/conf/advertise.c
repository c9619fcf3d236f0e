/* SPDX-License-Identifier: Apache-2.0 */
/* The rules and the words are those of Go's net.SplitHostPort and strconv.Atoi. */
#include "conf/advertise.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/number.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char missing_port[] = "missing port in address";
static const char too_many[] = "too many colons in address";

/* NULL, or what is wrong. */
static const char *split(const char *text, struct slice *host, struct slice *port)
{
        const char *colon = strrchr(text, ':'), *close = NULL;
        if (colon == NULL)
                return missing_port;
        if (text[0] == '[') {
                close = strchr(text, ']');
                if (close == NULL)
                        return "missing ']' in address";
                if (close + 1 != colon)
                        return close[1] == ':' ? too_many : missing_port;
                *host = slice_of(text + 1, (size_t)(close - text - 1));
        } else {
                *host = slice_of(text, (size_t)(colon - text));
                if (memchr(host->ptr, ':', host->len))
                        return too_many;
        }
        if (strchr(close ? text + 1 : text, '['))
                return "unexpected '[' in address";
        if (strchr(close ? close + 1 : text, ']'))
                return "unexpected ']' in address";
        *port = slice_str(colon + 1);
        return NULL;
}

static struct slice trim(struct slice s)
{
        while (s.len > 0 && strchr(" \t\r\n\v\f", s.ptr[0]))
                s = slice_of(s.ptr + 1, s.len - 1);
        while (s.len > 0 && strchr(" \t\r\n\v\f", s.ptr[s.len - 1]))
                s.len--;
        return s;
}

static bool is_number(struct slice s)
{
        size_t sign = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
        for (size_t i = sign; i < s.len; i++)
                if (s.ptr[i] < '0' || s.ptr[i] > '9')
                        return false;
        return s.len > sign;
}

static int bad_number(struct slice port, struct errbuf *eb)
{
        struct buf shown = { 0 };
        text_quote(&shown, port);
        int rc = errbuf_set(eb, ERR_CONFIG, "strconv.Atoi: parsing %.*s: %s",
                SLICE_ARG(buf_slice(&shown)),
                is_number(port) ? "value out of range" : "invalid syntax");
        buf_fini(&shown);
        return rc;
}

static int take(const char *text, int fallback, char *dst, int *port, struct errbuf *eb)
{
        struct slice host, digits;
        int64_t number;
        const char *wrong = split(text, &host, &digits);
        if (wrong)
                return errbuf_set(eb, ERR_CONFIG, "address %s: %s", text, wrong);
        digits = trim(digits);
        if (!is_number(digits) || !number_atoi(digits, &number))
                return bad_number(digits, eb);
        if (number < INT_MIN || number > INT_MAX)
                return errbuf_set(eb, ERR_CONFIG, "port %lld is out of range", (long long)number);
        *port = number == 0 || number == -1 ? fallback : (int)number;
        host = trim(host);
        memcpy(dst, host.ptr, host.len);
        dst[host.len] = '\0';
        return 0;
}

int advertise_split(const char *text, int fallback, char *dst, int *port, struct errbuf *eb)
{
        struct slice host, digits;
        struct buf with_port = { 0 };
        buf_append_str(&with_port, text);
        if (split(text, &host, &digits) == missing_port)
                buf_printf(&with_port, ":%d", fallback);
        char *whole = buf_take_str(&with_port), *room = xmalloc(strlen(whole) + 1);
        int rc = take(whole, fallback, room, port, eb);
        if (rc == 0)
                memcpy(dst, room, strlen(room) + 1);
        xfree(room);
        xfree(whole);
        return rc;
}
