/* SPDX-License-Identifier: Apache-2.0 */
/* schema_ocsp_peer.c: the values of ocsp_peer (in a `tls` map) and of ocsp_cache. Keys count in any case. */
#include "conf/number.h"
#include "conf/schema_internal.h"
#include <stdio.h>

/* What both maps are read by. */
struct ocsp_reader {
        struct schema *schema;
        const struct conf_value *outer; /* names the place in front of each error; NULL: no need */
        const char *unknown;            /* "error parsing …, unknown field [" */
};

typedef bool (*ocsp_set_fn)(
        struct ocsp_reader *reader, const struct conf_entry *entry, void *options);

struct ocsp_key {
        const char *name;
        ocsp_set_fn set;
};

/* The reference puts the place of the map in front of that of the entry. */
static bool fail(struct ocsp_reader *reader, const struct conf_value *at, const char *text)
{
        const struct conf_value *outer = reader->outer;
        if (outer && at->file)
                report_error(reader->schema->report, outer, "%s:%d:%d: %s", at->file, at->line,
                        at->col, text);
        else
                report_error(reader->schema->report, at, "%s", text);
        return false;
}

static bool unknown(struct ocsp_reader *reader, const struct conf_entry *entry)
{
        char key[128], text[256];
        snprintf(text, sizeof text, "%s[%s]", reader->unknown,
                report_quote(entry->key, key, sizeof key));
        return fail(reader, entry->value, text);
}

static bool not_converted(struct ocsp_reader *reader, const struct conf_value *value,
        const char *what, const char *why)
{
        char text[1200];
        snprintf(text, sizeof text, "error parsing %s config, conversion error: %s", what, why);
        return fail(reader, value, text);
}

static bool boolean(struct ocsp_reader *reader, const struct conf_entry *entry, bool *out)
{
        if (entry->value->kind != CONF_BOOL)
                return unknown(reader, entry);
        *out = entry->value->as.boolean;
        return true;
}

/* Seconds, or a duration. type, text: of the map in errors about the kind and about the text of a value,
 * which the reference does not keep apart; plain: an unreadable text is told as a wrong kind. */
static bool span(struct ocsp_reader *reader, const struct conf_entry *entry, const char *type,
        const char *text, bool plain, int64_t *ns)
{
        const struct conf_value *value = entry->value;
        struct errbuf eb;
        switch (value->kind) {
        case CONF_INTEGER:
                *ns = number_seconds((double)value->as.integer);
                return true;
        case CONF_FLOAT:
                *ns = number_seconds(value->as.real);
                return true;
        case CONF_STRING:
                if (number_duration(value->as.text, ns, &eb) == 0)
                        return true;
                return not_converted(reader, value, text, plain ? "unexpected type" : eb.text);
        default:
                return not_converted(reader, value, type, "unexpected type");
        }
}

/* Keys count in any case; the first error ends the reading. */
static bool read_map(struct ocsp_reader *reader, const struct conf_value *map,
        const struct ocsp_key *keys, int key_n, void *options)
{
        for (int i = 0; i < map->as.map->n; i++) {
                const struct conf_entry *entry = &map->as.map->entries[i];
                int at = 0;
                while (at < key_n && !slice_eq_nocase(entry->key, slice_str(keys[at].name)))
                        at++;
                if (at == key_n)
                        return unknown(reader, entry);
                if (!keys[at].set(reader, entry, options))
                        return false;
        }
        return true;
}

#define OCSP_SETTER(name)                                                                          \
        static bool set_##name(                                                                    \
                struct ocsp_reader *reader, const struct conf_entry *entry, void *options)

/* ---- ocsp_peer --------------------------------------------------------------------------- */

#define PEER(options) ((struct ocsp_peer_options *)(options))

/* A negative time is as if it were not there. */
static bool peer_span(
        struct ocsp_reader *reader, const struct conf_entry *entry, bool plain, int64_t *ns)
{
        int64_t value = 0;
        if (!span(reader, entry, "tls peer", "tls peer", plain, &value))
                return false;
        if (value >= 0)
                *ns = value;
        return true;
}

OCSP_SETTER(verify)
{
        return boolean(reader, entry, &PEER(options)->verify);
}

OCSP_SETTER(warn_only)
{
        return boolean(reader, entry, &PEER(options)->warn_only);
}

OCSP_SETTER(unknown_is_good)
{
        return boolean(reader, entry, &PEER(options)->unknown_is_good);
}

OCSP_SETTER(allow_when_ca_unreachable)
{
        return boolean(reader, entry, &PEER(options)->allow_when_ca_unreachable);
}

OCSP_SETTER(ca_timeout)
{
        return peer_span(reader, entry, false, &PEER(options)->ca_timeout_ns);
}

OCSP_SETTER(allowed_clockskew)
{
        return peer_span(reader, entry, true, &PEER(options)->clock_skew_ns);
}

OCSP_SETTER(cache_ttl)
{
        return peer_span(reader, entry, false, &PEER(options)->default_ttl_ns);
}

bool schema_ocsp_peer(
        struct schema *schema, const struct conf_value *value, struct ocsp_peer_options *peer)
{
        static const struct ocsp_key keys[] = {
#define PEER_OPTION(name, setter, preset, help) { name, set_##setter },
#include "conf/ocsp_peer_option.def"
        };
        static const int64_t default_timeout_ns = 2 * (int64_t)NS_PER_SEC;
        struct ocsp_reader reader = { schema, value,
                "error parsing tls peer config, unknown field " };
        *peer = (struct ocsp_peer_options){
                .ca_timeout_ns = default_timeout_ns,
                .clock_skew_ns = 30 * (int64_t)NS_PER_SEC,
                .default_ttl_ns = 3600 * (int64_t)NS_PER_SEC,
        };
        if (value->kind == CONF_BOOL)
                peer->verify = value->as.boolean;
        else if (!read_map(&reader, value, keys, ARRAY_N(keys), peer))
                return false;
        if (peer->ca_timeout_ns == 0)
                peer->ca_timeout_ns = default_timeout_ns;
        return true;
}

/* ---- ocsp_cache -------------------------------------------------------------------------- */

#define CACHE(options) ((struct ocsp_cache_options *)(options))

OCSP_SETTER(type)
{
        const struct conf_value *value = entry->value;
        char text[256];
        if (value->kind != CONF_STRING)
                return unknown(reader, entry);
        if (slice_eq_nocase(value->as.text, SLICE_LIT("local")))
                CACHE(options)->type = OCSP_CACHE_LOCAL;
        else if (slice_eq_nocase(value->as.text, SLICE_LIT("none")))
                CACHE(options)->type = OCSP_CACHE_NONE;
        else {
                snprintf(text, sizeof text,
                        "error parsing OCSP peer cache config, unknown type [%.*s]",
                        SLICE_ARG(value->as.text));
                return fail(reader, value, text);
        }
        return true;
}

OCSP_SETTER(local_store)
{
        const struct conf_value *value = entry->value;
        if (value->kind != CONF_STRING)
                return unknown(reader, entry);
        if (!schema_whole_text(reader->schema, value, entry->key))
                return false;
        CACHE(options)->local_store = arena_str(reader->schema->opts->arena, value->as.text);
        return true;
}

OCSP_SETTER(preserve_revoked)
{
        return boolean(reader, entry, &CACHE(options)->preserve_revoked);
}

/* Whole seconds, one at least. */
OCSP_SETTER(save_interval)
{
        int64_t ns = 0;
        if (!span(reader, entry, "OCSP peer cache", "tls peer", false, &ns))
                return false;
        ns -= ns % (int64_t)NS_PER_SEC;
        CACHE(options)->save_interval_ns = ns < (int64_t)NS_PER_SEC ? (int64_t)NS_PER_SEC : ns;
        return true;
}

SCHEMA_SETTER(ocsp_cache)
{
        static const struct ocsp_key keys[] = {
#define CACHE_OPTION(name, setter, preset, help) { name, set_##setter },
#include "conf/ocsp_peer_option.def"
        };
        const struct conf_value *value = entry->value;
        struct ocsp_cache_options cache = { .type = OCSP_CACHE_LOCAL };
        struct ocsp_reader reader = { schema, NULL,
                "error parsing OCSP peer cache config, unknown field " };
        if (value->kind == CONF_BOOL)
                cache.type = value->as.boolean ? OCSP_CACHE_LOCAL : OCSP_CACHE_NONE;
        else if (value->kind != CONF_MAP) {
                report_error(schema->report, value, "error parsing tags: unsupported type %s",
                        conf_type_name(value));
                return;
        } else if (!read_map(&reader, value, keys, ARRAY_N(keys), &cache))
                return;
        schema->opts->ocsp_cache = cache;
}
