/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.c: birth and death of a chunk. */
#include "base/chunk.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/thread.h"
#include <string.h>

static struct chunk *chunk_init(struct chunk *chunk, size_t cap)
{
        atomic_init(&chunk->refs, 1);
        chunk->cap = (uint32_t)cap;
        return chunk;
}

/* A shelf of free chunks of one size, linked through their data. */
struct shelf {
        struct chunk *first;
        unsigned n;
};

static const struct {
        size_t cap;
        unsigned max; /* kept: 11.5 MiB in all, of which few are ever touched */
} sizes[] = {
        { CHUNK_SMALL_BYTES, 64 },
        { CHUNK_QUEUE_BYTES, 128 },
        { CHUNK_READ_BYTES, 4 },
        { CHUNK_FULL_READ_BYTES, 2 },
};

static _Thread_local struct {
        bool on;
        struct shelf shelves[ARRAY_N(sizes)];
} keep;

/* Index of the size; ARRAY_N(sizes): no chunk of this size is kept. */
static size_t size_index(size_t cap)
{
        size_t i = 0;
        if (!keep.on || cap < CHUNK_SMALL_BYTES)
                return ARRAY_N(sizes);
        while (i < ARRAY_N(sizes) && sizes[i].cap != cap)
                i++;
        return i;
}

static struct chunk *shelf_take(size_t cap)
{
        size_t i = size_index(cap);
        struct shelf *shelf = i < ARRAY_N(sizes) ? &keep.shelves[i] : NULL;
        struct chunk *chunk = shelf ? shelf->first : NULL;
        if (chunk == NULL)
                return NULL;
        memcpy(&shelf->first, chunk->data, sizeof shelf->first);
        shelf->n--;
        return chunk;
}

static bool shelf_give(struct chunk *chunk)
{
        size_t i = size_index(chunk->cap);
        if (i == ARRAY_N(sizes) || keep.shelves[i].n == sizes[i].max)
                return false;
        memcpy(chunk->data, &keep.shelves[i].first, sizeof chunk);
        keep.shelves[i].first = chunk;
        keep.shelves[i].n++;
        return true;
}

void chunk_keep_start(void)
{
        keep.on = !BUILT_WITH_ASAN; /* which sees more when memory is let go */
}

void chunk_keep_stop(void)
{
        struct chunk *chunk;
        for (size_t i = 0; i < ARRAY_N(sizes); i++)
                while ((chunk = shelf_take(sizes[i].cap)) != NULL)
                        xfree(chunk);
        keep.on = false;
}

struct chunk *chunk_new(size_t cap)
{
        ASSERT(cap <= UINT32_MAX - sizeof(struct chunk));
        struct chunk *kept = shelf_take(cap);
        return chunk_init(kept ? kept : xmalloc(sizeof(struct chunk) + cap), cap);
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
        if (atomic_load_explicit(&chunk->refs, memory_order_acquire) != 1 &&
                atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) != 1)
                return;
        if (!shelf_give(chunk))
                xfree(chunk);
}
