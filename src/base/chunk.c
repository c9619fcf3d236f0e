/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.c: birth and death of a chunk. */
#include "base/chunk.h"
#include "base/mem.h"
#include "base/thread.h"

static struct chunk *chunk_init(struct chunk *chunk, size_t cap)
{
        atomic_init(&chunk->refs, 1);
        chunk->cap = (uint32_t)cap;
        return chunk;
}

struct chunk *chunk_new(size_t cap)
{
        ASSERT(cap <= UINT32_MAX - sizeof(struct chunk));
        return chunk_init(xmalloc(sizeof(struct chunk) + cap), cap);
}

struct chunk *chunk_try_new(size_t cap)
{
        struct chunk *chunk =
                cap <= UINT32_MAX - sizeof *chunk ? mem_try(sizeof *chunk + cap) : NULL;
        return chunk ? chunk_init(chunk, cap) : NULL;
}

void chunk_unref(struct chunk *chunk)
{
        /* The only holder needs no locked instruction: nobody else can take a reference any more.
         */
        if (atomic_load_explicit(&chunk->refs, memory_order_acquire) == 1 ||
                atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) == 1)
                xfree(chunk);
}
