/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/parcel.h"
#include "base/bytes.h"
#include "base/chunk.h"
#include "base/mem.h"

enum {
        PARCEL_FIRST_BYTES = 1024,
        PARCEL_BYTES = 64 * 1024,
        WIRE_COPY_BYTES = 4 * 1024, /* larger messages are referenced */
        ALIGN = 16,
};

static struct parcel *parcel_new(struct loop *to, size_t cap)
{
        struct parcel *parcel = xmalloc(sizeof *parcel + cap);
        *parcel = (struct parcel){ .to = to, .cap = cap, .charge_bytes = sizeof *parcel + cap };
        return parcel;
}

static struct parcel *room_for(
        struct parcel **pp, struct loop *to, size_t bytes, void (*full)(struct parcel *parcel))
{
        struct parcel *parcel = *pp;
        if (parcel && parcel->cap - parcel->used >= bytes)
                return parcel;
        size_t cap = parcel ? PARCEL_BYTES : PARCEL_FIRST_BYTES;
        if (cap < bytes)
                cap = bytes;
        if (parcel)
                full(parcel);
        *pp = parcel_new(to, cap);
        return *pp;
}

void parcel_add(struct parcel **pp, struct loop *to, const struct msg *msg, struct account *account,
        struct trie_link *const *links, size_t n, const struct parcel_entry *flags,
        void (*full)(struct parcel *parcel))
{
        bool by_ref = msg->chunk && msg->wire.len > WIRE_COPY_BYTES;
        size_t run_bytes = (size_t)(msg->n - 1) * msg->step; /* before the last message's tail */
        size_t texts = msg->subject.len + run_bytes + msg->tail.len + (by_ref ? 0 : msg->wire.len);
        size_t bytes = sizeof(struct parcel_entry) + n * sizeof(links[0]) + texts;
        bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
        struct parcel *parcel = room_for(pp, to, bytes, full);
        struct parcel_entry *entry = (struct parcel_entry *)(parcel->data + parcel->used);
        *entry = (struct parcel_entry){
                .entry_bytes = (uint32_t)bytes,
                .sub_n = (uint32_t)n,
                .subject_len = (uint32_t)msg->subject.len,
                .tail_len = (uint32_t)msg->tail.len,
                .reply_len = (uint32_t)msg->reply.len,
                .n = msg->n,
                .step = msg->step,
                .header_bytes = msg->header_bytes,
                .hops = flags->hops,
                .not_for = flags->not_for,
                .queue = flags->queue,
                .wire_len = msg->wire.len,
                .account = account,
        };
        memcpy(entry->links, links, n * sizeof(links[0]));
        char *at = bytes_copy((char *)(entry->links + n), msg->subject.ptr, msg->subject.len);
        if (msg->n > 1)
                at = bytes_copy(at, msg->tail.ptr, run_bytes);
        at = bytes_copy(at, msg->tail.ptr + run_bytes, msg->tail.len);
        if (by_ref) {
                entry->chunk = chunk_ref(msg->chunk);
                entry->wire = msg->wire.ptr;
                if (msg->chunk != parcel->pinned) /* it is held whole, but once */
                        parcel->charge_bytes += msg->chunk->cap;
                parcel->pinned = msg->chunk;
        } else {
                entry->wire = at - run_bytes;
                bytes_copy(at, msg->wire.ptr + run_bytes, msg->wire.len);
        }
        parcel->used += bytes;
}

static struct slice take(const char **at, size_t len)
{
        struct slice s = slice_of(*at, len);
        *at += len;
        return s;
}

struct parcel_entry *parcel_next(struct parcel *parcel, struct parcel_entry *entry, struct msg *msg)
{
        char *next = entry ? (char *)entry + entry->entry_bytes : parcel->data;
        if (next >= parcel->data + parcel->used)
                return NULL;
        entry = (struct parcel_entry *)next;
        const char *at = (const char *)(entry->links + entry->sub_n);
        msg->subject = take(&at, entry->subject_len);
        msg->tail = take(&at, entry->tail_len);
        msg->reply = slice_of(msg->tail.ptr, entry->reply_len);
        msg->wire = slice_of(entry->wire, entry->wire_len);
        msg->chunk = entry->chunk;
        msg->header_bytes = entry->header_bytes;
        msg->n = entry->n;
        msg->step = entry->step;
        msg->lent = false;
        msg->share = NULL;
        return entry;
}

void parcel_free(struct parcel *parcel)
{
        struct msg msg;
        for (struct parcel_entry *entry = NULL; (entry = parcel_next(parcel, entry, &msg));)
                if (entry->chunk)
                        chunk_unref(entry->chunk);
        xfree(parcel);
}
