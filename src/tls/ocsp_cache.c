/* SPDX-License-Identifier: Apache-2.0 */
/* A table of chains and two lists in the order of use: `kept` for revocations that are to be preserved,
 * `others` for the rest, which makes room first. */
#include "tls/ocsp_cache.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/path.h"
#include "proto/s2.h"
#include "tls/ocsp_cache_internal.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUCKETS = 8192 };

struct entry {
        struct entry *next; /* in its bucket */
        struct list order;
        struct ocsp_item *item;
        bool proved;
        uint8_t issuer[OCSP_DIGEST_BYTES]; /* by whom it was proved */
        struct ocsp_response said;         /* then */
};

struct ocsp_cache {
        _Atomic uint32_t refs;
        bool local, preserve; /* fixed, as are the paths */
        char *dir, *path;     /* the file's directory as configured, and the file */
        pthread_mutex_t lock; /* of everything below */
        bool online;
        struct entry **buckets; /* NULL: type none */
        struct list kept, others;
        size_t bytes;
        uint64_t changes, saved; /* the file is as it was after so many changes */
        struct ocsp_cache_stats stats;
};

void ocsp_key_text(const uint8_t digest[OCSP_DIGEST_BYTES], char text[OCSP_KEY_SIZE])
{
        text_base64(digest, OCSP_DIGEST_BYTES, text);
}

/* ---- items ------------------------------------------------------------------------------- */

struct ocsp_item *ocsp_item_new(const uint8_t digest[OCSP_DIGEST_BYTES], struct slice response)
{
        struct ocsp_item *item = xcalloc(1, sizeof *item + response.len);
        atomic_init(&item->refs, 1);
        memcpy(item->digest, digest, OCSP_DIGEST_BYTES);
        item->len = (uint32_t)response.len;
        if (response.len > 0)
                memcpy(item->response, response.ptr, response.len);
        return item;
}

struct ocsp_item *ocsp_item_ref(struct ocsp_item *item)
{
        atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
        return item;
}

void ocsp_item_unref(struct ocsp_item *item)
{
        if (item == NULL || atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) != 1)
                return;
        xfree(item->subject);
        xfree(item);
}

struct slice ocsp_item_response(const struct ocsp_item *item)
{
        return slice_of(item->response, item->len);
}

/* ---- the table, with the lock held -------------------------------------------------------- */

static struct entry **slot_locked(struct ocsp_cache *cache, const uint8_t *digest)
{
        struct entry **at =
                &cache->buckets[slice_hash64(slice_of((const char *)digest, OCSP_DIGEST_BYTES)) %
                                BUCKETS];
        while (*at && memcmp((*at)->item->digest, digest, OCSP_DIGEST_BYTES) != 0)
                at = &(*at)->next;
        return at;
}

static struct entry *find_locked(struct ocsp_cache *cache, const uint8_t *digest)
{
        return cache->online && cache->local ? *slot_locked(cache, digest) : NULL;
}

static uint64_t *count_of_locked(struct ocsp_cache *cache, const struct ocsp_item *item)
{
        return item->status == OCSP_STATUS_GOOD      ? &cache->stats.good
               : item->status == OCSP_STATUS_REVOKED ? &cache->stats.revoked
                                                     : &cache->stats.unknown;
}

static void remove_locked(struct ocsp_cache *cache, struct entry **slot)
{
        struct entry *entry = *slot;
        *slot = entry->next;
        list_remove(&entry->order);
        cache->bytes -= entry->item->len;
        cache->stats.entries--;
        (*count_of_locked(cache, entry->item))--;
        ocsp_item_unref(entry->item);
        xfree(entry);
        cache->changes++;
}

static struct list *order_of_locked(struct ocsp_cache *cache, const struct ocsp_item *item)
{
        return cache->preserve && item->status == OCSP_STATUS_REVOKED ? &cache->kept
                                                                      : &cache->others;
}

static void make_room_locked(struct ocsp_cache *cache, size_t bytes)
{
        while (cache->stats.entries >= OCSP_CACHE_MAX_ENTRIES ||
                (cache->stats.entries > 0 && cache->bytes + bytes > OCSP_CACHE_MAX_BYTES)) {
                struct list *order = list_empty(&cache->others) ? &cache->kept : &cache->others;
                struct entry *oldest = list_entry(order->next, struct entry, order);
                remove_locked(cache, slot_locked(cache, oldest->item->digest));
        }
}

/* Takes the item. */
static struct entry *insert_locked(struct ocsp_cache *cache, struct ocsp_item *item)
{
        struct entry **slot = slot_locked(cache, item->digest);
        if (*slot)
                remove_locked(cache, slot);
        make_room_locked(cache, item->len);
        struct entry *entry = xnew(struct entry);
        entry->item = item;
        slot = slot_locked(cache, item->digest);
        entry->next = *slot;
        *slot = entry;
        list_push_back(order_of_locked(cache, item), &entry->order);
        cache->bytes += item->len;
        cache->stats.entries++;
        (*count_of_locked(cache, item))++;
        cache->changes++;
        return entry;
}

static void clear_locked(struct ocsp_cache *cache)
{
        for (size_t i = 0; cache->buckets && i < BUCKETS; i++)
                while (cache->buckets[i])
                        remove_locked(cache, &cache->buckets[i]);
}

/* ---- life -------------------------------------------------------------------------------- */

static char *absolute(const char *dir)
{
        char here[4096];
        struct buf path = { 0 };
        if (dir[0] == '/' || getcwd(here, sizeof here) == NULL)
                here[0] = '\0';
        struct buf file = { 0 };
        path_join(&file, slice_str(dir), SLICE_LIT("cache.json"));
        if (here[0])
                path_join(&path, slice_str(here), buf_slice(&file));
        else
                buf_append_slice(&path, buf_slice(&file));
        buf_fini(&file);
        return buf_take_str(&path);
}

struct ocsp_cache *ocsp_cache_new(const struct ocsp_cache_options *opts)
{
        struct ocsp_cache *cache = xnew(struct ocsp_cache);
        atomic_init(&cache->refs, 1);
        pthread_mutex_init(&cache->lock, NULL);
        cache->local = opts->type == OCSP_CACHE_LOCAL;
        cache->preserve = opts->preserve_revoked;
        cache->dir = xstrdup(opts->local_store);
        cache->path = absolute(opts->local_store);
        cache->buckets = cache->local ? xcalloc(BUCKETS, sizeof(struct entry *)) : NULL;
        list_init(&cache->kept);
        list_init(&cache->others);
        return cache;
}

struct ocsp_cache *ocsp_cache_ref(struct ocsp_cache *cache)
{
        atomic_fetch_add_explicit(&cache->refs, 1, memory_order_relaxed);
        return cache;
}

void ocsp_cache_unref(struct ocsp_cache *cache)
{
        if (cache == NULL || atomic_fetch_sub_explicit(&cache->refs, 1, memory_order_acq_rel) != 1)
                return;
        clear_locked(cache);
        pthread_mutex_destroy(&cache->lock);
        xfree(cache->buckets);
        xfree(cache->dir);
        xfree(cache->path);
        xfree(cache);
}

bool ocsp_cache_is_local(const struct ocsp_cache *cache)
{
        return cache->local;
}

static void on_item(void *ctx, struct ocsp_item *item)
{
        struct ocsp_cache *cache = ctx;
        pthread_mutex_lock(&cache->lock);
        insert_locked(cache, item);
        pthread_mutex_unlock(&cache->lock);
}

/* While it is offline, so nobody else changes it; the file may take its time. */
static void load(struct ocsp_cache *cache)
{
        struct buf text = { 0 };
        struct errbuf eb = { "" };
        log_debug(NULL, "Loading OCSP peer cache [%s]", cache->path);
        int rc = ocsp_store_load(cache->path, &text, &eb);
        if (rc == -ENOENT) {
                log_debug(NULL, "No OCSP peer cache found, starting with empty cache");
                buf_fini(&text);
                return;
        }
        bool unreadable = rc < 0;
        if (rc == 0)
                rc = ocsp_store_read(buf_slice(&text), on_item, cache, &eb);
        buf_fini(&text);
        if (rc < 0)
                log_warn(NULL, "Unable to load OCSP peer cache: %s", eb.text);
        pthread_mutex_lock(&cache->lock);
        if (rc < 0)
                clear_locked(cache);
        cache->saved = cache->changes - (rc < 0 && !unreadable ? 1 : 0); /* rubbish is replaced */
        pthread_mutex_unlock(&cache->lock);
}

void ocsp_cache_start(struct ocsp_cache *cache)
{
        if (cache->local) {
                log_debug(NULL, "Starting OCSP peer cache");
                load(cache);
        }
        pthread_mutex_lock(&cache->lock);
        cache->online = true;
        pthread_mutex_unlock(&cache->lock);
        log_info(NULL, "OCSP peer cache online, type [%s]", cache->local ? "local" : "none");
}

void ocsp_cache_stop(struct ocsp_cache *cache)
{
        pthread_mutex_lock(&cache->lock);
        if (cache->local)
                log_debug(NULL, "Stopping OCSP peer cache");
        cache->online = false;
        pthread_mutex_unlock(&cache->lock);
        ocsp_cache_save(cache);
}

/* ---- saving ------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b)
{
        char x[OCSP_KEY_SIZE], y[OCSP_KEY_SIZE];
        ocsp_key_text((*(struct ocsp_item *const *)a)->digest, x);
        ocsp_key_text((*(struct ocsp_item *const *)b)->digest, y);
        return strcmp(x, y);
}

/* The items of this moment, counted, so that they can be written without the lock. */
static struct ocsp_item **snapshot(struct ocsp_cache *cache, size_t *n, uint64_t *changes)
{
        struct ocsp_item **items = NULL;
        pthread_mutex_lock(&cache->lock);
        *n = 0;
        *changes = cache->changes;
        if (cache->changes != cache->saved)
                items = xcalloc(cache->stats.entries + 1, sizeof(struct ocsp_item *));
        for (size_t i = 0; items && i < BUCKETS; i++)
                for (struct entry *entry = cache->buckets[i]; entry; entry = entry->next)
                        items[(*n)++] = ocsp_item_ref(entry->item);
        pthread_mutex_unlock(&cache->lock);
        return items;
}

void ocsp_cache_save(struct ocsp_cache *cache)
{
        struct errbuf eb = { "" };
        struct buf text = { 0 };
        size_t n;
        uint64_t changes;
        struct ocsp_item **items = cache->local ? snapshot(cache, &n, &changes) : NULL;
        if (items == NULL)
                return;
        log_debug(NULL, "OCSP peer cache is dirty, saving");
        log_debug(NULL, "Saving OCSP peer cache [%s]", cache->path);
        qsort(items, n, sizeof(struct ocsp_item *), by_key);
        ocsp_store_write(items, n, &text);
        if (ocsp_store_save(cache->dir, cache->path, buf_slice(&text), &eb) < 0) {
                log_error(NULL, "Unable to save OCSP peer cache: %s", eb.text);
        } else {
                pthread_mutex_lock(&cache->lock);
                cache->saved = changes;
                pthread_mutex_unlock(&cache->lock);
                log_debug(NULL, "Saved OCSP peer cache successfully (%zu bytes)", text.len);
        }
        for (size_t i = 0; i < n; i++)
                ocsp_item_unref(items[i]);
        xfree(items);
        buf_fini(&text);
}

/* ---- use --------------------------------------------------------------------------------- */

struct ocsp_item *ocsp_cache_get(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES])
{
        struct ocsp_item *item = NULL;
        char key[OCSP_KEY_SIZE];
        pthread_mutex_lock(&cache->lock);
        bool looked = cache->online && cache->local;
        struct entry *entry = find_locked(cache, digest);
        if (entry) {
                item = ocsp_item_ref(entry->item);
                list_remove(&entry->order);
                list_push_back(order_of_locked(cache, item), &entry->order);
                cache->stats.hits++;
        } else if (looked) {
                cache->stats.misses++;
        }
        pthread_mutex_unlock(&cache->lock);
        ocsp_key_text(digest, key);
        if (looked)
                log_debug(NULL, "OCSP peer cache %s for key [%s]", item ? "hit" : "miss", key);
        return item;
}

/* Responses are small and hold much that is random: they are kept, and written, uncompressed. */
static void log_put(const struct ocsp_item *item)
{
        struct buf stream = { 0 };
        char key[OCSP_KEY_SIZE];
        ocsp_key_text(item->digest, key);
        log_debug(NULL, "Caching OCSP response for [%s], key [%s]", item->subject, key);
        s2_encode(ocsp_item_response(item), &stream);
        log_debug(NULL, "OCSP response compression ratio: [%f]",
                (double)stream.len / (double)item->len);
        buf_fini(&stream);
}

/* Responders need not be of one mind, nor answer in the order in which they are asked: of what one issuer
 * says, the newest counts. */
static bool is_news_locked(struct ocsp_cache *cache, const uint8_t *digest, const uint8_t *issuer,
        const struct ocsp_response *said)
{
        const struct entry *known = find_locked(cache, digest);
        return known == NULL || !known->proved ||
               memcmp(known->issuer, issuer, OCSP_DIGEST_BYTES) != 0 ||
               known->said.this_update_s <= said->this_update_s;
}

void ocsp_cache_put(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES],
        const uint8_t issuer[OCSP_DIGEST_BYTES], struct slice response,
        const struct ocsp_response *said, const char *subject)
{
        struct ocsp_item *item;
        pthread_mutex_lock(&cache->lock);
        if (!cache->online || !cache->local || response.len == 0 ||
                !is_news_locked(cache, digest, issuer, said)) {
                pthread_mutex_unlock(&cache->lock);
                return;
        }
        item = ocsp_item_new(digest, response);
        item->subject = xstrdup(subject);
        item->status = said->status;
        item->cached_s = (int64_t)((clock_wall_ns() + NS_PER_SEC / 2) / NS_PER_SEC);
        item->expires_s = said->next_update_s;
        struct entry *entry = insert_locked(cache, ocsp_item_ref(item));
        entry->proved = true;
        memcpy(entry->issuer, issuer, OCSP_DIGEST_BYTES);
        entry->said = *said;
        pthread_mutex_unlock(&cache->lock);
        log_put(item);
        ocsp_item_unref(item);
}

void ocsp_cache_drop(struct ocsp_cache *cache, const struct ocsp_item *item)
{
        char key[OCSP_KEY_SIZE];
        pthread_mutex_lock(&cache->lock);
        struct entry *entry = find_locked(cache, item->digest);
        bool found = entry && entry->item == item; /* else somebody was here before us */
        bool kept = found && order_of_locked(cache, item) == &cache->kept;
        cache->stats.misses++;
        cache->stats.hits--;
        if (found && !kept)
                remove_locked(cache, slot_locked(cache, item->digest));
        pthread_mutex_unlock(&cache->lock);
        ocsp_key_text(item->digest, key);
        if (kept)
                log_debug(
                        NULL, "Revoked OCSP response for key [%s] preserved by cache policy", key);
        else if (found)
                log_debug(NULL, "Deleting OCSP peer cached response for key [%s]", key);
}

void ocsp_cache_prove(struct ocsp_cache *cache, const struct ocsp_item *item,
        const uint8_t issuer[OCSP_DIGEST_BYTES], const struct ocsp_response *said)
{
        pthread_mutex_lock(&cache->lock);
        struct entry *entry = find_locked(cache, item->digest);
        if (entry && entry->item == item) {
                entry->proved = true;
                memcpy(entry->issuer, issuer, OCSP_DIGEST_BYTES);
                entry->said = *said;
        }
        pthread_mutex_unlock(&cache->lock);
}

bool ocsp_cache_proved(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES],
        const uint8_t issuer[OCSP_DIGEST_BYTES], struct ocsp_response *said)
{
        pthread_mutex_lock(&cache->lock);
        const struct entry *entry = find_locked(cache, digest);
        bool found =
                entry && entry->proved && memcmp(entry->issuer, issuer, OCSP_DIGEST_BYTES) == 0;
        if (found)
                *said = entry->said;
        pthread_mutex_unlock(&cache->lock);
        return found;
}

void ocsp_cache_stats(struct ocsp_cache *cache, struct ocsp_cache_stats *out)
{
        pthread_mutex_lock(&cache->lock);
        *out = cache->stats;
        pthread_mutex_unlock(&cache->lock);
}
