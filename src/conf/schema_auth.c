/* SPDX-License-Identifier: Apache-2.0 */
/* schema_auth.c: the `authorization` map and the users in it (config.md 2.2). A user that is wrong drops
 * the whole list, as in the reference: an error is reported either way. */
#include "base/mem.h"
#include "conf/number.h"
#include "conf/schema_internal.h"
#include "cred/nkey.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_HIGH_NS ((int64_t)(60 * NS_PER_SEC))

/* Users as they are collected. */
struct user_list {
        struct user_options *at;
        int n;
};

struct auth_reader {
        struct schema *schema;
        struct auth_options auth;
        struct user_list users, nkeys;
        bool users_given; /* even as an empty array */
        int64_t timeout_ns;
        const struct perm_options *permissions; /* of users without their own */
        bool failed;                            /* nothing of the map counts */
};

typedef void (*auth_set_fn)(struct auth_reader *reader, const struct conf_entry *entry);

#define AUTH_SETTER(name)                                                                          \
        static void set_##name(struct auth_reader *reader, const struct conf_entry *entry)

/* The value in the words of Go's %v. */
static void expected(struct schema *schema, const struct conf_value *value, const char *what)
{
        struct buf text = { 0 };
        conf_print(&text, value);
        report_error(
                schema->report, value, "Expected %s, got %.*s", what, SLICE_ARG(buf_slice(&text)));
        buf_fini(&text);
}

static void unknown(struct schema *schema, const struct conf_entry *entry)
{
        char name[256];
        if (!entry->value->used)
                report_error(schema->report, entry->value, "unknown field %s",
                        report_quote(entry->key, name, sizeof name));
}

static bool read_text(struct schema *schema, const struct conf_entry *entry, const char **out)
{
        if (!schema_want_text(schema, entry))
                return false;
        *out = arena_str(schema->opts->arena, entry->value->as.text);
        return true;
}

static void read_bool(struct schema *schema, const struct conf_entry *entry, bool *out)
{
        if (schema_want(schema, entry->value, CONF_BOOL))
                *out = entry->value->as.boolean;
}

/* ---- one user ---------------------------------------------------------------------------- */

static const char *const type_names[CONNECTION_TYPE_COUNT] = {
#define CONNECTION_TYPE(id) [CONNECTION_##id] = #id,
#include "conf/connection_type.def"
#undef CONNECTION_TYPE
};

/* Adds the type's bit, or its name, in upper case, to the list of unknown ones. */
static unsigned type_bit(struct slice name, struct buf *unknown_names)
{
        for (int i = 0; i < CONNECTION_TYPE_COUNT; i++)
                if (slice_eq_nocase(name, slice_str(type_names[i])))
                        return 1u << i;
        char quoted[256];
        char *upper = xstrndup(name.ptr ? name.ptr : "", name.len);
        for (char *c = upper; *c; c++)
                *c = (char)toupper((unsigned char)*c);
        buf_printf(unknown_names, "%s%s", unknown_names->len ? " " : "",
                report_quote(slice_str(upper), quoted, sizeof quoted));
        xfree(upper);
        return 0;
}

static unsigned read_types(struct schema *schema, const struct conf_value *value)
{
        static const char what[] = "error parsing allowed connection types";
        struct buf unknown_names = { 0 };
        unsigned bits = 0;
        if (value->kind == CONF_STRING) {
                bits = type_bit(value->as.text, &unknown_names);
        } else if (value->kind != CONF_ARRAY) {
                report_error(schema->report, value, "%s: unsupported type %s", what,
                        conf_type_name(value));
                return 0;
        }
        for (int i = 0; value->kind == CONF_ARRAY && i < value->as.array->n; i++) {
                const struct conf_value *item = value->as.array->items[i];
                if (item->kind == CONF_STRING)
                        bits |= type_bit(item->as.text, &unknown_names);
                else
                        report_error(schema->report, item, "%s: unsupported type in array %s", what,
                                conf_type_name(item));
        }
        if (unknown_names.len > 0)
                report_error(schema->report, value, "invalid connection types [%.*s]",
                        SLICE_ARG(buf_slice(&unknown_names)));
        buf_fini(&unknown_names);
        return bits;
}

struct user_reader {
        struct schema *schema;
        struct user_options user;
        const char *nkey;
        bool failed; /* reported; the rest would only follow from it */
};

typedef void (*user_set_fn)(struct user_reader *reader, const struct conf_entry *entry);

#define USER_SETTER(name)                                                                          \
        static void user_##name(struct user_reader *reader, const struct conf_entry *entry)

USER_SETTER(user)
{
        reader->failed |= !read_text(reader->schema, entry, &reader->user.name);
}

USER_SETTER(password)
{
        reader->failed |= !read_text(reader->schema, entry, &reader->user.password);
}

USER_SETTER(nkey)
{
        reader->failed |= !read_text(reader->schema, entry, &reader->nkey);
}

USER_SETTER(permissions)
{
        reader->user.permissions = schema_permissions(reader->schema, entry->value);
}

USER_SETTER(types)
{
        reader->user.connection_types = read_types(reader->schema, entry->value);
}

USER_SETTER(proxy_required)
{
        read_bool(reader->schema, entry, &reader->user.proxy_required);
}

static const struct {
        const char *name, *aliases;
        user_set_fn set;
} user_rows[] = {
#define USER_OPTION(name, aliases, setter, help) { name, aliases, user_##setter },
#include "conf/auth_option.def"
};

static void user_key(struct user_reader *reader, const struct conf_entry *entry)
{
        for (size_t i = 0; i < ARRAY_N(user_rows); i++) {
                if (!schema_is_key(user_rows[i].name, user_rows[i].aliases, entry->key))
                        continue;
                user_rows[i].set(reader, entry);
                return;
        }
        unknown(reader->schema, entry);
}

/* False: reported, and the whole list is void. */
static bool check_user(struct user_reader *reader, const struct conf_value *at)
{
        uint8_t key[NKEY_BYTES];
        const char *wrong = NULL;
        if (reader->nkey[0] == '\0' && reader->user.name[0] == '\0')
                wrong = "User entry requires a user";
        else if (reader->nkey[0] && nkey_decode(NKEY_USER, slice_str(reader->nkey), key) < 0)
                wrong = "Not a valid public nkey for a user";
        else if (reader->nkey[0] && (reader->user.name[0] || reader->user.password[0]))
                wrong = "Nkey users do not take usernames or passwords";
        if (wrong)
                report_error(reader->schema->report, at, "%s", wrong);
        return wrong == NULL;
}

static bool read_user(struct auth_reader *auth, const struct conf_value *value)
{
        struct user_reader reader = {
                .schema = auth->schema,
                .user = { .name = "", .password = "" },
                .nkey = "",
        };
        const struct conf_value *at = value;
        if (value->kind != CONF_MAP) {
                expected(auth->schema, value, "user entry to be a map/struct");
                return true;
        }
        for (int i = 0; i < value->as.map->n; i++) {
                at = value->as.map->entries[i].value;
                user_key(&reader, &value->as.map->entries[i]);
        }
        if (reader.failed || !check_user(&reader, at))
                return false;
        struct user_list *list = reader.nkey[0] ? &auth->nkeys : &auth->users;
        if (reader.nkey[0])
                reader.user.name = reader.nkey;
        list->at[list->n++] = reader.user;
        return true;
}

/* ---- the map ----------------------------------------------------------------------------- */

AUTH_SETTER(user)
{
        read_text(reader->schema, entry, &reader->auth.user);
}

AUTH_SETTER(password)
{
        read_text(reader->schema, entry, &reader->auth.password);
}

AUTH_SETTER(token)
{
        read_text(reader->schema, entry, &reader->auth.token);
}

AUTH_SETTER(proxy_required)
{
        read_bool(reader->schema, entry, &reader->auth.proxy_required);
}

AUTH_SETTER(permissions)
{
        reader->permissions = schema_permissions(reader->schema, entry->value);
}

AUTH_SETTER(callout)
{
        schema_later(reader->schema, entry);
}

AUTH_SETTER(users)
{
        const struct conf_value *value = entry->value;
        if (value->kind != CONF_ARRAY) {
                expected(reader->schema, value, "users field to be an array");
                return;
        }
        size_t n = (size_t)value->as.array->n;
        struct arena *arena = reader->schema->opts->arena;
        reader->users =
                (struct user_list){ arena_alloc(arena, n * sizeof(struct user_options) + 1), 0 };
        reader->nkeys =
                (struct user_list){ arena_alloc(arena, n * sizeof(struct user_options) + 1), 0 };
        reader->users_given = true;
        for (size_t i = 0; i < n; i++) {
                if (read_user(reader, value->as.array->items[i]))
                        continue;
                reader->users.n = reader->nkeys.n = 0;
                reader->users_given = false;
                return;
        }
}

static void warn_high_timeout(struct schema *schema, const struct conf_entry *entry, double seconds)
{
        struct buf text = { 0 };
        conf_print(&text, entry->value);
        report_warning(schema->report, entry->value,
                "invalid use of field \"%.*s\": timeout of %.*s (%f seconds) is high, consider "
                "keeping "
                "it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of "
                "1m, for "
                "example",
                SLICE_ARG(entry->key), SLICE_ARG(buf_slice(&text)), seconds);
        buf_fini(&text);
}

AUTH_SETTER(timeout)
{
        const struct conf_value *value = entry->value;
        struct errbuf eb;
        if (value->kind == CONF_INTEGER) {
                reader->timeout_ns = number_seconds((double)value->as.integer);
        } else if (value->kind == CONF_FLOAT) {
                reader->timeout_ns = number_seconds(value->as.real);
        } else if (value->kind != CONF_STRING) {
                reader->failed = true;
                report_error(reader->schema->report, value,
                        "error parsing authorization config, 'timeout' wrong type");
        } else if (number_duration(value->as.text, &reader->timeout_ns, &eb) < 0) {
                reader->failed = true;
                report_error(reader->schema->report, value,
                        "error parsing authorization config, 'timeout' %s", eb.text);
        }
        if (reader->timeout_ns > TIMEOUT_HIGH_NS)
                warn_high_timeout(reader->schema, entry, (double)reader->timeout_ns / 1e9);
}

static const struct {
        const char *name, *aliases;
        auth_set_fn set;
} auth_rows[] = {
#define AUTH_OPTION(name, aliases, setter, help) { name, aliases, set_##setter },
#include "conf/auth_option.def"
};

static void auth_key(struct auth_reader *reader, const struct conf_entry *entry)
{
        for (size_t i = 0; i < ARRAY_N(auth_rows); i++) {
                if (!schema_is_key(auth_rows[i].name, auth_rows[i].aliases, entry->key))
                        continue;
                auth_rows[i].set(reader, entry);
                return;
        }
        unknown(reader->schema, entry);
}

static int by_name(const void *a, const void *b)
{
        const struct user_options *const *x = a, *const *y = b;
        return strcmp((*x)->name, (*y)->name);
}

/* The first name that is there twice; NULL: none. */
static const char *find_duplicate(const struct user_list *list)
{
        const char *found = NULL;
        const struct user_options **sorted = xcalloc((size_t)list->n + 1, sizeof(void *));
        for (int i = 0; i < list->n; i++)
                sorted[i] = &list->at[i];
        qsort(sorted, (size_t)list->n, sizeof(void *), by_name);
        for (int i = 1; i < list->n && !found; i++)
                if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
                        found = sorted[i]->name;
        xfree(sorted);
        return found;
}

/* What does not go together. */
static bool check_auth(struct auth_reader *reader, const struct conf_value *at)
{
        const struct auth_options *auth = &reader->auth;
        struct conf_report *report = reader->schema->report;
        const char *twice = find_duplicate(&reader->users), *nkey = find_duplicate(&reader->nkeys);
        char quoted[256];
        if ((auth->user[0] || auth->password[0]) && auth->token[0])
                report_error(report, at, "Cannot have a user/pass and token");
        else if (reader->users_given && auth->user[0])
                report_error(report, at, "Can not have a single user/pass and a users array");
        else if (reader->users_given && auth->token[0])
                report_error(report, at, "Can not have a token and a users array");
        else if (twice)
                report_error(report, at, "Duplicate user %s detected",
                        report_quote(slice_str(twice), quoted, sizeof quoted));
        else if (nkey)
                report_error(report, at, "Duplicate nkey %s detected",
                        report_quote(slice_str(nkey), quoted, sizeof quoted));
        else
                return true;
        return false;
}

static void give_defaults(struct user_list *list, const struct perm_options *permissions)
{
        for (int i = 0; i < list->n; i++)
                if (list->at[i].permissions == NULL)
                        list->at[i].permissions = permissions;
}

SCHEMA_SETTER(authorization)
{
        struct options *opts = schema->opts;
        struct auth_reader reader = {
                .schema = schema,
                .auth = { .user = "", .password = "", .token = "" },
        };
        (void)row;
        if (!schema_want(schema, entry->value, CONF_MAP))
                return;
        for (int i = 0; i < entry->value->as.map->n && !reader.failed; i++)
                auth_key(&reader, &entry->value->as.map->entries[i]);
        if (reader.failed || !check_auth(&reader, entry->value))
                return;
        give_defaults(&reader.users, reader.permissions);
        give_defaults(&reader.nkeys, reader.permissions);
        reader.auth.users = reader.users.at;
        reader.auth.user_n = reader.users.n;
        reader.auth.nkeys = reader.nkeys.at;
        reader.auth.nkey_n = reader.nkeys.n;
        reader.auth.no_auth_user = opts->auth.no_auth_user;
        reader.auth.given = entry->value->as.map->n > 0;
        opts->auth = reader.auth;
        opts->timing.auth_timeout_ns = reader.timeout_ns;
}
