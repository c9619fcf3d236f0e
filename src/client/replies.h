/* SPDX-License-Identifier: Apache-2.0 */
/* replies.h: the reply subjects that somebody was given with messages and may therefore answer
 * (client-protocol 5.6, allow_responses). Oldest first: an entry that nobody needs any more goes when a
 * newer one comes. Owner: one loop. */
#pragma once
#include "base/list.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

enum { REPLIES_MAX = 128 * 1024 }; /* of one connection; beyond it the oldest are forgotten */

struct reply;

struct replies {
        struct reply **buckets; /* NULL while there is none */
        uint32_t bucket_n, n;
        struct list by_age;
        int64_t max;        /* answers to each message; < 0: no limit */
        int64_t expires_ns; /* < 0: never */
};

void replies_init(struct replies *replies, int64_t max, int64_t expires_ns);
void replies_fini(struct replies *replies);

/* A message with this reply subject is on its way to him. */
void replies_note(struct replies *replies, struct slice reply, uint64_t now_ns);
/* May he publish to it? Counts the answer. */
bool replies_take(struct replies *replies, struct slice subject, uint64_t now_ns);
