/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.h: one reference-counted block of bytes.
 * A chunk is filled by one owner; once it is shared (refs > 1) the bytes that were shared are
 * immutable. Any thread may ref and unref. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk {
        _Atomic uint32_t refs;
        uint32_t cap; /* bytes in data */
        char data[];
};

enum {
        CHUNK_SMALL_BYTES = 8 * 1024,        /* out queues that are not full, */
        CHUNK_QUEUE_BYTES = 64 * 1024,       /* and those that are */
        CHUNK_READ_BYTES = 256 * 1024,       /* what sockets are read into, */
        CHUNK_FULL_READ_BYTES = 1024 * 1024, /* and those that fill it */
};

/* The calling thread keeps some of the chunks of the sizes above that it lets go, and takes new ones
 * from them: under traffic the allocator would give their pages back to the system and fault them in again
 * all the time. Stop frees them. */
void chunk_keep_start(void);
void chunk_keep_stop(void);

/* refs = 1. Aborts when memory is short: cap must have been checked against its limit. */
struct chunk *chunk_new(size_t cap);
/* The same for a size that a peer chose: NULL when memory is short. */
struct chunk *chunk_try_new(size_t cap);

static inline struct chunk *chunk_ref(struct chunk *chunk)
{
        atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
        return chunk;
}

void chunk_unref(struct chunk *chunk);

static inline bool chunk_is_shared(const struct chunk *chunk)
{
        return atomic_load_explicit(&chunk->refs, memory_order_acquire) > 1;
}
