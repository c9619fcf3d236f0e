/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ocsp_cache.c: the input as cache.json. What is read can be written, and read again as the same. */
#include "fuzz.h"
#include "base/err.h"
#include "tls/ocsp_cache_internal.h"

enum { ITEMS_MAX = 16 };

struct found {
        struct ocsp_item *items[ITEMS_MAX];
        size_t n;
};

static void on_item(void *ctx, struct ocsp_item *item)
{
        struct found *found = ctx;
        PROPERTY(item->len > 0 && item->len <= OCSP_RESPONSE_MAX_BYTES);
        if (found->n < ITEMS_MAX)
                found->items[found->n++] = item;
        else
                ocsp_item_unref(item);
}

static void drop(struct found *found)
{
        for (size_t i = 0; i < found->n; i++)
                ocsp_item_unref(found->items[i]);
}

static int same(const struct ocsp_item *a, const struct ocsp_item *b)
{
        return slice_eq(ocsp_item_response(a), ocsp_item_response(b)) && a->status == b->status &&
               a->cached_s == b->cached_s && a->expires_s == b->expires_s;
}

static void check_again(struct found *first)
{
        struct found second = { .n = 0 };
        struct buf text = { 0 };
        struct errbuf eb = { "" };
        ocsp_store_write(first->items, first->n, &text);
        PROPERTY(ocsp_store_read(buf_slice(&text), on_item, &second, &eb) == 0);
        PROPERTY(second.n <= first->n); /* a key may have been there twice, in other letters */
        for (size_t i = 0; second.n == first->n && i < first->n; i++)
                PROPERTY(same(first->items[i], second.items[i]));
        drop(&second);
        buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct found found = { .n = 0 };
        struct errbuf eb = { "" };
        int rc = ocsp_store_read(slice_of((const char *)data, size), on_item, &found, &eb);
        if (rc == 0)
                check_again(&found);
        drop(&found);
        return 0;
}
