/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c: the fields as two tables of key and offset. A CONNECT is read into a copy of the
 * options whose strings still lie in the JSON; when all of it is right the strings move
 * into one block of memory, and the block before it is wiped.
 *
 * Nearly every CONNECT is a flat object and read as such (connect_flat.h); the parser of JSON and its tree cost
 * a plain connection a sixth of its time. What is not flat, or not right, goes to the parser. */
#include "proto/connect.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "proto/connect_flat.h"
#include <limits.h>

struct field {
        const char *key;
        size_t offset;
};

#define FIELD(name)                                                                                \
        {                                                                                          \
#name, offsetof(struct connect_options, name)                                      \
        }

static const struct field bool_fields[] = {
        FIELD(verbose),
        FIELD(pedantic),
        FIELD(echo),
        FIELD(tls_required),
        FIELD(headers),
        FIELD(no_responders),
        FIELD(new_account),
};

static const struct field string_fields[] = {
        FIELD(name),
        FIELD(lang),
        FIELD(version),
        FIELD(user),
        FIELD(pass),
        FIELD(auth_token),
        FIELD(nkey),
        FIELD(jwt),
        FIELD(sig),
        FIELD(proxy_sig),
        FIELD(account),
};

static const char **string_at(struct connect_options *opts, const struct field *field)
{
        return (const char **)((char *)opts + field->offset);
}

/* JSON's `\uXXXX` at `at`: its number, or -1. */
static int escape_at(struct slice s, size_t at)
{
        int value = 0;

        if (s.len - at < 6 || s.ptr[at] != '\\' || s.ptr[at + 1] != 'u')
                return -1;
        for (size_t i = at + 2; i < at + 6; i++) {
                int c = (unsigned char)s.ptr[i] | 0x20, digit = c - '0';

                if (c >= 'a' && c <= 'f')
                        digit = c - 'a' + 10;
                else if (s.ptr[i] < '0' || s.ptr[i] > '9')
                        return -1;
                value = value * 16 + digit;
        }
        return value;
}

static bool is_high_surrogate(int unit)
{
        return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low_surrogate(int unit)
{
        return unit >= 0xdc00 && unit < 0xe000;
}

/* Copy an escape sequence; half a surrogate pair becomes U+FFFD. Returns its bytes. */
static size_t escape_clean(struct slice s, size_t at, struct buf *out)
{
        int unit = escape_at(s, at);
        size_t bytes = s.len - at < 2 ? 1 : 2;

        if (unit >= 0)
                bytes = 6;
        if (is_high_surrogate(unit) && s.len - at >= 12 && is_low_surrogate(escape_at(s, at + 6)))
                bytes = 12;
        else if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
                buf_append_str(out, "\\ufffd");
                return bytes;
        }
        buf_append(out, s.ptr + at, bytes);
        return bytes;
}

/* jansson refuses what is not Unicode; the reference puts U+FFFD in its place. */
static void unicode_clean(struct slice s, struct buf *out)
{
        size_t at = 0;

        while (at < s.len) {
                uint32_t rune;

                if (s.ptr[at] == '\\') {
                        at += escape_clean(s, at, out);
                } else if ((unsigned char)s.ptr[at] < 0x80) {
                        buf_append_char(out, s.ptr[at++]);
                } else {
                        at += text_utf8(slice_of(s.ptr + at, s.len - at), &rune);
                        text_utf8_append(out, rune);
                }
        }
}

static int wrong_type(struct errbuf *eb, const char *key, const char *type)
{
        return errbuf_set(eb, ERR_INVALID, "CONNECT field \"%s\" is not %s", key, type);
}

static bool key_is(const char *key, const char *name)
{
        return slice_eq_nocase(slice_str(key), slice_str(name));
}

static int protocol_take(struct connect_options *opts, json_t *value, struct errbuf *eb)
{
        json_int_t n = json_integer_value(value);

        if (!json_is_integer(value))
                return wrong_type(eb, "protocol", "an integer");
        opts->protocol = n < INT_MIN || n > INT_MAX ? -1 : (int)n;
        return 0;
}

/* A C string: one with a NUL inside would be read as a shorter secret than was sent. */
static int string_take(const char **dst, const char *key, json_t *value, struct errbuf *eb)
{
        if (!json_is_string(value) ||
                memchr(json_string_value(value), 0, json_string_length(value)))
                return wrong_type(eb, key, "a string");
        *dst = json_string_value(value);
        return 0;
}

static int field_take(
        struct connect_options *opts, const char *key, json_t *value, struct errbuf *eb)
{
        if (json_is_null(value))
                return 0;
        for (size_t i = 0; i < ARRAY_N(bool_fields); i++) {
                if (!key_is(key, bool_fields[i].key))
                        continue;
                if (!json_is_boolean(value))
                        return wrong_type(eb, bool_fields[i].key, "a boolean");
                *(bool *)((char *)opts + bool_fields[i].offset) = json_is_true(value);
                return 0;
        }
        for (size_t i = 0; i < ARRAY_N(string_fields); i++) {
                if (key_is(key, string_fields[i].key))
                        return string_take(string_at(opts, &string_fields[i]), string_fields[i].key,
                                value, eb);
        }
        return key_is(key, "protocol") ? protocol_take(opts, value, eb) : 0;
}

static int object_take(struct connect_options *opts, json_t *object, struct errbuf *eb)
{
        const char *key;
        json_t *value;

        if (!json_is_object(object))
                return errbuf_set(eb, ERR_INVALID, "CONNECT is not a JSON object");
        json_object_foreach(object, key, value)
        {
                int err = field_take(opts, key, value, eb);

                if (err < 0)
                        return err;
        }
        return 0;
}

/* Decoding `null` changes nothing and is no error. */
static bool is_null(struct slice json)
{
        while (json.len && memchr(" \t\r\n", json.ptr[0], 4)) {
                json.ptr++;
                json.len--;
        }
        while (json.len && memchr(" \t\r\n", json.ptr[json.len - 1], 4))
                json.len--;
        return slice_eq_str(json, "null");
}

static void storage_free(struct connect_options *opts)
{
        if (opts->storage)
                mem_wipe(opts->storage, opts->storage_bytes);
        xfree(opts->storage);
        opts->storage = NULL;
        opts->storage_bytes = 0;
}

/* One text for each of string_fields, in their order. */
struct texts {
        struct slice of[ARRAY_N(string_fields)];
};

static void texts_of(struct connect_options *opts, struct texts *texts)
{
        for (size_t i = 0; i < ARRAY_N(string_fields); i++)
                texts->of[i] = slice_str(*string_at(opts, &string_fields[i]));
}

/* Put the texts, wherever they lie, into one new block. */
static void texts_store(struct connect_options *next, const struct texts *texts)
{
        size_t bytes = 0;
        char *p;

        for (size_t i = 0; i < ARRAY_N(string_fields); i++)
                bytes += texts->of[i].len + 1;
        p = xmalloc(bytes);
        next->storage = p;
        next->storage_bytes = bytes;
        for (size_t i = 0; i < ARRAY_N(string_fields); i++) {
                const char **field = string_at(next, &string_fields[i]);
                struct slice text = texts->of[i];

                if (text.len == 0) {
                        *field = "";
                        continue;
                }
                memcpy(p, text.ptr, text.len);
                p[text.len] = '\0';
                *field = p;
                p += text.len + 1;
        }
}

/* The same for next's strings. */
static void strings_store(struct connect_options *next)
{
        struct texts texts;

        texts_of(next, &texts);
        texts_store(next, &texts);
}

/* A tree that is about to be freed holds the secrets, too. */
static void tree_wipe(json_t *object)
{
        const char *key;
        json_t *value;

        json_object_foreach(object, key, value)
        {
                if (json_is_string(value))
                        mem_wipe((void *)(uintptr_t)json_string_value(value),
                                json_string_length(value));
        }
}

void connect_options_init(struct connect_options *opts)
{
        *opts = (struct connect_options){ .verbose = true, .pedantic = true, .echo = true };
        for (size_t i = 0; i < ARRAY_N(string_fields); i++)
                *string_at(opts, &string_fields[i]) = "";
}

void connect_options_fini(struct connect_options *opts)
{
        storage_free(opts);
}

static json_t *tree_of(struct slice json)
{
        struct buf clean = { 0 };
        json_t *tree;

        buf_reserve(&clean, json.len * 3); /* the worst case: growing would leave secrets behind */
        unicode_clean(json, &clean);
        tree = clean.failed ? NULL : json_parse(buf_slice(&clean), NULL);
        if (clean.ptr)
                mem_wipe(clean.ptr, clean.len);
        buf_fini(&clean);
        return tree;
}

bool connect_json_is_object(struct slice json)
{
        json_t *tree;
        bool is_object;

        if (is_null(json))
                return true;
        tree = tree_of(json);
        is_object = json_is_object(tree);
        json_decref(tree);
        return is_object;
}

/* False: not for us. A member that nobody knows counts for nothing, whatever it is. */
static bool member_take(struct connect_options *opts, struct texts *texts, enum flat_kind kind,
        const struct flat_member *member)
{
        for (size_t i = 0; i < ARRAY_N(bool_fields); i++) {
                if (!slice_eq_str(member->key, bool_fields[i].key))
                        continue;
                *(bool *)((char *)opts + bool_fields[i].offset) = member->number;
                return kind == FLAT_BOOL;
        }
        for (size_t i = 0; i < ARRAY_N(string_fields); i++) {
                if (!slice_eq_str(member->key, string_fields[i].key))
                        continue;
                texts->of[i] = member->text;
                return kind == FLAT_STRING;
        }
        if (!slice_eq_str(member->key, "protocol"))
                return true;
        opts->protocol = member->number;
        return kind == FLAT_NUMBER;
}

static bool flat_parse(struct connect_options *opts, struct slice json)
{
        struct connect_options next = *opts;
        struct flat_member member = { .number = 0 };
        struct flat flat = { .rest = json };
        struct texts texts;
        enum flat_kind kind;

        texts_of(&next, &texts);
        while ((kind = flat_next(&flat, &member)) < FLAT_END)
                if (!member_take(&next, &texts, kind, &member))
                        return false;
        if (kind != FLAT_END)
                return false;
        texts_store(&next, &texts);
        storage_free(opts);
        *opts = next;
        return true;
}

int connect_options_parse(struct connect_options *opts, struct slice json, struct errbuf *eb)
{
        struct connect_options next = *opts;
        json_t *tree;
        int err;

        if (is_null(json) || flat_parse(opts, json))
                return 0;
        tree = tree_of(json);
        if (!tree) /* without the parser's words: they quote the text, and with it secrets */
                return errbuf_set(eb, ERR_INVALID, "CONNECT is not valid JSON");
        err = object_take(&next, tree, eb);
        if (err == 0) {
                strings_store(&next);
                storage_free(opts);
                *opts = next;
        }
        tree_wipe(tree);
        json_decref(tree);
        return err;
}

void connect_options_set_user(struct connect_options *opts, const char *name)
{
        struct connect_options next = *opts;
        next.user = name;
        strings_store(&next);
        storage_free(opts);
        *opts = next;
}

void connect_options_forget_secrets(struct connect_options *opts)
{
        static const struct field secrets[] = { FIELD(pass), FIELD(auth_token), FIELD(sig),
                FIELD(proxy_sig) };

        for (size_t i = 0; i < ARRAY_N(secrets); i++) {
                const char **field = string_at(opts, &secrets[i]);

                mem_wipe((void *)(uintptr_t)*field, strlen(*field));
                *field = "";
        }
}
