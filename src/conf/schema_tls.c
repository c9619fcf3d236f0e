/* SPDX-License-Identifier: Apache-2.0 */
/* schema_tls.c: the `tls` map. The first error ends its reading, as in the reference; the files are
 * checked once the map is complete. */
#include "base/mem.h"
#include "conf/number.h"
#include "conf/schema.h"
#include <ctype.h>

struct tls_reader {
        struct schema *schema;
        struct tls_options tls;
        const struct conf_entry *entry; /* being read */
        bool certs;                     /* pairs come from `certs` */
        bool verify;                    /* `verify` itself; other options imply it */
        bool allow_insecure;
        struct buf insecure; /* names of insecure suites, joined */
};

typedef bool (*tls_set_fn)(struct tls_reader *reader, const struct conf_value *value);

#define TLS_SETTER(name)                                                                           \
        static bool set_##name(struct tls_reader *reader, const struct conf_value *value)

/* Report at the value; false, so that a setter can return it. */
#define FAIL(reader, value, ...) (report_error((reader)->schema->report, value, __VA_ARGS__), false)

static bool file_name(struct tls_reader *reader, const struct conf_value *value, const char *key,
        const char **file)
{
        if (value->kind != CONF_STRING ||
                (value->as.text.len > 0 && memchr(value->as.text.ptr, '\0', value->as.text.len)))
                return FAIL(reader, value, "error parsing tls config, expected '%s' to be filename",
                        key);
        *file = value->as.text.len > 0 ? arena_str(reader->schema->opts->arena, value->as.text)
                                       : NULL;
        return true;
}

static struct tls_pair_options *first_pair(struct tls_reader *reader)
{
        if (!reader->tls.pairs)
                reader->tls.pairs =
                        arena_alloc(reader->schema->opts->arena, sizeof *reader->tls.pairs);
        return reader->tls.pairs;
}

TLS_SETTER(ca_file)
{
        return file_name(reader, value, "ca_file", &reader->tls.ca_file);
}

static bool boolean(
        struct tls_reader *reader, const struct conf_value *value, const char *key, bool *out)
{
        if (value->kind != CONF_BOOL)
                return FAIL(reader, value,
                        "error parsing tls config, expected '%s' to be a boolean", key);
        *out = value->as.boolean;
        return true;
}

TLS_SETTER(insecure)
{
        bool ignored;
        return boolean(reader, value, "insecure", &ignored);
}

TLS_SETTER(verify)
{
        return boolean(reader, value, "verify", &reader->verify);
}

TLS_SETTER(watch_files)
{
        bool on = true;
        if (!boolean(reader, value, "watch_files", &on))
                return false;
        reader->tls.watch_off = !on;
        return true;
}

TLS_SETTER(verify_and_map)
{
        return boolean(reader, value, "verify_and_map", &reader->tls.map);
}

TLS_SETTER(known_urls)
{
        bool on = false;
        if (!boolean(reader, value, "verify_cert_and_check_known_urls", &on))
                return false;
        return !on || FAIL(reader, value,
                              "verify_cert_and_check_known_urls not supported in this context");
}

TLS_SETTER(allow_insecure)
{
        return boolean(reader, value, "allow_insecure_cipher_suites", &reader->allow_insecure);
}

static const struct {
        const char *name;
        bool insecure;
} suites[] = {
#define SUITE(name, insecure) { name, insecure },
#include "conf/suite.def"
};

static const char *const groups[] = {
#define GROUP(name) name,
#include "conf/suite.def"
};

/* The value is a non-empty array of strings; room for that many is made. */
static bool names(struct tls_reader *reader, const struct conf_value *value, const char *key,
        const char ***list)
{
        if (value->kind != CONF_ARRAY) {
                report_type(reader->schema->report, value, "[]interface {}");
                return false;
        }
        if (value->as.array->n == 0)
                return FAIL(reader, value, "error parsing tls config, '%s' cannot be empty", key);
        for (int i = 0; i < value->as.array->n; i++) {
                if (value->as.array->items[i]->kind == CONF_STRING)
                        continue;
                report_type(reader->schema->report, value->as.array->items[i], "string");
                return false;
        }
        *list = arena_alloc(
                reader->schema->opts->arena, (size_t)value->as.array->n * sizeof **list);
        return true;
}

TLS_SETTER(cipher_suites)
{
        if (!names(reader, value, "cipher_suites", &reader->tls.suites))
                return false;
        reader->tls.suite_n = value->as.array->n;
        buf_clear(&reader->insecure);
        for (int i = 0; i < value->as.array->n; i++) {
                const struct conf_value *item = value->as.array->items[i];
                size_t at = 0;
                while (at < ARRAY_N(suites) && !slice_eq_str(item->as.text, suites[at].name))
                        at++;
                if (at == ARRAY_N(suites))
                        return FAIL(
                                reader, item, "unrecognized cipher %.*s", SLICE_ARG(item->as.text));
                if (suites[at].insecure)
                        buf_printf(&reader->insecure, "%s%s", reader->insecure.len > 0 ? ", " : "",
                                suites[at].name);
                reader->tls.suites[i] = suites[at].name;
        }
        return true;
}

TLS_SETTER(curves)
{
        if (!names(reader, value, "curve_preferences", &reader->tls.groups))
                return false;
        reader->tls.group_n = value->as.array->n;
        for (int i = 0; i < value->as.array->n; i++) {
                const struct conf_value *item = value->as.array->items[i];
                size_t at = 0;
                while (at < ARRAY_N(groups) && !slice_eq_str(item->as.text, groups[at]))
                        at++;
                if (at == ARRAY_N(groups))
                        return FAIL(reader, item, "unrecognized curve preference %.*s",
                                SLICE_ARG(item->as.text));
                reader->tls.groups[i] = groups[at];
        }
        return true;
}

TLS_SETTER(timeout)
{
        struct errbuf eb;
        switch (value->kind) {
        case CONF_INTEGER:
                reader->tls.timeout_ns = number_seconds((double)value->as.integer);
                return true;
        case CONF_FLOAT:
                reader->tls.timeout_ns = number_seconds(value->as.real);
                return true;
        case CONF_STRING:
                if (number_duration(value->as.text, &reader->tls.timeout_ns, &eb) == 0)
                        return true;
                return FAIL(reader, value, "error parsing tls config, 'timeout' %s", eb.text);
        default:
                return FAIL(reader, value, "error parsing tls config, 'timeout' wrong type");
        }
}

TLS_SETTER(rate_limit)
{
        if (value->kind != CONF_INTEGER)
                return FAIL(reader, value,
                        "error parsing tls config, 'connection_rate_limit' wrong type");
        reader->tls.connection_rate_limit = value->as.integer > 0 ? value->as.integer : 0;
        return true;
}

static bool is_digest(struct slice text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!isxdigit((unsigned char)text.ptr[i]))
                        return false;
        return text.len == 64;
}

/* Sorted and without repetition, so that two lists are compared as the sets they mean. */
static void add_pin(struct tls_options *tls, const char *pin)
{
        int at = 0;
        while (at < tls->pin_n && strcmp(tls->pins[at], pin) < 0)
                at++;
        if (at < tls->pin_n && strcmp(tls->pins[at], pin) == 0)
                return;
        memmove(&tls->pins[at + 1], &tls->pins[at], (size_t)(tls->pin_n - at) * sizeof *tls->pins);
        tls->pins[at] = pin;
        tls->pin_n++;
}

TLS_SETTER(pinned_certs)
{
        if (value->kind != CONF_ARRAY)
                return FAIL(reader, value,
                        "error parsing tls config, expected 'pinned_certs' to be a list of "
                        "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo");
        struct arena *arena = reader->schema->opts->arena;
        reader->tls.pins = arena_alloc(arena, (size_t)(value->as.array->n + 1) * sizeof(char *));
        reader->tls.pin_n = 0;
        for (int i = 0; i < value->as.array->n; i++) {
                const struct conf_value *item = value->as.array->items[i];
                if (item->kind != CONF_STRING) {
                        report_type(reader->schema->report, item, "string");
                        return false;
                }
                char *pin = arena_str(arena, item->as.text);
                for (char *c = pin; *c; c++)
                        *c = (char)tolower((unsigned char)*c);
                if (!is_digest(item->as.text))
                        return FAIL(reader, item,
                                "error parsing tls config, 'pinned_certs' key %s does not look "
                                "like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
                                pin);
                add_pin(&reader->tls, pin);
        }
        return true;
}

TLS_SETTER(handshake_first)
{
        char key[128], text[256];
        struct tls_options *tls = &reader->tls;
        struct slice word = value->kind == CONF_STRING ? value->as.text : SLICE_NULL;
        int64_t delay = 0;
        tls->first_fallback_ns = 0; /* the option has three names: the last one counts, alone */
        if (value->kind == CONF_BOOL) {
                tls->handshake_first = value->as.boolean;
                return true;
        }
        if (value->kind != CONF_STRING)
                return FAIL(reader, value, "field %s should be a boolean or a string, got %s",
                        report_quote(reader->entry->key, key, sizeof key), conf_type_name(value));
        if (slice_eq_nocase(word, SLICE_LIT("true")) || slice_eq_nocase(word, SLICE_LIT("on"))) {
                tls->handshake_first = true;
                return true;
        }
        if (slice_eq_nocase(word, SLICE_LIT("false")) || slice_eq_nocase(word, SLICE_LIT("off"))) {
                tls->handshake_first = false;
                return true;
        }
        if (slice_eq_nocase(word, SLICE_LIT("auto")) ||
                slice_eq_nocase(word, SLICE_LIT("auto_fallback")))
                delay = 50 * (int64_t)NS_PER_MS;
        else if (number_duration(word, &delay, NULL) < 0)
                return FAIL(reader, value, "field %s's value %s is invalid",
                        report_quote(reader->entry->key, key, sizeof key),
                        report_quote(word, text, sizeof text));
        tls->handshake_first = true;
        tls->first_fallback_ns = delay > 0 ? delay : 0;
        return true;
}

TLS_SETTER(min_version)
{
        static const char *const old[] = { "1.0", "1.1" };
        if (value->kind != CONF_STRING) {
                struct buf text;
                buf_init(&text);
                conf_print(&text, value);
                report_error(reader->schema->report, value,
                        "error parsing tls config: 'min_version' wrong type: %.*s",
                        SLICE_ARG(buf_slice(&text)));
                buf_fini(&text);
                return false;
        }
        struct slice version = value->as.text;
        for (size_t i = 0; i < ARRAY_N(old); i++)
                if (slice_eq_str(version, old[i]))
                        return FAIL(reader, value,
                                "error parsing tls config: unsupported TLS version: TLS %s",
                                old[i]);
        if (!slice_eq_str(version, "1.2") && !slice_eq_str(version, "1.3"))
                return FAIL(reader, value, "error parsing tls config: unknown version: %.*s",
                        SLICE_ARG(version));
        reader->tls.min_version = slice_eq_str(version, "1.3") ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
        return true;
}

/* One element of certs; its keys count only in lower case. */
static bool read_pair(
        struct tls_reader *reader, const struct conf_value *item, struct tls_pair_options *pair)
{
        char key[128];
        if (item->kind != CONF_MAP)
                return FAIL(reader, item, "error parsing certificates config: unsupported type %s",
                        conf_type_name(item));
        const struct conf_value *last = item;
        for (int i = 0; i < item->as.map->n; i++) {
                const struct conf_entry *entry = &item->as.map->entries[i];
                bool cert = slice_eq_str(entry->key, "cert_file");
                last = entry->value;
                if (last->kind != CONF_STRING)
                        return FAIL(reader, last,
                                "error parsing certificates config: unsupported type %s",
                                conf_type_name(last));
                if (!cert && !slice_eq_str(entry->key, "key_file"))
                        return FAIL(reader, last,
                                "error parsing tls certs config, unknown field %s",
                                report_quote(entry->key, key, sizeof key));
                if (!file_name(reader, last, cert ? "cert_file" : "key_file",
                            cert ? &pair->cert_file : &pair->key_file))
                        return false;
        }
        return (pair->cert_file && pair->key_file) ||
               FAIL(reader, last,
                       "error parsing certificates config: both 'cert_file' and 'cert_key' options "
                       "are required");
}

TLS_SETTER(certs)
{
        if (value->kind != CONF_ARRAY)
                return FAIL(reader, value,
                        "error parsing certificates config: unsupported type map[string]interface "
                        "{}");
        int n = value->as.array->n;
        struct arena *arena = reader->schema->opts->arena;
        struct tls_pair_options *pairs = arena_alloc(arena, (size_t)(n + 1) * sizeof *pairs);
        for (int i = 0; i < n; i++)
                if (!read_pair(reader, value->as.array->items[i], &pairs[i]))
                        return false;
        if (n == 0)
                return true;
        /* A pair given by cert_file and key_file, before or behind, is judged at the end. */
        if (!reader->certs && reader->tls.pairs)
                pairs[n] = reader->tls.pairs[0];
        reader->certs = true;
        reader->tls.pairs = pairs;
        reader->tls.pair_n = n;
        return true;
}

/* Where cert_file and key_file go: behind the pairs of certs when there are such. */
static struct tls_pair_options *single_pair(struct tls_reader *reader)
{
        return reader->certs ? &reader->tls.pairs[reader->tls.pair_n] : first_pair(reader);
}

TLS_SETTER(cert_file)
{
        return file_name(reader, value, "cert_file", &single_pair(reader)->cert_file);
}

TLS_SETTER(key_file)
{
        return file_name(reader, value, "key_file", &single_pair(reader)->key_file);
}

TLS_SETTER(ocsp_peer)
{
        if (value->kind == CONF_BOOL || value->kind == CONF_MAP)
                return schema_ocsp_peer(reader->schema, value, &reader->tls.ocsp_peer);
        return FAIL(reader, value,
                "error parsing ocsp peer config: unsupported type map[string]interface {}");
}

static bool is_word(const struct conf_value *value)
{
        return value->kind == CONF_STRING && value->as.text.len > 0;
}

TLS_SETTER(cert_store)
{
        if (!is_word(value))
                return FAIL(reader, value, "expected 'cert_store' to be a valid non-empty string");
        if (slice_eq_nocase(value->as.text, SLICE_LIT("windowscurrentuser")) ||
                slice_eq_nocase(value->as.text, SLICE_LIT("windowslocalmachine")))
                return FAIL(
                        reader, value, "cert_store not compatible with current operating system");
        return FAIL(reader, value, "cert store type not implemented");
}

TLS_SETTER(cert_match_by)
{
        if (!is_word(value))
                return FAIL(
                        reader, value, "expected 'cert_match_by' to be a valid non-empty string");
        if (slice_eq_nocase(value->as.text, SLICE_LIT("issuer")) ||
                slice_eq_nocase(value->as.text, SLICE_LIT("subject")) ||
                slice_eq_nocase(value->as.text, SLICE_LIT("thumbprint")))
                return true;
        return FAIL(reader, value, "cert match by type not implemented");
}

TLS_SETTER(cert_match)
{
        return is_word(value) ||
               FAIL(reader, value, "expected 'cert_match' to be a valid non-empty string");
}

TLS_SETTER(ca_certs_match)
{
        for (int i = 0; value->kind == CONF_ARRAY && i < value->as.array->n; i++)
                if (value->as.array->items[i]->kind != CONF_STRING)
                        return FAIL(reader, value,
                                "error parsing ca_cert_match: unsupported type *conf.token where "
                                "string is expected");
        return true;
}

TLS_SETTER(cert_match_skip_invalid)
{
        return value->kind == CONF_BOOL ||
               FAIL(reader, value, "expected 'cert_match_skip_invalid' to be a boolean");
}

static const struct {
        const char *name, *aliases;
        tls_set_fn set;
} tls_rows[] = {
#define TLS_OPTION(name, aliases, setter, preset, help) { name, aliases, set_##setter },
#include "conf/tls_option.def"
#undef TLS_OPTION
};

static bool read_key(struct tls_reader *reader, const struct conf_entry *entry)
{
        char key[128];
        reader->entry = entry;
        for (size_t i = 0; i < ARRAY_N(tls_rows); i++)
                if (schema_is_key(tls_rows[i].name, tls_rows[i].aliases, entry->key))
                        return tls_rows[i].set(reader, entry->value);
        return FAIL(reader, entry->value, "error parsing tls config, unknown field %s",
                report_quote(entry->key, key, sizeof key));
}

/* Rules about several keys at once, reported at the map. */
static bool finish(struct tls_reader *reader, const struct conf_value *map)
{
        struct tls_options *tls = &reader->tls;
        const struct tls_pair_options *single =
                tls->pairs || reader->certs ? single_pair(reader) : NULL;
        if (reader->certs && single->cert_file)
                return FAIL(reader, map,
                        "error parsing tls config, cannot combine 'cert_file' option with 'certs' "
                        "option");
        if (reader->insecure.len > 0 && !reader->allow_insecure)
                return FAIL(reader, map,
                        "insecure cipher suites configured without 'allow_insecure_cipher_suites' "
                        "option set: %.*s",
                        SLICE_ARG(buf_slice(&reader->insecure)));
        tls->verify = reader->verify || tls->map;
        if (reader->certs && single->key_file)
                tls->pair_n++; /* a key without certificate: refused by the check */
        else if (!reader->certs && single)
                tls->pair_n = single->cert_file || single->key_file ? 1 : 0;
        return true;
}

int schema_check_tls(
        const struct tls_options *tls, const struct options_hooks *hooks, struct errbuf *eb)
{
        for (int i = 0; i < tls->pair_n; i++) {
                if (!tls->pairs[i].key_file)
                        return errbuf_set(
                                eb, ERR_CONFIG, "missing 'key_file' in TLS configuration");
                if (!tls->pairs[i].cert_file)
                        return errbuf_set(
                                eb, ERR_CONFIG, "missing 'cert_file' in TLS configuration");
        }
        return hooks && hooks->check_tls ? hooks->check_tls(tls, eb) : 0;
}

void schema_set_tls(
        struct schema *schema, const struct option_row *row, const struct conf_entry *entry)
{
        const struct conf_value *value = entry->value;
        struct tls_reader reader = { .schema = schema };
        struct errbuf eb;
        if (value->kind != CONF_MAP) {
                report_type(schema->report, value, "map[string]interface {}");
                return;
        }
        bool ok = true;
        for (int i = 0; ok && i < value->as.map->n; i++)
                ok = read_key(&reader, &value->as.map->entries[i]);
        ok = ok && finish(&reader, value);
        buf_fini(&reader.insecure);
        if (!ok)
                return;
        reader.tls.enabled = true;
        if (schema_check_tls(&reader.tls, schema->hooks, &eb) < 0) {
                report_error(schema->report, value, "%s", eb.text); /* says the position itself */
                return;
        }
        if (value->file)
                reader.tls.position = arena_printf(
                        schema->opts->arena, "%s:%d:%d", value->file, value->line, value->col);
        schema->opts->tls = reader.tls;
}
