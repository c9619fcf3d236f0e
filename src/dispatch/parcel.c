/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/parcel.h"
#include "account/sub.h"
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

static char *put(char *at, struct slice s)
{
        if (s.len)
                memcpy(at, s.ptr, s.len);
        return at + s.len;
}

void parcel_add(struct parcel **pp, struct loop *to, const struct msg *msg, struct account *account,
        struct trie_link *const *links, size_t n, const struct parcel_entry *flags,
        void (*full)(struct parcel *parcel))
{
        bool by_ref = msg->chunk && msg->wire.len > WIRE_COPY_BYTES;
        size_t texts =
                msg->subject.len + msg->reply.len + msg->header_size.len + msg->total_size.len;
        size_t bytes = sizeof(struct parcel_entry) + n * sizeof(struct sub *) + texts +
                       (by_ref ? 0 : msg->wire.len);
        bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
        struct parcel *parcel = room_for(pp, to, bytes, full);
        struct parcel_entry *entry = (struct parcel_entry *)(parcel->data + parcel->used);
        *entry = (struct parcel_entry){
                .entry_bytes = (uint32_t)bytes,
                .sub_n = (uint32_t)n,
                .subject_len = (uint32_t)msg->subject.len,
                .reply_len = (uint32_t)msg->reply.len,
                .header_size_len = (uint32_t)msg->header_size.len,
                .total_size_len = (uint32_t)msg->total_size.len,
                .header_bytes = msg->header_bytes,
                .hops = flags->hops,
                .not_for = flags->not_for,
                .queue = flags->queue,
                .wire_len = msg->wire.len,
                .account = account,
        };
        for (size_t i = 0; i < n; i++)
                entry->subs[i] = sub_of(links[i]);
        char *at = put((char *)(entry->subs + n), msg->subject);
        at = put(at, msg->reply);
        at = put(at, msg->header_size);
        at = put(at, msg->total_size);
        if (by_ref) {
                entry->chunk = chunk_ref(msg->chunk);
                entry->wire = msg->wire.ptr;
                if (msg->chunk != parcel->pinned) /* it is held whole, but once */
                        parcel->charge_bytes += msg->chunk->cap;
                parcel->pinned = msg->chunk;
        } else {
                entry->wire = at;
                put(at, msg->wire);
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
        const char *at = (const char *)(entry->subs + entry->sub_n);
        msg->subject = take(&at, entry->subject_len);
        msg->reply = take(&at, entry->reply_len);
        msg->header_size = take(&at, entry->header_size_len);
        msg->total_size = take(&at, entry->total_size_len);
        msg->wire = slice_of(entry->wire, entry->wire_len);
        msg->chunk = entry->chunk;
        msg->header_bytes = entry->header_bytes;
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
