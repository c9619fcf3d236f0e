/* SPDX-License-Identifier: Apache-2.0 */
/* schema_ocsp.c: the `ocsp` option: a boolean or a map (tls.md 10.1). */
#include "conf/schema_internal.h"

struct ocsp_reader {
        struct schema *schema;
        struct ocsp_options ocsp;
};

typedef bool (*ocsp_set_fn)(struct ocsp_reader *reader, const struct conf_value *value);

#define OCSP_SETTER(name)                                                                          \
        static bool set_##name(struct ocsp_reader *reader, const struct conf_value *value)

OCSP_SETTER(mode)
{
        static const char *const modes[] = { [OCSP_MODE_AUTO] = "auto",
                [OCSP_MODE_MUST] = "must",
                [OCSP_MODE_ALWAYS] = "always",
                [OCSP_MODE_NEVER] = "never" };
        if (!schema_want(reader->schema, value, CONF_STRING))
                return false;
        for (size_t i = 0; i < ARRAY_N(modes); i++)
                if (slice_eq_nocase(value->as.text, slice_str(modes[i]))) {
                        reader->ocsp.mode = (enum ocsp_mode)i;
                        return true;
                }
        report_error(reader->schema->report, value,
                "error parsing ocsp config: unsupported ocsp mode string");
        return true;
}

static bool take_urls(struct ocsp_reader *reader, const struct conf_value *const *values, int n)
{
        struct arena *arena = reader->schema->opts->arena;
        reader->ocsp.urls = arena_alloc(arena, (size_t)(n + 1) * sizeof *reader->ocsp.urls);
        reader->ocsp.url_n = 0;
        for (int i = 0; i < n; i++) {
                if (!schema_want(reader->schema, values[i], CONF_STRING) ||
                        !schema_whole_text(reader->schema, values[i], SLICE_LIT("url")))
                        return false;
                reader->ocsp.urls[reader->ocsp.url_n++] = arena_str(arena, values[i]->as.text);
        }
        return true;
}

OCSP_SETTER(url)
{
        return take_urls(reader, &value, 1);
}

/* The reference means this and cannot read it. */
OCSP_SETTER(urls)
{
        if (!schema_want(reader->schema, value, CONF_ARRAY))
                return false;
        return take_urls(reader, (const struct conf_value *const *)value->as.array->items,
                value->as.array->n);
}

static const struct {
        const char *name;
        ocsp_set_fn set;
} ocsp_rows[] = {
#define OCSP_OPTION(name, setter, preset, help) { name, set_##setter },
#include "conf/ocsp_option.def"
#undef OCSP_OPTION
};

static bool read_key(struct ocsp_reader *reader, const struct conf_entry *entry)
{
        for (size_t i = 0; i < ARRAY_N(ocsp_rows); i++)
                if (slice_eq_str(entry->key, ocsp_rows[i].name))
                        return ocsp_rows[i].set(reader, entry->value);
        report_error(reader->schema->report, entry->value,
                "error parsing ocsp config: unsupported field string");
        return false;
}

void schema_set_ocsp(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry)
{
        const struct conf_value *value = entry->value;
        struct ocsp_reader reader = { .schema = schema };
        bool ok = true;
        if (value->kind == CONF_BOOL) {
                reader.ocsp.mode = value->as.boolean ? OCSP_MODE_AUTO : OCSP_MODE_NEVER;
        } else if (value->kind != CONF_MAP) {
                report_error(schema->report, value,
                        "error parsing ocsp config: unsupported type %s", conf_type_name(value));
                return;
        }
        for (int i = 0; ok && value->kind == CONF_MAP && i < value->as.map->n; i++)
                ok = read_key(&reader, &value->as.map->entries[i]);
        reader.ocsp.configured = true;
        if (ok)
                schema->opts->ocsp = reader.ocsp;
}
