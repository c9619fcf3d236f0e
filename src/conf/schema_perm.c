/* SPDX-License-Identifier: Apache-2.0 */
/* schema_perm.c: permissions: who may publish and subscribe what (config.md 2.2). Lists come as a string,
 * an array of strings, or a map of two such. */
#include "base/clock.h"
#include "conf/number.h"
#include "conf/schema.h"
#include "subject/subject.h"
#include <string.h>

enum { RESPONSE_MAX_DEFAULT = 1 };
#define RESPONSE_EXPIRES_DEFAULT_NS ((int64_t)(120 * NS_PER_SEC))

typedef void (*perm_set_fn)(
        struct schema *schema, struct perm_options *perms, const struct conf_entry *entry);

#define PERM_SETTER(name)                                                                          \
        static void set_##name(                                                                    \
                struct schema *schema, struct perm_options *perms, const struct conf_entry *entry)

static void unknown(
        struct schema *schema, const struct conf_entry *entry, const char *what, const char *where)
{
        char name[256];
        if (!entry->value->used)
                report_error(schema->report, entry->value, "Unknown field%s %s parsing %s", what,
                        report_quote(entry->key, name, sizeof name), where);
}

static bool bad_word(
        struct schema *schema, const struct conf_value *at, const char *what, struct slice word)
{
        char quoted[256];
        report_error(schema->report, at, "%s %s is not a valid %s", what,
                report_quote(word, quoted, sizeof quoted), what);
        return false;
}

/* What stands between blanks from `from` on; empty at the end. */
static struct slice word_at(struct slice text, size_t from)
{
        static const char blanks[] = " \t\n\v\f\r";
        while (from < text.len && strchr(blanks, text.ptr[from]))
                from++;
        size_t end = from;
        while (end < text.len && !strchr(blanks, text.ptr[end]))
                end++;
        return slice_of(text.ptr + from, end - from);
}

/* "subject", and "subject queue" where queues may be meant. at: where the complaint points. */
static bool check_subject(
        struct schema *schema, const struct conf_value *at, struct slice text, bool queues)
{
        if (text.len > 0 && memchr(text.ptr, '\0', text.len))
                return bad_word(schema, at, "subject", text);
        if (subject_is_valid_text(text))
                return true;
        if (!queues || text.len == 0)
                return bad_word(schema, at, "subject", text);
        struct slice subject = word_at(text, 0);
        struct slice queue = word_at(text, (size_t)(subject.ptr - text.ptr) + subject.len);
        struct slice more = word_at(text, (size_t)(queue.ptr - text.ptr) + queue.len);
        if (queue.len == 0 || more.len > 0)
                return bad_word(schema, at, "subject", text);
        if (!subject_is_valid_text(subject))
                return bad_word(schema, at, "subject", subject);
        return subject_is_valid_text(queue) || bad_word(schema, at, "queue", queue);
}

/* Empty when something is wrong with it; reported. */
static struct subject_list read_list(
        struct schema *schema, const struct conf_value *value, bool queues)
{
        struct subject_list list = { 0 };
        const struct conf_value *const *items = NULL;
        int n = 0;
        if (value->kind == CONF_STRING) {
                items = &value;
                n = 1;
        } else if (value->kind == CONF_ARRAY) {
                items = (const struct conf_value *const *)value->as.array->items;
                n = value->as.array->n;
        } else {
                report_error(schema->report, value,
                        "Expected subject permissions to be a subject, or array of subjects, got "
                        "%s",
                        conf_type_name(value));
                return list;
        }
        for (int i = 0; i < n; i++) {
                if (items[i]->kind == CONF_STRING)
                        continue;
                report_error(schema->report, items[i],
                        "Subject in permissions array cannot be cast to string");
                return list;
        }
        const char **at = arena_alloc(schema->opts->arena, (size_t)n * sizeof *at + 1);
        for (int i = 0; i < n; i++) {
                if (!check_subject(schema, value, items[i]->as.text, queues))
                        return list;
                at[i] = arena_str(schema->opts->arena, items[i]->as.text);
        }
        return (struct subject_list){ at, n };
}

/* A bare list allows; a map may deny as well, and an empty one says nothing. */
static void read_lists(struct schema *schema, const struct conf_value *value, bool queues,
        struct subject_list *allow, struct subject_list *deny)
{
        *allow = *deny = (struct subject_list){ 0 };
        if (value->kind != CONF_MAP) {
                *allow = read_list(schema, value, queues);
                return;
        }
        for (int i = 0; i < value->as.map->n; i++) {
                const struct conf_entry *entry = &value->as.map->entries[i];
                if (schema_is_key("allow", "", entry->key))
                        *allow = read_list(schema, entry->value, queues);
                else if (schema_is_key("deny", "", entry->key))
                        *deny = read_list(schema, entry->value, queues);
                else
                        unknown(schema, entry, " name",
                                "subject permissions, only 'allow' or 'deny' are permitted");
        }
}

PERM_SETTER(publish)
{
        read_lists(schema, entry->value, false, &perms->publish_allow, &perms->publish_deny);
}

PERM_SETTER(subscribe)
{
        read_lists(schema, entry->value, true, &perms->subscribe_allow, &perms->subscribe_deny);
}

/* Zero leaves the default, a negative number lifts the limit. */
static bool read_expires(struct schema *schema, const struct conf_value *value, int64_t *expires_ns)
{
        struct errbuf eb;
        int64_t ns;
        if (value->kind != CONF_STRING) {
                report_error(schema->report, value, "error parsing expires, not a duration string");
                return false;
        }
        if (number_duration(value->as.text, &ns, &eb) < 0) {
                report_error(schema->report, value, "error parsing expires: %s", eb.text);
                return false;
        }
        if (ns != 0)
                *expires_ns = ns;
        return true;
}

static bool read_max(struct schema *schema, const struct conf_value *value, int64_t *max)
{
        if (value->kind != CONF_INTEGER) {
                report_type(schema->report, value, "int64");
                return false;
        }
        if (value->as.integer != 0)
                *max = value->as.integer;
        return true;
}

static bool read_responses(
        struct schema *schema, struct perm_options *perms, const struct conf_value *value)
{
        for (int i = 0; i < value->as.map->n; i++) {
                const struct conf_entry *entry = &value->as.map->entries[i];
                bool ok = true;
                if (schema_is_key("max", "max_msgs|max_messages|max_responses", entry->key))
                        ok = read_max(schema, entry->value, &perms->response_max);
                else if (schema_is_key("expires", "expiration|ttl", entry->key))
                        ok = read_expires(schema, entry->value, &perms->response_expires_ns);
                else
                        unknown(schema, entry, "", "permissions");
                if (!ok)
                        return false;
        }
        return true;
}

PERM_SETTER(responses)
{
        const struct conf_value *value = entry->value;
        perms->response_max = RESPONSE_MAX_DEFAULT;
        perms->response_expires_ns = RESPONSE_EXPIRES_DEFAULT_NS;
        if (value->kind == CONF_BOOL)
                perms->responses = value->as.boolean;
        else if (value->kind == CONF_MAP)
                perms->responses = read_responses(schema, perms, value);
        else
                report_error(schema->report, value,
                        "error parsing response permissions, expected a boolean or a map");
}

static const struct {
        const char *name, *aliases;
        perm_set_fn set;
} rows[] = {
#define PERM_OPTION(name, aliases, setter, help) { name, aliases, set_##setter },
#include "conf/auth_option.def"
};

const struct perm_options *schema_permissions(struct schema *schema, const struct conf_value *value)
{
        if (value->kind != CONF_MAP) {
                struct buf text = { 0 };
                conf_print(&text, value);
                report_error(schema->report, value,
                        "Expected permissions to be a map/struct, got %.*s",
                        SLICE_ARG(buf_slice(&text)));
                buf_fini(&text);
                return NULL;
        }
        struct perm_options *perms = arena_alloc(schema->opts->arena, sizeof *perms);
        for (int i = 0; i < value->as.map->n; i++) {
                const struct conf_entry *entry = &value->as.map->entries[i];
                size_t at = 0;
                while (at < ARRAY_N(rows) &&
                        !schema_is_key(rows[at].name, rows[at].aliases, entry->key))
                        at++;
                if (at < ARRAY_N(rows))
                        rows[at].set(schema, perms, entry);
                else
                        unknown(schema, entry, "", "permissions");
        }
        return perms;
}
