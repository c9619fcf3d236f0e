/* SPDX-License-Identifier: Apache-2.0 */
/* schema_set.c: one function per kind of value that an option can have. */
#include "base/clock.h"
#include "base/mem.h"
#include "conf/number.h"
#include "conf/schema_internal.h"
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

#define MEMBER(schema, type, row) ((type *)((char *)(schema)->opts + (row)->offset))

bool schema_want(struct schema *schema, const struct conf_value *value, enum conf_kind kind)
{
        if (value->kind == kind)
                return true;
        struct conf_value wanted = { .kind = kind };
        report_type(schema->report, value, conf_type_name(&wanted));
        return false;
}

bool schema_whole_text(struct schema *schema, const struct conf_value *value, struct slice name)
{
        struct slice text = value->as.text;
        if (text.len == 0 || !memchr(text.ptr, '\0', text.len))
                return true;
        report_error(schema->report, value, "%.*s must not contain a NUL byte", SLICE_ARG(name));
        return false;
}

bool schema_want_text(struct schema *schema, const struct conf_entry *entry)
{
        return schema_want(schema, entry->value, CONF_STRING) &&
               schema_whole_text(schema, entry->value, entry->key);
}

SCHEMA_SETTER(string)
{
        if (schema_want_text(schema, entry))
                option_put_string(schema->opts, row->type, row->offset, entry->value->as.text);
}

SCHEMA_SETTER(server_name)
{
        if (!schema_want_text(schema, entry))
                return;
        struct slice text = entry->value->as.text;
        if (text.len > 0 && memchr(text.ptr, ' ', text.len))
                report_error(schema->report, entry->value, "server name cannot contain spaces");
        else
                option_put_string(schema->opts, row->type, row->offset, text);
}

static bool want_number(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry)
{
        if (!schema_want(schema, entry->value, CONF_INTEGER))
                return false;
        int64_t value = entry->value->as.integer;
        bool big = row->high != OPTION_NONE && value > row->high;
        if (!big && (row->low == OPTION_NONE || value >= row->low))
                return true;
        report_error(schema->report, entry->value, "%.*s value %s", SLICE_ARG(entry->key),
                big ? "is too big" : "can not be negative");
        return false;
}

static int clamp(int64_t value)
{
        return value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

SCHEMA_SETTER(int)
{
        if (want_number(schema, row, entry))
                *MEMBER(schema, int, row) = clamp(entry->value->as.integer);
}

SCHEMA_SETTER(int64)
{
        if (want_number(schema, row, entry))
                *MEMBER(schema, int64_t, row) = entry->value->as.integer;
}

/* 0 means none in the file, while a member that is 0 gets the default. */
SCHEMA_SETTER(max_connections)
{
        if (want_number(schema, row, entry))
                *MEMBER(schema, int64_t, row) =
                        entry->value->as.integer ? entry->value->as.integer : -1;
}

SCHEMA_SETTER(bool)
{
        if (schema_want(schema, entry->value, CONF_BOOL))
                *MEMBER(schema, bool, row) = entry->value->as.boolean;
}

/* A boolean that the command line has as well: a reload must know that the file sets it. */
SCHEMA_SETTER(flag)
{
        if (!schema_want(schema, entry->value, CONF_BOOL))
                return;
        *MEMBER(schema, bool, row) = entry->value->as.boolean;
        bool_marks_set(&schema->marks, row->offset, entry->value->as.boolean);
}

SCHEMA_SETTER(trace_too)
{
        if (!schema_want(schema, entry->value, CONF_BOOL))
                return;
        schema_set_flag(schema, row, entry);
        schema->opts->log.trace = entry->value->as.boolean;
        bool_marks_set(
                &schema->marks, offsetof(struct options, log.trace), entry->value->as.boolean);
}

/* A duration as text, or seconds as an integer, which earns a warning. */
SCHEMA_SETTER(duration)
{
        const struct conf_value *value = entry->value;
        struct errbuf eb;
        if (value->kind == CONF_STRING) {
                if (number_duration(value->as.text, MEMBER(schema, int64_t, row), &eb) < 0)
                        report_error(
                                schema->report, value, "error parsing %s: %s", row->name, eb.text);
                return;
        }
        report_warning(schema->report, value,
                "invalid use of field \"%s\": %s should be converted to a duration", row->name,
                row->name);
        if (!schema_want(schema, value, CONF_INTEGER))
                return;
        int64_t limit = INT64_MAX / (int64_t)NS_PER_SEC, seconds = value->as.integer;
        seconds = seconds > limit ? limit : seconds < -limit ? -limit : seconds;
        *MEMBER(schema, int64_t, row) = seconds * (int64_t)NS_PER_SEC;
}

/* A duration that must be text. */
static bool want_duration(struct schema *schema, const struct option_row *row,
        const struct conf_entry *entry, int64_t *ns)
{
        struct errbuf eb;
        if (!schema_want(schema, entry->value, CONF_STRING))
                return false;
        if (number_duration(entry->value->as.text, ns, &eb) == 0)
                return true;
        report_error(schema->report, entry->value, "error parsing %s: %s", row->name, eb.text);
        return false;
}

SCHEMA_SETTER(lame_duck_duration)
{
        int64_t ns;
        if (!want_duration(schema, row, entry, &ns))
                return;
        if (ns < 30 * (int64_t)NS_PER_SEC) {
                char text[40];
                clock_duration(ns, text, sizeof text);
                report_error(schema->report, entry->value,
                        "invalid lame_duck_duration of %s, minimum is 30 seconds", text);
                return;
        }
        *MEMBER(schema, int64_t, row) = ns;
}

SCHEMA_SETTER(lame_duck_grace)
{
        int64_t ns;
        if (!want_duration(schema, row, entry, &ns))
                return;
        if (ns < 0)
                report_error(schema->report, entry->value,
                        "invalid lame_duck_grace_period, needs to be positive");
        else
                *MEMBER(schema, int64_t, row) = ns;
}

SCHEMA_SETTER(write_timeout)
{
        if (!schema_want(schema, entry->value, CONF_STRING))
                return;
        struct slice word = entry->value->as.text;
        enum write_timeout_policy *policy = &schema->opts->timing.write_timeout;
        if (slice_eq_str(word, "default"))
                *policy = WRITE_TIMEOUT_DEFAULT;
        else if (slice_eq_str(word, "close"))
                *policy = WRITE_TIMEOUT_CLOSE;
        else if (slice_eq_str(word, "retry"))
                *policy = WRITE_TIMEOUT_RETRY;
        else
                report_error(schema->report, entry->value,
                        "write_timeout must be 'default', 'close' or 'retry'");
}

/* A port, or host:port; sets both members together. */
static void listen_to(
        struct schema *schema, const struct conf_entry *entry, const char **host, int *port)
{
        const struct conf_value *value = entry->value;
        struct slice host_text = SLICE_NULL, port_text;
        char quoted[256];
        int64_t number;
        if (value->kind == CONF_INTEGER) {
                number = value->as.integer;
        } else if (value->kind != CONF_STRING) {
                report_error(schema->report, value, "expected port or host:port, got %s",
                        conf_type_name(value));
                return;
        } else if (!number_host_port(value->as.text, &host_text, &port_text) ||
                   (host_text.len > 0 && memchr(host_text.ptr, '\0', host_text.len))) {
                report_error(schema->report, value, "could not parse address string %s",
                        report_quote(value->as.text, quoted, sizeof quoted));
                return;
        } else if (!number_atoi(port_text, &number)) {
                report_error(schema->report, value, "could not parse port %s",
                        report_quote(port_text, quoted, sizeof quoted));
                return;
        }
        *host = arena_str(schema->opts->arena, host_text);
        *port = clamp(number);
}

SCHEMA_SETTER(listen_client)
{
        listen_to(schema, entry, &schema->opts->client.host, &schema->opts->client.port);
}

SCHEMA_SETTER(listen_http)
{
        listen_to(schema, entry, &schema->opts->monitor.host, &schema->opts->monitor.http_port);
}

SCHEMA_SETTER(listen_https)
{
        listen_to(schema, entry, &schema->opts->monitor.host, &schema->opts->monitor.https_port);
}

/* Trimmed, in lower case, once. */
static void add_tag(struct options *opts, struct slice text)
{
        while (text.len > 0 && isspace((unsigned char)text.ptr[0]))
                text = slice_of(text.ptr + 1, text.len - 1);
        while (text.len > 0 && isspace((unsigned char)text.ptr[text.len - 1]))
                text.len--;
        char *tag = arena_str(opts->arena, text);
        for (char *c = tag; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        for (int i = 0; i < opts->about.tag_n; i++)
                if (strcmp(opts->about.tags[i], tag) == 0)
                        return;
        if (*tag)
                opts->about.tags[opts->about.tag_n++] = tag;
}

SCHEMA_SETTER(tags)
{
        const struct conf_value *value = entry->value;
        struct options *opts = schema->opts;
        if (value->kind != CONF_STRING && value->kind != CONF_ARRAY) {
                report_error(schema->report, value, "error parsing tags: unsupported type %s",
                        conf_type_name(value));
                return;
        }
        int n = value->kind == CONF_ARRAY ? value->as.array->n : 1;
        opts->about.tags = arena_alloc(opts->arena, (size_t)n * sizeof(char *) + 1);
        opts->about.tag_n = 0;
        for (int i = 0; i < n; i++) {
                const struct conf_value *tag =
                        value->kind == CONF_ARRAY ? value->as.array->items[i] : value;
                if (tag->kind != CONF_STRING) {
                        report_error(schema->report, value,
                                "error parsing tags: unsupported type *conf.token where string is "
                                "expected");
                        return;
                }
                if (!schema_whole_text(schema, tag, entry->key))
                        return;
                add_tag(opts, tag->as.text);
        }
}

static int by_key(const void *a, const void *b)
{
        const struct conf_entry *x = *(const struct conf_entry *const *)a;
        const struct conf_entry *y = *(const struct conf_entry *const *)b;
        return strcmp(x->key.ptr, y->key.ptr);
}

/* The entries of a map in the order of their names; xfree() the array. */
static const struct conf_entry **sorted_entries(const struct conf_map *map)
{
        const struct conf_entry **sorted = xcalloc((size_t)map->n + 1, sizeof(void *));
        for (int i = 0; i < map->n; i++)
                sorted[i] = &map->entries[i];
        qsort(sorted, (size_t)map->n, sizeof(void *), by_key);
        return sorted;
}

SCHEMA_SETTER(metadata)
{
        const struct conf_value *value = entry->value;
        struct options *opts = schema->opts;
        if (value->kind != CONF_MAP) {
                report_error(schema->report, value, "error parsing metadata: unsupported type %s",
                        conf_type_name(value));
                return;
        }
        int n = value->as.map->n;
        const char **keys = arena_alloc(opts->arena, (size_t)n * sizeof(char *) + 1);
        const char **values = arena_alloc(opts->arena, (size_t)n * sizeof(char *) + 1);
        const struct conf_entry **sorted = sorted_entries(value->as.map);
        int i = 0;
        for (; i < n && schema_want_text(schema, sorted[i]); i++) {
                keys[i] = arena_str(opts->arena, sorted[i]->key);
                values[i] = arena_str(opts->arena, sorted[i]->value->as.text);
        }
        opts->about.keys = keys;
        opts->about.values = values;
        opts->about.metadata_n = i;
        xfree(sorted);
}

SCHEMA_SETTER(features)
{
        const struct conf_value *value = entry->value;
        struct options *opts = schema->opts;
        if (value->kind != CONF_MAP) {
                report_error(schema->report, value,
                        "error parsing feature flags: unsupported type %s", conf_type_name(value));
                return;
        }
        int n = value->as.map->n;
        opts->features.names = arena_alloc(opts->arena, (size_t)n * sizeof(char *) + 1);
        opts->features.on = arena_alloc(opts->arena, (size_t)n * sizeof(bool) + 1);
        opts->features.n = 0;
        const struct conf_entry **sorted = sorted_entries(value->as.map);
        for (int i = 0; i < n; i++) {
                const struct conf_value *on = sorted[i]->value;
                char quoted[256];
                if (on->kind != CONF_BOOL) {
                        report_error(schema->report, on,
                                "error parsing feature flag %s: expected bool, got %s",
                                report_quote(sorted[i]->key, quoted, sizeof quoted),
                                conf_type_name(on));
                        break;
                }
                opts->features.names[i] = arena_str(opts->arena, sorted[i]->key);
                opts->features.on[i] = on->as.boolean;
                opts->features.n = i + 1;
        }
        xfree(sorted);
}

void schema_later(struct schema *schema, const struct conf_entry *entry)
{
        report_error(
                schema->report, entry->value, "not supported yet: %.*s", SLICE_ARG(entry->key));
}

/* Does the value leave the feature off? */
static bool says_off(const struct conf_value *value, int later_kind)
{
        switch (value->kind) {
        case CONF_BOOL:
                return !value->as.boolean;
        case CONF_INTEGER:
                return value->as.integer == 0;
        case CONF_STRING:
                return value->as.text.len == 0 ||
                       slice_eq_nocase(value->as.text, SLICE_LIT("disable")) ||
                       slice_eq_nocase(value->as.text, SLICE_LIT("disabled"));
        case CONF_ARRAY:
                return value->as.array->n == 0;
        case CONF_MAP:
                return value->as.map->n == 0 && later_kind != LATER_PRESENT;
        default:
                return false;
        }
}

SCHEMA_SETTER(later)
{
        if (row->later_kind >= 0 &&
                !schema_want(schema, entry->value, (enum conf_kind)row->later_kind))
                return;
        if (!says_off(entry->value, row->later_kind))
                schema_later(schema, entry);
}

/* Its name counts only in lower case; any other spelling is accepted and means nothing. */
SCHEMA_SETTER(system_account)
{
        if (!slice_eq_str(entry->key, "system_account") && !slice_eq_str(entry->key, "system"))
                return;
        if (entry->value->kind != CONF_STRING)
                report_error(schema->report, entry->value, "system account name must be a string");
        else if (entry->value->as.text.len > 0 && !slice_eq_str(entry->value->as.text, "$SYS"))
                schema_later(schema, entry);
}
