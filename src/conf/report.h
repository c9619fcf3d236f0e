/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: what is wrong with a configuration: everything at once, warnings first. */
#pragma once
#include "base/buf.h"
#include "base/macros.h"
#include "conf/ast.h"

/* Zero-initialise. */
struct conf_report {
        struct buf errors, warnings; /* lines, each with its newline */
        int error_n, warning_n;
};

void report_fini(struct conf_report *report);
/* One line "FILE:LINE:COL: sentence"; at may be NULL or without a position: the sentence alone. */
void report_error(struct conf_report *report, const struct conf_value *at, const char *fmt, ...)
        PRINTF_LIKE(3, 4);
void report_warning(struct conf_report *report, const struct conf_value *at, const char *fmt, ...)
        PRINTF_LIKE(3, 4);
/* `value` is not of the type `wanted` (a name as in conf_type_name()). */
void report_type(struct conf_report *report, const struct conf_value *value, const char *wanted);
/* A name in double quotes with Go's escapes, cut to fit dst. */
const char *report_quote(struct slice name, char *dst, size_t size);
