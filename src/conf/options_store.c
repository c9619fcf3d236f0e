/* SPDX-License-Identifier: Apache-2.0 */
/* options_store.c: members of struct options reached through their row: put, compare, print,
 * default. */
#include "base/clock.h"
#include "base/thread.h"
#include "conf/number.h"
#include "conf/schema.h"
#include <inttypes.h>

#define MEMBER(opts, type, offset) ((type *)((char *)(opts) + (offset)))
#define CONST_MEMBER(opts, type, offset) ((const type *)((const char *)(opts) + (offset)))

void option_put_string(
        struct options *opts, enum option_type type, size_t offset, struct slice text)
{
        bool null = type == OPTION_STRING_OR_NULL && text.len == 0;
        *MEMBER(opts, const char *, offset) = null ? NULL : arena_str(opts->arena, text);
}

static const char *text_of(const struct options *opts, const struct option_row *row)
{
        const char *text = *CONST_MEMBER(opts, char *const, row->offset);
        return text ? text : "";
}

bool option_is_zero(const struct options *opts, const struct option_row *row)
{
        switch (row->type) {
        case OPTION_STRING:
        case OPTION_STRING_OR_NULL:
        case OPTION_SECRET:
        case OPTION_NO_AUTH_USER:
                return text_of(opts, row)[0] == '\0';
        case OPTION_INT:
        case OPTION_PORT:
                return *CONST_MEMBER(opts, int, row->offset) == 0;
        case OPTION_INT64:
        case OPTION_DURATION:
        case OPTION_SECONDS:
                return *CONST_MEMBER(opts, int64_t, row->offset) == 0;
        default:
                return false;
        }
}

static bool same_text(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_texts(const char **a, int a_n, const char **b, int b_n)
{
        if (a_n != b_n)
                return false;
        for (int i = 0; i < a_n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;
        return true;
}

static bool same_features(const struct options *a, const struct options *b)
{
        return same_texts(a->features.names, a->features.n, b->features.names, b->features.n) &&
               (a->features.n == 0 || memcmp(a->features.on, b->features.on,
                                              (size_t)a->features.n * sizeof *a->features.on) == 0);
}

static bool same_list(const struct subject_list *a, const struct subject_list *b)
{
        return same_texts(a->at, a->n, b->at, b->n);
}

static bool same_permissions(const struct perm_options *a, const struct perm_options *b)
{
        if (a == NULL || b == NULL)
                return a == b;
        return same_list(&a->publish_allow, &b->publish_allow) &&
               same_list(&a->publish_deny, &b->publish_deny) &&
               same_list(&a->subscribe_allow, &b->subscribe_allow) &&
               same_list(&a->subscribe_deny, &b->subscribe_deny) && a->responses == b->responses &&
               a->response_max == b->response_max &&
               a->response_expires_ns == b->response_expires_ns;
}

static bool same_user(const struct user_options *a, const struct user_options *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->password, b->password) == 0 &&
               a->connection_types == b->connection_types &&
               a->proxy_required == b->proxy_required &&
               same_permissions(a->permissions, b->permissions);
}

/* In any order: names are there once. */
static bool same_users(const struct user_options *a, int a_n, const struct user_options *b, int b_n)
{
        if (a_n != b_n)
                return false;
        for (int i = 0; i < a_n; i++) {
                int k = 0;
                while (k < b_n && strcmp(a[i].name, b[k].name) != 0)
                        k++;
                if (k == b_n || !same_user(&a[i], &b[k]))
                        return false;
        }
        return true;
}

static bool same_ocsp_cache(const struct ocsp_cache_options *a, const struct ocsp_cache_options *b)
{
        return a->type == b->type && a->preserve_revoked == b->preserve_revoked &&
               a->save_interval_ns == b->save_interval_ns &&
               same_text(a->local_store, b->local_store);
}

/* "Any free port" is, for a reload, the one that was found. */
static int effective_port(const struct options *opts)
{
        return opts->client.port == -1 && opts->client.bound_port != 0 ? opts->client.bound_port
                                                                       : opts->client.port;
}

bool option_same(const struct options *a, const struct options *b, const struct option_row *row)
{
        size_t at = row->offset;
        switch (row->type) {
        case OPTION_NOTHING:
                return true;
        case OPTION_STRING:
        case OPTION_STRING_OR_NULL:
        case OPTION_SECRET:
        case OPTION_NO_AUTH_USER:
                return same_text(text_of(a, row), text_of(b, row));
        case OPTION_USERS: /* the reference never compares them */
                return false;
        case OPTION_NKEYS:
                return same_users(a->auth.nkeys, a->auth.nkey_n, b->auth.nkeys, b->auth.nkey_n);
        case OPTION_INT:
                return *CONST_MEMBER(a, int, at) == *CONST_MEMBER(b, int, at);
        case OPTION_PORT:
                return effective_port(a) == effective_port(b);
        case OPTION_WRITE_TIMEOUT:
                return a->timing.write_timeout == b->timing.write_timeout;
        case OPTION_INT64:
        case OPTION_DURATION:
        case OPTION_SECONDS:
                return *CONST_MEMBER(a, int64_t, at) == *CONST_MEMBER(b, int64_t, at);
        case OPTION_BOOL:
                return *CONST_MEMBER(a, bool, at) == *CONST_MEMBER(b, bool, at);
        case OPTION_TLS: /* the files may have changed behind their names */
                return !a->tls.enabled && !b->tls.enabled;
        case OPTION_PINS:
                return same_texts(a->tls.pins, a->tls.pin_n, b->tls.pins, b->tls.pin_n);
        case OPTION_OCSP:
                return a->ocsp.configured == b->ocsp.configured && a->ocsp.mode == b->ocsp.mode &&
                       same_texts(a->ocsp.urls, a->ocsp.url_n, b->ocsp.urls, b->ocsp.url_n);
        case OPTION_TAGS:
                return same_texts(a->about.tags, a->about.tag_n, b->about.tags, b->about.tag_n);
        case OPTION_METADATA:
                return same_texts(a->about.keys, a->about.metadata_n, b->about.keys,
                               b->about.metadata_n) &&
                       same_texts(a->about.values, a->about.metadata_n, b->about.values,
                               b->about.metadata_n);
        case OPTION_FEATURES:
                return same_features(a, b);
        case OPTION_OCSP_CACHE:
                return same_ocsp_cache(&a->ocsp_cache, &b->ocsp_cache);
        }
        return true;
}

/* Who no_auth_user names may only vanish, and only as a whole. */
static bool no_auth_user_may_change(const struct options *a, const struct options *b)
{
        if (b->auth.no_auth_user[0])
                return false;
        for (int i = 0; i < b->auth.user_n; i++)
                if (strcmp(b->auth.users[i].name, a->auth.no_auth_user) == 0)
                        return false;
        return true;
}

bool option_may_change(
        const struct options *a, const struct options *b, const struct option_row *row)
{
        if (row->type == OPTION_NO_AUTH_USER)
                return no_auth_user_may_change(a, b);
        return row->reload != OPTION_NEVER;
}

static const char *const write_timeouts[] = {
        [WRITE_TIMEOUT_DEFAULT] = "",
        [WRITE_TIMEOUT_CLOSE] = "close",
        [WRITE_TIMEOUT_RETRY] = "retry",
};

/* Go prints a float64 without needless zeros: 2, 1.5, 0.25. */
static void print_seconds(struct buf *out, int64_t ns)
{
        struct conf_value seconds = { .kind = CONF_FLOAT, .as.real = (double)ns / 1e9 };
        conf_print(out, &seconds);
}

static void print_duration(struct buf *out, int64_t ns)
{
        char text[40];
        clock_duration(ns, text, sizeof text);
        buf_append_str(out, text);
}

static void print_tags(struct buf *out, const struct options *opts)
{
        buf_append_char(out, '[');
        for (int i = 0; i < opts->about.tag_n; i++)
                buf_printf(out, "%s%s", i > 0 ? " " : "", opts->about.tags[i]);
        buf_append_char(out, ']');
}

/* Go sorts the keys of a map; so does the schema. */
static void print_metadata(struct buf *out, const struct options *opts)
{
        buf_append_str(out, "map[");
        for (int i = 0; i < opts->about.metadata_n; i++)
                buf_printf(out, "%s%s:%s", i > 0 ? " " : "", opts->about.keys[i],
                        opts->about.values[i]);
        buf_append_char(out, ']');
}

static void print_features(struct buf *out, const struct options *opts)
{
        buf_append_str(out, "map[");
        for (int i = 0; i < opts->features.n; i++)
                buf_printf(out, "%s%s:%s", i > 0 ? " " : "", opts->features.names[i],
                        opts->features.on[i] ? "true" : "false");
        buf_append_char(out, ']');
}

void option_print(struct buf *out, const struct options *opts, const struct option_row *row)
{
        size_t at = row->offset;
        switch (row->type) {
        case OPTION_NOTHING:
        case OPTION_USERS:
        case OPTION_NKEYS:
        case OPTION_OCSP:
                break;
        case OPTION_SECRET:
                buf_append_str(out, text_of(opts, row)[0] ? "[REDACTED]" : "");
                break;
        case OPTION_STRING:
        case OPTION_STRING_OR_NULL:
        case OPTION_NO_AUTH_USER:
                buf_append_str(out, text_of(opts, row));
                break;
        case OPTION_INT:
                buf_printf(out, "%d", *CONST_MEMBER(opts, int, at));
                break;
        case OPTION_PORT:
                buf_printf(out, "%d", effective_port(opts));
                break;
        case OPTION_WRITE_TIMEOUT:
                buf_append_str(out, write_timeouts[opts->timing.write_timeout]);
                break;
        case OPTION_INT64:
                buf_printf(out, "%" PRId64, *CONST_MEMBER(opts, int64_t, at));
                break;
        case OPTION_DURATION:
                print_duration(out, *CONST_MEMBER(opts, int64_t, at));
                break;
        case OPTION_SECONDS:
                print_seconds(out, *CONST_MEMBER(opts, int64_t, at));
                break;
        case OPTION_BOOL:
                buf_append_str(out, *CONST_MEMBER(opts, bool, at) ? "true" : "false");
                break;
        case OPTION_TLS:
                buf_append_str(out, opts->tls.enabled ? "enabled" : "disabled");
                break;
        case OPTION_PINS: /* how many: the reload's line */
                buf_printf(out, "%d", opts->tls.pin_n);
                break;
        case OPTION_TAGS:
                print_tags(out, opts);
                break;
        case OPTION_METADATA:
                print_metadata(out, opts);
                break;
        case OPTION_FEATURES:
                print_features(out, opts);
                break;
        case OPTION_OCSP_CACHE:
                buf_append_str(out, opts->ocsp_cache.type == OCSP_CACHE_LOCAL ? "local" : "none");
                break;
        }
}

/* The default of the table; its texts are known to be right, a test reads them all. */
static void put_default(struct options *opts, const struct option_row *row)
{
        struct slice text = slice_str(row->preset);
        int64_t value = 0;
        switch (row->type) {
        case OPTION_STRING:
        case OPTION_STRING_OR_NULL:
        case OPTION_SECRET:
        case OPTION_NO_AUTH_USER:
                option_put_string(opts, row->type, row->offset, text);
                return;
        case OPTION_INT:
        case OPTION_PORT:
                ASSERT(number_atoi(text, &value));
                *MEMBER(opts, int, row->offset) = (int)value;
                return;
        case OPTION_INT64:
                ASSERT(number_atoi(text, &value));
                *MEMBER(opts, int64_t, row->offset) = value;
                return;
        default:
                ASSERT(number_duration(text, &value, NULL) == 0);
                *MEMBER(opts, int64_t, row->offset) = value;
                return;
        }
}

struct options *options_new(void)
{
        struct arena *arena = arena_new();
        struct options *opts = arena_alloc(arena, sizeof *opts);
        opts->arena = arena;
        for (int i = 0; i < option_row_n; i++) {
                const struct option_row *row = &option_rows[i];
                if (row->type == OPTION_STRING || row->type == OPTION_SECRET ||
                        row->type == OPTION_NO_AUTH_USER)
                        option_put_string(opts, row->type, row->offset, SLICE_NULL);
                if (row->type == OPTION_BOOL && strcmp(row->preset, "true") == 0)
                        *MEMBER(opts, bool, row->offset) = true;
        }
        opts->config_digest = "";
        return opts;
}

void options_finish(struct options *opts)
{
        for (int i = 0; i < option_row_n; i++) {
                const struct option_row *row = &option_rows[i];
                if (row->support != OPTION_LATER && row->preset[0] != '\0' &&
                        option_is_zero(opts, row))
                        put_default(opts, row);
        }
        if (opts->monitor.host[0] == '\0')
                opts->monitor.host = opts->client.host;
        opts->auth.tls_map = opts->tls.enabled && opts->tls.map;
        if (opts->ocsp_cache.local_store == NULL || opts->ocsp_cache.local_store[0] == '\0')
                opts->ocsp_cache.local_store = "_rc_";
        if (opts->ocsp_cache.save_interval_ns == 0)
                opts->ocsp_cache.save_interval_ns = 300 * (int64_t)NS_PER_SEC;
        if (opts->timing.auth_timeout_ns == 0)
                opts->timing.auth_timeout_ns = opts->tls.enabled
                                                       ? opts->tls.timeout_ns + (int64_t)NS_PER_SEC
                                                       : 2 * (int64_t)NS_PER_SEC;
}

void options_free(struct options *opts)
{
        if (opts)
                arena_free(opts->arena);
}
