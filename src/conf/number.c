/* SPDX-License-Identifier: Apache-2.0 */
/* number.c: texts that stand for numbers. */
#include "conf/number.h"
#include "base/buf.h"
#include "base/mem.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Digits with a sign already taken; *used counts them. */
static int take_digits(struct slice s, bool negative, int64_t *out, size_t *used)
{
        uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
        uint64_t value = 0;
        size_t i = 0;
        for (; i < s.len && is_digit(s.ptr[i]); i++) {
                uint64_t digit = (uint64_t)(s.ptr[i] - '0');
                if (value > (limit - digit) / 10)
                        return ERR_RANGE;
                value = value * 10 + digit;
        }
        if (i == 0)
                return ERR_INVALID;
        *out = negative ? (int64_t)(0 - value) : (int64_t)value;
        *used = i;
        return 0;
}

static uint64_t power(uint64_t base, int exponent)
{
        uint64_t value = 1;
        while (exponent-- > 0)
                value *= base;
        return value;
}

int number_integer(struct slice text, int64_t *out)
{
        static const char letters[] = "kmgtpe";
        bool negative = text.len > 0 && text.ptr[0] == '-';
        size_t sign = negative ? 1 : 0, used;
        int64_t value;
        int rc = take_digits(slice_of(text.ptr + sign, text.len - sign), negative, &value, &used);
        if (rc < 0)
                return rc;
        struct slice suffix = slice_of(text.ptr + sign + used, text.len - sign - used);
        if (suffix.len > 0) {
                const char *letter = strchr(letters, tolower((unsigned char)suffix.ptr[0]));
                if (!letter || !*letter)
                        return ERR_INVALID;
                uint64_t unit = power(suffix.len == 1 ? 1000 : 1024, (int)(letter - letters) + 1);
                value = (int64_t)((uint64_t)value * unit);
        }
        *out = value;
        return 0;
}

int number_float(struct slice text, double *out)
{
        char small[64];
        char *copy = text.len < sizeof small ? small : mem_try(text.len + 1);
        if (!copy)
                return ERR_NOMEM;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        double value = strtod(copy, NULL);
        if (copy != small)
                xfree(copy);
        if (isinf(value))
                return ERR_RANGE;
        *out = value;
        return 0;
}

static int two_digits(const char *at)
{
        return (at[0] - '0') * 10 + at[1] - '0';
}

bool number_date_ok(struct slice text)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        if (text.len != 20)
                return false;
        const char *p = text.ptr;
        int year = two_digits(p) * 100 + two_digits(p + 2);
        int month = two_digits(p + 5), day = two_digits(p + 8);
        if (month < 1 || month > 12)
                return false;
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int last = month == 2 && leap ? 29 : days[month - 1];
        return day >= 1 && day <= last && two_digits(p + 11) < 24 && two_digits(p + 14) < 60 &&
               two_digits(p + 17) < 60;
}

bool number_atoi(struct slice text, int64_t *out)
{
        bool negative = text.len > 0 && text.ptr[0] == '-';
        size_t sign = negative || (text.len > 0 && text.ptr[0] == '+') ? 1 : 0, used;
        int64_t value;
        if (text.len == 0 || take_digits(slice_of(text.ptr + sign, text.len - sign), negative,
                                     &value, &used) < 0)
                return false;
        if (sign + used != text.len)
                return false;
        *out = value;
        return true;
}

static const struct {
        const char *name;
        uint64_t ns;
} units[] = {
        { "ns", 1 },
        { "us", NS_PER_US },
        { "\xc2\xb5s", NS_PER_US }, /* micro sign */
        { "\xce\xbcs", NS_PER_US }, /* Greek mu */
        { "ms", NS_PER_MS },
        { "s", NS_PER_SEC },
        { "m", 60 * NS_PER_SEC },
        { "h", 3600 * NS_PER_SEC },
};

static uint64_t unit_ns(struct slice name)
{
        for (size_t i = 0; i < ARRAY_N(units); i++)
                if (slice_eq_str(name, units[i].name))
                        return units[i].ns;
        return 0;
}

/* As Go's time package quotes: not the way the rest of Go does. */
static void quote_duration(struct buf *out, struct slice s)
{
        buf_append_char(out, '"');
        for (size_t i = 0; i < s.len; i++) {
                unsigned char c = (unsigned char)s.ptr[i];
                if (c < ' ' || c >= 0x80)
                        buf_printf(out, "\\x%02x", c);
                else
                        buf_printf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
        }
        buf_append_char(out, '"');
}

static int duration_fail(struct errbuf *eb, const char *what, struct slice unit, struct slice whole)
{
        struct buf text;
        buf_init(&text);
        buf_printf(&text, "time: %s ", what);
        if (unit.ptr) {
                quote_duration(&text, unit);
                buf_append_str(&text, " in duration ");
        }
        quote_duration(&text, whole);
        errbuf_set(eb, ERR_INVALID, "%.*s", SLICE_ARG(buf_slice(&text)));
        buf_fini(&text);
        return ERR_INVALID;
}

/* One part such as "1.5h": *s moves behind it. Adds to *sum, which stays within 2^63. */
static int duration_part(struct slice *s, uint64_t *sum, struct slice whole, struct errbuf *eb)
{
        const uint64_t limit = (uint64_t)1 << 63;
        uint64_t value = 0, fraction = 0;
        double scale = 1;
        size_t i = 0, digits = 0;
        for (; i < s->len && is_digit(s->ptr[i]); i++, digits++) {
                if (value > limit / 10)
                        return duration_fail(eb, "invalid duration", SLICE_NULL, whole);
                value = value * 10 + (uint64_t)(s->ptr[i] - '0');
                if (value > limit)
                        return duration_fail(eb, "invalid duration", SLICE_NULL, whole);
        }
        if (i < s->len && s->ptr[i] == '.') {
                bool full = false; /* more digits would not fit and do not count */
                for (i++; i < s->len && is_digit(s->ptr[i]); i++, digits++) {
                        uint64_t digit = (uint64_t)(s->ptr[i] - '0');
                        full = full || fraction > (limit - 1 - digit) / 10;
                        if (full)
                                continue;
                        fraction = fraction * 10 + digit;
                        scale *= 10;
                }
        }
        if (digits == 0)
                return duration_fail(eb, "invalid duration", SLICE_NULL, whole);
        size_t unit_at = i;
        while (i < s->len && s->ptr[i] != '.' && !is_digit(s->ptr[i]))
                i++;
        struct slice unit = slice_of(s->ptr + unit_at, i - unit_at);
        if (unit.len == 0)
                return duration_fail(eb, "missing unit in duration", SLICE_NULL, whole);
        uint64_t ns = unit_ns(unit);
        if (ns == 0)
                return duration_fail(eb, "unknown unit", unit, whole);
        if (value > limit / ns)
                return duration_fail(eb, "invalid duration", SLICE_NULL, whole);
        value = value * ns + (uint64_t)((double)fraction * ((double)ns / scale));
        if (value > limit || *sum > limit - value)
                return duration_fail(eb, "invalid duration", SLICE_NULL, whole);
        *sum += value;
        *s = slice_of(s->ptr + i, s->len - i);
        return 0;
}

int64_t number_seconds(double seconds)
{
        double ns = seconds * 1e9;
        return ns >= 9.2e18 ? INT64_MAX : ns <= -9.2e18 ? INT64_MIN : (int64_t)llround(ns);
}

int number_duration(struct slice text, int64_t *ns, struct errbuf *eb)
{
        struct slice s = text;
        bool negative = s.len > 0 && s.ptr[0] == '-';
        if (negative || (s.len > 0 && s.ptr[0] == '+'))
                s = slice_of(s.ptr + 1, s.len - 1);
        if (slice_eq_str(s, "0")) {
                *ns = 0;
                return 0;
        }
        if (s.len == 0)
                return duration_fail(eb, "invalid duration", SLICE_NULL, text);
        uint64_t sum = 0;
        while (s.len > 0) {
                int rc = duration_part(&s, &sum, text, eb);
                if (rc < 0)
                        return rc;
        }
        if (!negative && sum > INT64_MAX)
                return duration_fail(eb, "invalid duration", SLICE_NULL, text);
        *ns = negative ? (int64_t)(0 - sum) : (int64_t)sum;
        return 0;
}

bool number_host_port(struct slice text, struct slice *host, struct slice *port)
{
        const char *end = text.ptr + text.len;
        const char *colon = NULL;
        for (size_t i = text.len; i > 0 && !colon; i--)
                if (text.ptr[i - 1] == ':')
                        colon = text.ptr + i - 1;
        if (!colon)
                return false;
        struct slice name = slice_of(text.ptr, (size_t)(colon - text.ptr));
        if (name.len > 0 && name.ptr[0] == '[') {
                if (name.ptr[name.len - 1] != ']')
                        return false;
                name = slice_of(name.ptr + 1, name.len - 2);
        } else if (name.len > 0 && memchr(name.ptr, ':', name.len)) {
                return false; /* an IPv6 address without brackets */
        }
        struct slice number = slice_of(colon + 1, (size_t)(end - colon - 1));
        if ((name.len > 0 &&
                    (memchr(name.ptr, '[', name.len) || memchr(name.ptr, ']', name.len))) ||
                (number.len > 0 && (memchr(number.ptr, '[', number.len) ||
                                           memchr(number.ptr, ']', number.len))))
                return false;
        *host = name;
        *port = number;
        return true;
}
