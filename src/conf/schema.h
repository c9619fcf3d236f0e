/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h: the option table: from a parsed file to options, and what the table knows besides. */
#pragma once
#include "conf/ast.h"
#include "conf/options.h"
#include "conf/report.h"

enum option_type {
        OPTION_NOTHING, /* compared by other rows */
        OPTION_STRING,
        OPTION_STRING_OR_NULL, /* the empty string is stored as NULL */
        OPTION_INT,
        OPTION_PORT, /* int; -1 counts as the port in use */
        OPTION_INT64,
        OPTION_BOOL,
        OPTION_DURATION,     /* int64_t nanoseconds */
        OPTION_SECONDS,      /* the same, printed as seconds */
        OPTION_SECRET,       /* a string that is never printed */
        OPTION_NO_AUTH_USER, /* a string with a rule of its own for reloads */
        OPTION_USERS,        /* user_options: never the same, as in the reference */
        OPTION_NKEYS,
        OPTION_WRITE_TIMEOUT,
        OPTION_TLS,
        OPTION_PINS,
        OPTION_OCSP,
        OPTION_TAGS,
        OPTION_METADATA,
        OPTION_FEATURES,
        OPTION_OCSP_CACHE,
};

enum option_reload { OPTION_LIVE, OPTION_NEW, OPTION_NEVER };

enum option_support { OPTION_DONE, OPTION_LATER, OPTION_INTERNAL };

#define OPTION_NONE INT64_MIN /* no bound */

struct schema;
struct option_row;

/* A value of the file, with the key as typed. False: the rest of the block is skipped. */
typedef void (*option_set_fn)(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry);

struct option_row {
        const char *name;    /* "" for OPTION_INTERNAL */
        const char *aliases; /* joined by '|' */
        option_set_fn set;
        enum option_type type;
        enum option_support support;
        size_t offset;      /* of the member in struct options */
        const char *preset; /* default as text; "" none */
        int64_t low, high;
        int later_kind; /* enum conf_kind an OPTION_LATER value must have; -1 any */
        enum option_reload reload;
        const char *field; /* name in refusals of a reload; "" not compared */
        const char *help;
};

extern const struct option_row option_rows[];
extern const int option_row_n;

/* Booleans that were set explicitly, in order of appearance: reload weighs file against flags. */
struct bool_marks {
        int n;
        struct {
                size_t offset;
                bool value;
        } at[16];
};

void bool_marks_set(struct bool_marks *marks, size_t offset, bool value);
void bool_marks_apply(const struct bool_marks *marks, struct options *opts);

/* State of one reading. */
struct schema {
        struct options *opts;
        struct conf_report *report;
        const struct options_hooks *hooks; /* may be NULL */
        struct bool_marks marks;
};

/* Read every key of root into schema->opts; what is wrong goes to schema->report. */
void schema_read(struct schema *schema, const struct conf_value *root);

/* True when key is the name or one of the aliases, in any case. */
bool schema_is_key(const char *name, const char *aliases, struct slice key);
/* Refuse an option by name. */
void schema_later(struct schema *schema, const struct conf_entry *entry);

/* schema_tls.c: the `tls` map. */
void schema_set_tls(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry);
/* schema_ocsp_peer.c: the value of ocsp_peer, a boolean or a map. False: it was reported. */
bool schema_ocsp_peer(
        struct schema *schema, const struct conf_value *value, struct ocsp_peer_options *peer);
/* The check of a finished tls group: files that are missing, then the hook. */
MUST_CHECK int schema_check_tls(
        const struct tls_options *tls, const struct options_hooks *hooks, struct errbuf *eb);

/* schema_ocsp.c: the `ocsp` option. */
void schema_set_ocsp(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry);

/* schema_auth.c: the `authorization` map. */
void schema_set_authorization(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry);
/* schema_perm.c: a permissions map, of the arena of the options. NULL: it is no map; reported. */
const struct perm_options *schema_permissions(
        struct schema *schema, const struct conf_value *value);
/* A string that can be a C string; else reported. */
bool schema_want_text(struct schema *schema, const struct conf_entry *entry);
/* The value, a string, has no NUL byte, at which C's would end; else reported. name: of the option. */
bool schema_whole_text(struct schema *schema, const struct conf_value *value, struct slice name);

/* options_store.c: members by row. */
void option_put_string(
        struct options *opts, enum option_type type, size_t offset, struct slice text);
bool option_is_zero(const struct options *opts, const struct option_row *row);
bool option_same(const struct options *a, const struct options *b, const struct option_row *row);
/* May a running server go from a to b? By the row's reload class, or by its own rule. */
bool option_may_change(
        const struct options *a, const struct options *b, const struct option_row *row);
/* Append the member as Go's %v prints it. */
void option_print(struct buf *out, const struct options *opts, const struct option_row *row);
