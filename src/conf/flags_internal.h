/* SPDX-License-Identifier: Apache-2.0 */
/* flags_internal.h: flag.def as a table. */
#pragma once
#include "conf/flags.h"

enum flag_kind { FLAG_KIND_BOOL, FLAG_KIND_INT, FLAG_KIND_INT64, FLAG_KIND_STRING };

struct flag_row {
        const char *section; /* title of the section it is in */
        const char *names;
        enum flag_kind kind;
        bool later;
        bool stored; /* type and offset are set */
        enum option_type type;
        size_t offset;
        const char *argument, *help;
};

extern const struct flag_row flag_rows[FLAG_COUNT];
