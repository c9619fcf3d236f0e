/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c: the tree in the exact form of Go's encoding/json, hashed. */
#include "conf/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include <openssl/evp.h>
#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
        const struct conf_entry *x = *(const struct conf_entry *const *)a;
        const struct conf_entry *y = *(const struct conf_entry *const *)b;
        size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;
        int order = n > 0 ? memcmp(x->key.ptr, y->key.ptr, n) : 0;
        return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static void write_value(struct buf *out, const struct conf_value *value);

/* Members are written by hand: a key may hold any byte, and json_writer takes C strings. */
static void write_map(struct buf *out, const struct conf_map *map)
{
        const struct conf_entry **sorted = xcalloc((size_t)map->n + 1, sizeof(void *));
        for (int i = 0; i < map->n; i++)
                sorted[i] = &map->entries[i];
        qsort(sorted, (size_t)map->n, sizeof(void *), by_key);
        buf_append_char(out, '{');
        for (int i = 0; i < map->n; i++) {
                if (i > 0)
                        buf_append_char(out, ',');
                json_quote(out, sorted[i]->key);
                buf_append_char(out, ':');
                write_value(out, sorted[i]->value);
        }
        buf_append_char(out, '}');
        xfree(sorted);
}

static void write_array(struct buf *out, const struct conf_array *array)
{
        buf_append_char(out, '[');
        for (int i = 0; i < array->n; i++) {
                if (i > 0)
                        buf_append_char(out, ',');
                write_value(out, array->items[i]);
        }
        buf_append_char(out, ']');
}

static void write_value(struct buf *out, const struct conf_value *value)
{
        switch (value->kind) {
        case CONF_STRING:
        case CONF_DATE:
                json_quote(out, value->as.text);
                break;
        case CONF_INTEGER:
        case CONF_BOOL:
                conf_print(out, value);
                break;
        case CONF_FLOAT: {
                struct json_writer scalar;
                json_begin(&scalar, out, 0);
                json_f64(&scalar, NULL, value->as.real);
                break;
        }
        case CONF_ARRAY:
                write_array(out, value->as.array);
                break;
        case CONF_MAP:
                write_map(out, value->as.map);
                break;
        case CONF_KIND_COUNT:
                break;
        }
}

void conf_digest(const struct conf_value *root, char dst[CONF_DIGEST_BYTES])
{
        struct buf text;
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        buf_init(&text);
        write_value(&text, root);
        buf_append_char(&text, '\n');
        ASSERT(!text.failed);
        ASSERT(EVP_Digest(text.ptr, text.len, hash, &len, EVP_sha256(), NULL) == 1);
        memcpy(dst, "sha256:", 7);
        text_hex(hash, len, dst + 7);
        buf_fini(&text);
}
