/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c: option.def, the tables of doc_rows.h and flag.def as markdown, options sorted by name. */
#include "conf/describe.h"
#include "base/mem.h"
#include "conf/doc_rows.h"
#include "conf/flags_internal.h"
#include "conf/schema.h"
#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
        const struct option_row *x = *(const struct option_row *const *)a;
        const struct option_row *y = *(const struct option_row *const *)b;
        return strcmp(x->name, y->name);
}

/* `name`, `alias`, … */
static void names(struct buf *out, const char *name, const char *aliases)
{
        buf_printf(out, "`%s`", name);
        while (*aliases) {
                size_t len = strcspn(aliases, "|");
                buf_printf(out, ", `%.*s`", (int)len, aliases);
                aliases += aliases[len] ? len + 1 : len;
        }
}

static const char *type_name(const struct option_row *row)
{
        switch (row->type) {
        case OPTION_NOTHING:
                return row->set == schema_set_authorization ? "map" : "port or host:port";
        case OPTION_STRING:
        case OPTION_STRING_OR_NULL:
        case OPTION_SECRET:
        case OPTION_NO_AUTH_USER:
        case OPTION_WRITE_TIMEOUT:
                return "string";
        case OPTION_INT:
        case OPTION_PORT:
        case OPTION_INT64:
                return "integer";
        case OPTION_BOOL:
                return "boolean";
        case OPTION_DURATION:
        case OPTION_SECONDS:
                return "duration";
        case OPTION_USERS:
        case OPTION_NKEYS:
                return "array";
        case OPTION_OCSP:
        case OPTION_OCSP_CACHE:
                return "boolean or map";
        case OPTION_TLS:
        case OPTION_METADATA:
        case OPTION_FEATURES:
                return "map";
        case OPTION_TAGS:
        case OPTION_PINS:
                return "string or array";
        }
        return "";
}

static const char *reload_name(const struct option_row *row)
{
        switch (row->reload) {
        case OPTION_LIVE:
                return "live";
        case OPTION_NEW:
                return "new connections";
        case OPTION_NEVER:
                return "restart";
        }
        return "";
}

static void option(struct buf *out, const struct option_row *row)
{
        buf_append_str(out, "| ");
        names(out, row->name, row->aliases);
        buf_printf(out, " | %s | %s%s%s | %s | %s |\n", type_name(row), row->preset[0] ? "`" : "",
                row->preset, row->preset[0] ? "`" : "", reload_name(row), row->help);
}

static void later(struct buf *out, const struct option_row *row)
{
        buf_append_str(out, "| ");
        names(out, row->name, row->aliases);
        buf_printf(out, " | %s |\n", row->help);
}

static void options_with(struct buf *out, enum option_support support,
        void (*line)(struct buf *out, const struct option_row *row))
{
        const struct option_row **sorted = xcalloc((size_t)option_row_n, sizeof(void *));
        for (int i = 0; i < option_row_n; i++)
                sorted[i] = &option_rows[i];
        qsort(sorted, (size_t)option_row_n, sizeof(void *), by_name);
        for (int i = 0; i < option_row_n; i++)
                if (sorted[i]->support == support)
                        line(out, sorted[i]);
        xfree(sorted);
}

static bool has_defaults(const struct doc_rows *table)
{
        for (size_t i = 0; i < table->n; i++)
                if (table->rows[i].preset[0])
                        return true;
        return false;
}

static void map(struct buf *out, const struct doc_rows *table)
{
        bool defaults = has_defaults(table);
        buf_printf(out, "\n## %s\n\n| option |%s |\n|---|%s---|\n", table->title,
                defaults ? " default |" : "", defaults ? "---|" : "");
        for (size_t i = 0; i < table->n; i++) {
                const struct doc_row *row = &table->rows[i];
                const char *quote = row->preset[0] ? "`" : "";
                buf_append_str(out, "| ");
                names(out, row->name, row->aliases);
                if (defaults)
                        buf_printf(out, " | %s%s%s", quote, row->preset, quote);
                buf_printf(out, " | %s |\n", row->help);
        }
}

void options_describe(struct buf *out)
{
        buf_append_str(out,
                "# Options\n\n"
                "Written from the tables in `src/conf` by the build target `options-page`; a test "
                "compares the two.\n\n"
                "The file is in the NATS configuration language. Names are the same in any case. "
                "Sizes may be written as `64mb` or `1gib`; a duration is a string such as `2m` or "
                "`\"1m30s\"` (quote it: bare `5m` is the number five million).\n\n"
                "*Reload* tells when a change takes effect: `live` at once, `new connections` for "
                "those, `restart` refuses the reload.\n\n"
                "## Configuration file\n\n"
                "| option | type | default | reload | |\n|---|---|---|---|---|\n");
        options_with(out, OPTION_DONE, option);
        for (int i = 0; i < DOC_MAP_COUNT; i++)
                map(out, &doc_maps[i]);
        buf_append_str(out, "\n## Known, not supported yet\n\n"
                            "A file that uses one of these is refused by name, unless the value "
                            "switches it off.\n\n"
                            "| option | |\n|---|---|\n");
        options_with(out, OPTION_LATER, later);
        buf_append_str(out, "\n## Command line\n\n```");
        flags_usage(out, "midge");
        out->len--; /* the blank line that ends the usage text */
        buf_append_str(out, "```\n");
}
