/* SPDX-License-Identifier: Apache-2.0 */
/* ast.h: a parsed configuration: values with the place they were written.
 *
 * Everything lives in one arena. A variable's value is shared, not copied: containers are reachable
 * on several ways, so `depth` and `weight` (values reached when every way is walked) are kept and
 * bounded while parsing, and a walk may recurse without further checks.
 * Thread: built on one; read-only afterwards, except `used`, which belongs to the parser. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define CONF_DEPTH_MAX 100
#define CONF_WEIGHT_MAX 4000000

enum conf_kind {
        CONF_STRING,
        CONF_INTEGER,
        CONF_FLOAT,
        CONF_BOOL,
        CONF_DATE,
        CONF_ARRAY,
        CONF_MAP,
        CONF_KIND_COUNT
};

struct conf_value;

struct conf_entry {
        struct slice key; /* as typed */
        unsigned hash;
        struct conf_value *value;
};

struct conf_array {
        struct conf_value **items;
        int n, cap;
};

struct conf_map {
        struct conf_entry *entries; /* in the order of the document; a key occurs once */
        int n, cap;
        int *index; /* hash table of entry numbers + 1; NULL while small */
        int index_cap;
};

struct conf_value {
        enum conf_kind kind;
        bool used;        /* a variable refers to it: an unknown option is forgiven */
        int depth;        /* 0 for scalars and empty containers */
        int64_t weight;   /* values in the tree below and including this one */
        const char *file; /* NULL: no position (it came from the environment) */
        int line, col;
        union {
                struct slice text; /* CONF_STRING, CONF_DATE */
                int64_t integer;
                double real;
                bool boolean;
                struct conf_array *array;
                struct conf_map *map;
        } as;
};

struct conf_value *conf_new(struct arena *arena, enum conf_kind kind);
void conf_array_add(struct arena *arena, struct conf_value *array, struct conf_value *item);
/* A key that is there already gets the new value in its old place. */
void conf_map_put(
        struct arena *arena, struct conf_value *map, struct slice key, struct conf_value *value);
struct conf_value *conf_map_get(const struct conf_value *map, struct slice key); /* NULL: absent */

/* The type as messages of the reference name it: "string", "int64", "[]interface {}" … */
const char *conf_type_name(const struct conf_value *value);
/* The value as Go's %v prints it. */
void conf_print(struct buf *out, const struct conf_value *value);
