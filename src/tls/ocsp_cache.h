/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_cache.h: what responders said about the certificates of peers, in memory and in a file that
 * nats-server reads and writes as well (tls.md 11.4).
 *
 * The key of an entry is the certificate's; its value a response as it came. What is in the file is no
 * proof: whoever uses an entry checks the response's signature, once for each issuer, and the entry
 * remembers it. Bounded: the responses that were not used longest make room, kept revocations last.
 * Any thread; one short lock. Loading and saving block on files and are for no loop. */
#pragma once
#include "base/slice.h"
#include "conf/options.h"
#include "tls/ocsp.h"
#include <stdbool.h>
#include <stdint.h>

enum {
        OCSP_DIGEST_BYTES = 32, /* SHA-256 of a certificate's DER */
        OCSP_KEY_SIZE = 45,     /* the same in base64, with its NUL: how files and logs name it */
        OCSP_CACHE_MAX_ENTRIES = 50 * 1000,
        OCSP_CACHE_MAX_BYTES = 32 * 1024 * 1024, /* of responses */
};

struct ocsp_cache;

/* A response in the cache; immutable but for the count. */
struct ocsp_item;

struct ocsp_cache_stats {
        uint64_t hits, misses;
        uint64_t entries, good, revoked, unknown;
};

void ocsp_key_text(const uint8_t digest[OCSP_DIGEST_BYTES], char text[OCSP_KEY_SIZE]);

/* Empty and offline; one reference. opts is copied. Type none keeps nothing, ever. */
struct ocsp_cache *ocsp_cache_new(const struct ocsp_cache_options *opts);
struct ocsp_cache *ocsp_cache_ref(struct ocsp_cache *cache);
void ocsp_cache_unref(struct ocsp_cache *cache); /* NULL is fine; saves nothing */

/* Read the file, if there is one, and go online. Logs what is wrong with it and then begins empty. */
void ocsp_cache_start(struct ocsp_cache *cache);
/* Go offline: nothing is found or kept any more; then save. */
void ocsp_cache_stop(struct ocsp_cache *cache);
/* Write the file if anything has changed since the last time; logs. One thread at a time. */
void ocsp_cache_save(struct ocsp_cache *cache);

/* The response for a certificate, counted, or NULL; counts a hit or a miss. The caller unrefs it. */
struct ocsp_item *ocsp_cache_get(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES]);
struct slice ocsp_item_response(const struct ocsp_item *item); /* DER; lives as long as the item */
void ocsp_item_unref(struct ocsp_item *item);                  /* NULL is fine */

/* Keep a response that was checked against the certificate's issuer, in place of the one before; an older
 * one is passed over. */
void ocsp_cache_put(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES],
        const uint8_t issuer[OCSP_DIGEST_BYTES], struct slice response,
        const struct ocsp_response *said, const char *subject);

/* The item that get() gave has turned out useless: forget it, unless it is a revocation that is to be
 * preserved, and count the hit as a miss. */
void ocsp_cache_drop(struct ocsp_cache *cache, const struct ocsp_item *item);

/* The item that get() gave was checked against this issuer: remember what it says. */
void ocsp_cache_prove(struct ocsp_cache *cache, const struct ocsp_item *item,
        const uint8_t issuer[OCSP_DIGEST_BYTES], const struct ocsp_response *said);

/* What a checked entry says; false: there is none for this issuer. Counts nothing. */
bool ocsp_cache_proved(struct ocsp_cache *cache, const uint8_t digest[OCSP_DIGEST_BYTES],
        const uint8_t issuer[OCSP_DIGEST_BYTES], struct ocsp_response *said);

bool ocsp_cache_is_local(const struct ocsp_cache *cache);
void ocsp_cache_stats(struct ocsp_cache *cache, struct ocsp_cache_stats *out);
