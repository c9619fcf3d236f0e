/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_cache_internal.h: between the cache (ocsp_cache.c) and its file (ocsp_store.c). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "tls/ocsp_cache.h"
#include <stdatomic.h>

enum { OCSP_FILE_MAX_BYTES = 64 * 1024 * 1024 };

struct ocsp_item {
        _Atomic uint32_t refs;
        uint8_t digest[OCSP_DIGEST_BYTES];
        enum ocsp_status status;
        int64_t cached_s;  /* seconds since 1970 */
        int64_t expires_s; /* 0: the authority leaves it open */
        char *subject;     /* for people */
        uint32_t len;
        char response[];
};

struct ocsp_item *ocsp_item_new(const uint8_t digest[OCSP_DIGEST_BYTES], struct slice response);
struct ocsp_item *ocsp_item_ref(struct ocsp_item *item);

/* The text of the file for these items, in the order of their keys. */
void ocsp_store_write(struct ocsp_item **items, size_t n, struct buf *out);
/* Give each entry of a file to on_item, which takes it. 0, or negative with a sentence: then what was
 * given so far is worth nothing. */
MUST_CHECK int ocsp_store_read(struct slice text,
        void (*on_item)(void *ctx, struct ocsp_item *item), void *ctx, struct errbuf *eb);

/* The whole file. -ENOENT: there is none. */
MUST_CHECK int ocsp_store_load(const char *path, struct buf *out, struct errbuf *eb);
/* As file_replace(); dir, where it lies, is made when it is not there. */
MUST_CHECK int ocsp_store_save(
        const char *dir, const char *path, struct slice text, struct errbuf *eb);
