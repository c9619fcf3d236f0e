/* SPDX-License-Identifier: Apache-2.0 */
/* json.h: JSON out, in the exact form of Go's encoding/json, and the reading helpers over jansson.
 * jansson parses; it cannot print what the reference prints (escapes of < > &, shortest floats,
 * declared order with omitted fields), hence the small writer. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_writer {
        struct buf *out; /* borrowed; its sticky failure is the writer's */
        int indent;      /* spaces per level; 0: compact */
        int depth;
        bool first; /* nothing written yet at this level */
};

void json_begin(struct json_writer *w, struct buf *out, int indent);
/* key is NULL inside arrays and for the top value. */
void json_object_open(struct json_writer *w, const char *key);
void json_object_close(struct json_writer *w);
void json_array_open(struct json_writer *w, const char *key);
void json_array_close(struct json_writer *w);
void json_str(struct json_writer *w, const char *key, const char *text);
void json_slice(struct json_writer *w, const char *key, struct slice s);
void json_i64(struct json_writer *w, const char *key, int64_t value);
void json_u64(struct json_writer *w, const char *key, uint64_t value);
void json_f64(struct json_writer *w, const char *key, double value);
void json_bool(struct json_writer *w, const char *key, bool value);
void json_nil(struct json_writer *w, const char *key); /* null; jansson has the other name */
/* Go's omitempty. */
void json_str_opt(struct json_writer *w, const char *key, const char *text);
void json_i64_opt(struct json_writer *w, const char *key, int64_t value);
void json_bool_opt(struct json_writer *w, const char *key, bool value);

/* Append text as a JSON string with quotes, as Go does (invalid UTF-8 becomes U+FFFD). */
void json_quote(struct buf *out, struct slice s);

/* Parse one document, an object or an array, with nothing behind it; NULL on any error. The caller
 * bounds len; jansson bounds the depth (2048). The last of equal keys wins, as in Go. Stricter than
 * Go: invalid UTF-8, U+0000 in a string and integers beyond 64 bits signed are refused.
 * The caller json_decref()s. */
json_t *json_parse(struct slice text, struct errbuf *eb);
/* Member by name, exact match preferred, else ASCII case-insensitive (as Go decodes). NULL: absent.
 */
json_t *json_member(json_t *object, const char *key);
