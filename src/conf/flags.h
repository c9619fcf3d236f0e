/* SPDX-License-Identifier: Apache-2.0 */
/* flags.h: the command line in Go's flag syntax.
 * "-name value", "-name=value", one or two dashes alike; booleans only "-name" or "-name=value".
 * Parsing stops at "--", "-" or the first word that is no flag. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "conf/schema.h"

enum flag_id {
#define FLAG(id, section, names, kind, type, member, argument, help) FLAG_##id,
#define SWITCH(id, section, names, kind, argument, help) FLAG_##id,
#define LATER(id, names, kind) FLAG_##id,
#include "conf/flag.def"
#undef FLAG
#undef SWITCH
#undef LATER
        FLAG_COUNT
};

struct flag_value {
        bool given;
        const char *name; /* the spelling used last, borrowed from the table; no dashes */
        size_t name_len;
        const char *text; /* strings: borrowed from argv */
        int64_t number;
        bool on;
};

/* Kept for reloads: texts point into argv, which lives as long as the process. */
struct flags {
        struct flag_value value[FLAG_COUNT];
        char *const *words; /* what follows the flags */
        int word_n;
};

/* Parse argv[1..]. ERR_CONFIG: eb has the line that Go prints; the usage text and exit 0 follow. */
MUST_CHECK int flags_parse(struct flags *flags, int argc, char *const *argv, struct errbuf *eb);

/* Store the values given into opts, as the last word over a file. */
void flags_apply(const struct flags *flags, struct options *opts);
/* What a reload keeps of the command line: only some values, and only non-zero ones. */
void flags_merge(const struct flags *flags, struct options *opts);
/* The booleans that were given. */
void flags_marks(const struct flags *flags, struct bool_marks *marks);
/* The first flag that midge does not know how to serve yet: ERR_CONFIG "not supported yet: --NAME";
 * else the first number out of its range. */
MUST_CHECK int flags_check_values(const struct flags *flags, struct errbuf *eb);
/* Replace or drop the tls group as the --tls* flags say. */
MUST_CHECK int flags_apply_tls(const struct flags *flags, struct options *opts,
        const struct options_hooks *hooks, struct errbuf *eb);

void flags_usage(struct buf *out, const char *program);
void flags_usage_tls(struct buf *out);
