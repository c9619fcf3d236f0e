/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c: option.def as a table, and the walk over the keys of a file. */
#include "conf/schema_internal.h"
#include <stddef.h>

#define NONE OPTION_NONE
#define LIVE OPTION_LIVE
#define NEW OPTION_NEW
#define NEVER OPTION_NEVER
#define KIND_ANY LATER_ANY
#define KIND_PRESENT LATER_PRESENT
#define KIND_BOOL CONF_BOOL
#define KIND_STRING CONF_STRING
#define KIND_INTEGER CONF_INTEGER
#define AT(member) offsetof(struct options, member)

const struct option_row option_rows[] = {
#define OPTION(name, aliases, setter, type, member, preset, low, high, reload, field, help)        \
        { name, aliases, schema_set_##setter, OPTION_##type, OPTION_DONE, AT(member), preset, low, \
                high, LATER_ANY, reload, field, help },
#define FIELD(type, member, preset, reload, field)                                                 \
        { "", "", NULL, OPTION_##type, OPTION_INTERNAL, AT(member), preset, NONE, NONE, LATER_ANY, \
                reload, field, "" },
#define LATER(name, aliases, setter, kind, help)                                                   \
        { name, aliases, schema_set_##setter, OPTION_NOTHING, OPTION_LATER, 0, "", NONE, NONE,     \
                KIND_##kind, NEVER, "", help },
#include "conf/option.def"
#undef OPTION
#undef FIELD
#undef LATER
};

const int option_row_n = ARRAY_N(option_rows);

void bool_marks_set(struct bool_marks *marks, size_t offset, bool value)
{
        int i = 0;
        while (i < marks->n && marks->at[i].offset != offset)
                i++;
        if (i == (int)ARRAY_N(marks->at))
                return;
        if (i == marks->n)
                marks->n++;
        marks->at[i].offset = offset;
        marks->at[i].value = value;
}

void bool_marks_apply(const struct bool_marks *marks, struct options *opts)
{
        for (int i = 0; i < marks->n; i++)
                *(bool *)((char *)opts + marks->at[i].offset) = marks->at[i].value;
}

bool schema_is_key(const char *name, const char *aliases, struct slice key)
{
        if (name[0] == '\0')
                return false;
        if (slice_eq_nocase(key, slice_str(name)))
                return true;
        while (*aliases) {
                size_t len = strcspn(aliases, "|");
                if (slice_eq_nocase(key, slice_of(aliases, len)))
                        return true;
                aliases += aliases[len] ? len + 1 : len;
        }
        return false;
}

static const struct option_row *find_row(struct slice key)
{
        for (int i = 0; i < option_row_n; i++)
                if (schema_is_key(option_rows[i].name, option_rows[i].aliases, key))
                        return &option_rows[i];
        return NULL;
}

void schema_read(struct schema *schema, const struct conf_value *root)
{
        const struct conf_map *map = root->as.map;
        if (map->n == 0)
                report_warning(schema->report, NULL, "%s: config has no values or is empty",
                        root->file ? root->file : "");
        for (int i = 0; i < map->n; i++) {
                const struct conf_entry *entry = &map->entries[i];
                const struct option_row *row = find_row(entry->key);
                char name[256];
                if (row)
                        row->set(schema, row, entry);
                else if (!entry->value->used)
                        report_error(schema->report, entry->value, "unknown field %s",
                                report_quote(entry->key, name, sizeof name));
        }
}
