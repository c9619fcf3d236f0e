/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: lines of a report. */
#include "conf/report.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

void report_fini(struct conf_report *report)
{
        buf_fini(&report->errors);
        buf_fini(&report->warnings);
}

PRINTF_LIKE(3, 0)
static void line(struct buf *out, const struct conf_value *at, const char *fmt, va_list args)
{
        if (at && at->file)
                buf_printf(out, "%s:%d:%d: ", at->file, at->line, at->col);
        buf_vprintf(out, fmt, args);
        buf_append_char(out, '\n');
}

void report_error(struct conf_report *report, const struct conf_value *at, const char *fmt, ...)
{
        va_list args;
        va_start(args, fmt);
        line(&report->errors, at, fmt, args);
        va_end(args);
        report->error_n++;
}

void report_warning(struct conf_report *report, const struct conf_value *at, const char *fmt, ...)
{
        va_list args;
        va_start(args, fmt);
        line(&report->warnings, at, fmt, args);
        va_end(args);
        report->warning_n++;
}

/* Types go by the reference's names, which its own sentences print; people read these. */
static const char *plain_type(const char *name)
{
        static const struct {
                const char *name, *plain;
        } types[] = {
                { "string", "a string" },
                { "int64", "an integer" },
                { "float64", "a number" },
                { "bool", "a boolean" },
                { "time.Time", "a date" },
                { "[]interface {}", "a list" },
                { "map[string]interface {}", "a map" },
        };
        for (size_t i = 0; i < ARRAY_N(types); i++)
                if (strcmp(types[i].name, name) == 0)
                        return types[i].plain;
        return name;
}

void report_type(struct conf_report *report, const struct conf_value *value, const char *wanted)
{
        report_error(report, value, "wrong type: expected %s, got %s", plain_type(wanted),
                plain_type(conf_type_name(value)));
}

const char *report_quote(struct slice name, char *dst, size_t size)
{
        struct buf text;
        buf_init(&text);
        text_quote(&text, name);
        snprintf(dst, size, "%.*s", SLICE_ARG(buf_slice(&text)));
        buf_fini(&text);
        return dst;
}
