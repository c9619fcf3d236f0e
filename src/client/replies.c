/* SPDX-License-Identifier: Apache-2.0 */
#include "client/replies.h"
#include "base/mem.h"

enum { BUCKETS_FIRST = 16 };

struct reply {
        struct reply *next; /* in the bucket */
        struct list age;
        uint64_t at_ns;
        int64_t used; /* answers */
        uint32_t hash, len;
        char text[];
};

void replies_init(struct replies *replies, int64_t max, int64_t expires_ns)
{
        *replies = (struct replies){ .max = max, .expires_ns = expires_ns };
        list_init(&replies->by_age);
}

static struct reply **place_of(struct replies *replies, struct slice text, uint32_t hash)
{
        struct reply **at = &replies->buckets[hash & (replies->bucket_n - 1)];
        while (*at && ((*at)->hash != hash || !slice_eq(slice_of((*at)->text, (*at)->len), text)))
                at = &(*at)->next;
        return at;
}

static void drop(struct replies *replies, struct reply *reply)
{
        struct reply **at = place_of(replies, slice_of(reply->text, reply->len), reply->hash);
        *at = reply->next;
        list_remove(&reply->age);
        replies->n--;
        xfree(reply);
}

static struct reply *oldest(struct replies *replies)
{
        return list_entry(replies->by_age.next, struct reply, age);
}

void replies_fini(struct replies *replies)
{
        while (!list_empty(&replies->by_age))
                drop(replies, oldest(replies));
        xfree(replies->buckets);
        replies->buckets = NULL;
        replies->bucket_n = 0;
}

static bool has_expired(const struct replies *replies, const struct reply *reply, uint64_t now_ns)
{
        return replies->expires_ns >= 0 && now_ns - reply->at_ns > (uint64_t)replies->expires_ns;
}

static void grow(struct replies *replies)
{
        struct reply **old = replies->buckets;
        uint32_t old_n = replies->bucket_n;
        replies->bucket_n = old_n ? old_n * 2 : BUCKETS_FIRST;
        replies->buckets = xcalloc(replies->bucket_n, sizeof *replies->buckets);
        list_foreach (&replies->by_age, it) {
                struct reply *reply = list_entry(it, struct reply, age);
                struct reply **bucket = &replies->buckets[reply->hash & (replies->bucket_n - 1)];
                reply->next = *bucket;
                *bucket = reply;
        }
        xfree(old);
}

static struct reply *add(struct replies *replies, struct slice text, uint32_t hash)
{
        if (replies->n == REPLIES_MAX)
                drop(replies, oldest(replies));
        if (replies->n == replies->bucket_n)
                grow(replies);
        struct reply *reply = xmalloc(sizeof *reply + text.len);
        *reply = (struct reply){ .hash = hash, .len = (uint32_t)text.len };
        memcpy(reply->text, text.ptr, text.len);
        struct reply **bucket = &replies->buckets[hash & (replies->bucket_n - 1)];
        reply->next = *bucket;
        *bucket = reply;
        replies->n++;
        return reply;
}

void replies_note(struct replies *replies, struct slice text, uint64_t now_ns)
{
        uint32_t hash = slice_hash(text);
        while (!list_empty(&replies->by_age) && has_expired(replies, oldest(replies), now_ns))
                drop(replies, oldest(replies));
        struct reply *reply = replies->bucket_n ? *place_of(replies, text, hash) : NULL;
        if (reply)
                list_remove(&reply->age);
        else
                reply = add(replies, text, hash);
        reply->at_ns = now_ns;
        reply->used = 0;
        list_push_back(&replies->by_age, &reply->age);
}

bool replies_take(struct replies *replies, struct slice subject, uint64_t now_ns)
{
        struct reply *reply = replies->n ? *place_of(replies, subject, slice_hash(subject)) : NULL;
        if (reply == NULL)
                return false;
        bool may = !has_expired(replies, reply, now_ns);
        if (!may || ++reply->used == replies->max)
                drop(replies, reply);
        return may;
}
