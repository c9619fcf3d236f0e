/* SPDX-License-Identifier: Apache-2.0 */
/* parcel.h: deliveries for one other loop, collected during one socket read and sent as one mail.
 *
 *   [ entry | link, link, … | subject | tail | wire | … ] [ entry | … ]
 *
 * An entry is one message, or a run, with the subscriptions of that loop which get it. Small messages are copied
 * into the parcel; large ones are referenced in their chunk. Written by the publisher's loop, read and
 * freed by the receiver's. */
#pragma once
#include "base/mailbox.h"
#include "proto/msg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct loop;
struct trie_link;

struct parcel {
        struct mail mail;
        struct loop *to;
        size_t used, cap;
        size_t charge_bytes; /* memory it holds: counts against the receiver's mailbox until it is read */
        struct chunk *pinned; /* the chunk counted last */
        _Alignas(16) char data[];
};

struct parcel_entry {
        uint32_t entry_bytes; /* with everything behind it, rounded up for alignment */
        uint32_t sub_n;
        uint32_t subject_len, tail_len;
        uint32_t reply_len; /* the tail begins with it */
        uint32_t n,
                step; /* of a run: from the first tail to the last wire it lies here as it was read */
        uint32_t header_bytes;
        uint32_t hops; /* queue deliveries only: how often it was handed on */
        uint64_t
                not_for; /* queue deliveries only: id of the publisher that wants no echo; 0: none */
        bool queue; /* one message, sub_n is 1 and somebody else may take it when this one cannot */
        size_t wire_len;
        struct account *account;
        struct chunk *chunk; /* one reference, or NULL: the wire bytes are in the parcel */
        const char *wire;
        struct trie_link *links[]; /* of the subscriptions, sub_n of them */
};

/* Append one entry; *pp is the open parcel, replaced when full (the full one is passed to `full`). */
void parcel_add(struct parcel **pp, struct loop *to, const struct msg *msg, struct account *account,
        struct trie_link *const *links, size_t n, const struct parcel_entry *flags,
        void (*full)(struct parcel *parcel));

/* Walk: NULL to begin; returns NULL at the end. msg is filled from the entry. */
struct parcel_entry *parcel_next(
        struct parcel *parcel, struct parcel_entry *entry, struct msg *msg);

/* Drop the chunk references and the memory. */
void parcel_free(struct parcel *parcel);
