/* SPDX-License-Identifier: Apache-2.0 */
/* ast.c: values, arrays, and maps that keep the order of the document. Maps of more than a few keys
 * get a hash table, so that a file of many keys does not cost quadratic time. */
#include "conf/ast.h"
#include <stdio.h>
#include <stdlib.h>
#include <inttypes.h>
#include <math.h>

#define INDEX_FROM 16 /* entries a map has before it is indexed */

struct conf_value *conf_new(struct arena *arena, enum conf_kind kind)
{
        struct conf_value *value = arena_alloc(arena, sizeof *value);
        value->kind = kind;
        value->weight = 1;
        if (kind == CONF_ARRAY)
                value->as.array = arena_alloc(arena, sizeof(struct conf_array));
        if (kind == CONF_MAP)
                value->as.map = arena_alloc(arena, sizeof(struct conf_map));
        return value;
}

/* Room for one more element; the arena keeps the old block until the end. */
static void *grow(struct arena *arena, void *old, int n, int *cap, size_t size)
{
        if (n < *cap)
                return old;
        *cap = *cap ? *cap * 2 : 4;
        char *grown = arena_alloc(arena, (size_t)*cap * size);
        if (n > 0)
                memcpy(grown, old, (size_t)n * size);
        return grown;
}

/* A container got `child`. */
static void count(struct conf_value *container, const struct conf_value *child)
{
        container->weight += child->weight;
        if (child->depth + 1 > container->depth)
                container->depth = child->depth + 1;
}

void conf_array_add(struct arena *arena, struct conf_value *array, struct conf_value *item)
{
        struct conf_array *a = array->as.array;
        a->items = grow(arena, a->items, a->n, &a->cap, sizeof *a->items);
        a->items[a->n++] = item;
        count(array, item);
}

static void index_put(struct conf_map *map, int entry)
{
        unsigned mask = (unsigned)map->index_cap - 1;
        unsigned slot = map->entries[entry].hash & mask;
        while (map->index[slot] != 0)
                slot = (slot + 1) & mask;
        map->index[slot] = entry + 1;
}

static void reindex(struct arena *arena, struct conf_map *map)
{
        map->index_cap = map->index_cap ? map->index_cap * 2 : INDEX_FROM * 4;
        map->index = arena_alloc(arena, (size_t)map->index_cap * sizeof *map->index);
        for (int i = 0; i < map->n; i++)
                index_put(map, i);
}

static bool is_entry(const struct conf_entry *entry, struct slice key, unsigned hash)
{
        return entry->hash == hash && slice_eq(entry->key, key);
}

static struct conf_entry *find(const struct conf_map *map, struct slice key, unsigned hash)
{
        if (!map->index) {
                for (int i = 0; i < map->n; i++)
                        if (is_entry(&map->entries[i], key, hash))
                                return &map->entries[i];
                return NULL;
        }
        unsigned mask = (unsigned)map->index_cap - 1;
        for (unsigned slot = hash & mask; map->index[slot] != 0; slot = (slot + 1) & mask)
                if (is_entry(&map->entries[map->index[slot] - 1], key, hash))
                        return &map->entries[map->index[slot] - 1];
        return NULL;
}

void conf_map_put(
        struct arena *arena, struct conf_value *map, struct slice key, struct conf_value *value)
{
        struct conf_map *m = map->as.map;
        unsigned hash = slice_hash(key);
        struct conf_entry *old = find(m, key, hash);
        count(map, value);
        if (old) {
                old->value = value;
                return;
        }
        m->entries = grow(arena, m->entries, m->n, &m->cap, sizeof *m->entries);
        m->entries[m->n++] = (struct conf_entry){ key, hash, value };
        if (m->index && m->n * 2 <= m->index_cap)
                index_put(m, m->n - 1);
        else if (m->n > INDEX_FROM)
                reindex(arena, m);
}

struct conf_value *conf_map_get(const struct conf_value *map, struct slice key)
{
        struct conf_entry *entry = find(map->as.map, key, slice_hash(key));
        return entry ? entry->value : NULL;
}

const char *conf_type_name(const struct conf_value *value)
{
        static const char *const names[CONF_KIND_COUNT] = {
                [CONF_STRING] = "string",
                [CONF_INTEGER] = "int64",
                [CONF_FLOAT] = "float64",
                [CONF_BOOL] = "bool",
                [CONF_DATE] = "time.Time",
                [CONF_ARRAY] = "[]interface {}",
                [CONF_MAP] = "map[string]interface {}",
        };
        return names[value->kind];
}

/* The fewest digits that read back as the same number; exponent form from 1e21 and below 1e-4. */
static void print_float(struct buf *out, double real)
{
        char text[40];
        for (int digits = 1; digits <= 17; digits++) {
                snprintf(text, sizeof text, "%.*e", digits - 1, real);
                if (strtod(text, NULL) == real)
                        break;
        }
        char *e = strchr(text, 'e');
        int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
        if (!e || exponent < -4 || exponent >= 21) {
                buf_append_str(out, text);
                return;
        }
        int digits = 0;
        for (char *c = text; c < e; c++)
                digits += *c >= '0' && *c <= '9';
        int decimals = digits - 1 - exponent;
        buf_printf(out, "%.*f", decimals > 0 ? decimals : 0, real);
}

static void print_date(struct buf *out, struct slice text)
{
        if (text.len == 20)
                buf_printf(out, "%.10s %.8s +0000 UTC", text.ptr, text.ptr + 11);
}

void conf_print(struct buf *out, const struct conf_value *value)
{
        switch (value->kind) {
        case CONF_STRING:
                buf_append_slice(out, value->as.text);
                break;
        case CONF_INTEGER:
                buf_printf(out, "%" PRId64, value->as.integer);
                break;
        case CONF_FLOAT:
                print_float(out, value->as.real);
                break;
        case CONF_BOOL:
                buf_append_str(out, value->as.boolean ? "true" : "false");
                break;
        case CONF_DATE:
                print_date(out, value->as.text);
                break;
        case CONF_ARRAY:
                buf_append_char(out, '[');
                for (int i = 0; i < value->as.array->n; i++) {
                        if (i > 0)
                                buf_append_char(out, ' ');
                        conf_print(out, value->as.array->items[i]);
                }
                buf_append_char(out, ']');
                break;
        case CONF_MAP:
                buf_append_str(out, "map[");
                for (int i = 0; i < value->as.map->n; i++) {
                        const struct conf_entry *entry = &value->as.map->entries[i];
                        buf_printf(out, "%s%.*s:", i > 0 ? " " : "", SLICE_ARG(entry->key));
                        conf_print(out, entry->value);
                }
                buf_append_char(out, ']');
                break;
        case CONF_KIND_COUNT:
                break;
        }
}
