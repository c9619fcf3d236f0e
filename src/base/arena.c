/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c: a list of zeroed blocks, the newest first; a request that would waste most of a block
 * gets one of its own behind the newest. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/thread.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { ALIGN_BYTES = 16, FIRST_BYTES = 1024, BLOCK_BYTES_MAX = 64 * 1024 };

struct block {
        struct block *next;
        size_t used, size; /* of data */
        _Alignas(ALIGN_BYTES) char data[];
};

struct arena {
        struct block *newest;
        size_t block_bytes; /* size of the next block */
};

struct arena *arena_new(void)
{
        struct arena *arena = xnew(struct arena);
        arena->block_bytes = FIRST_BYTES;
        return arena;
}

void arena_free(struct arena *arena)
{
        if (arena == NULL)
                return;
        for (struct block *block = arena->newest, *next; block != NULL; block = next) {
                next = block->next;
                mem_wipe(block->data, block->used);
                xfree(block);
        }
        xfree(arena);
}

static struct block *block_new(size_t bytes)
{
        struct block *block = xcalloc(1, sizeof *block + bytes);
        block->size = bytes;
        return block;
}

static void *block_take(struct block *block, size_t bytes)
{
        void *ptr = block->data + block->used;
        block->used += bytes;
        return ptr;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
        ASSERT(bytes < SIZE_MAX / 2);
        bytes = (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
        struct block *newest = arena->newest;
        if (newest != NULL && newest->size - newest->used >= bytes)
                return block_take(newest, bytes);
        if (newest != NULL && bytes > arena->block_bytes / 4) {
                struct block *own = block_new(bytes);
                own->next = newest->next;
                newest->next = own;
                return block_take(own, bytes);
        }
        struct block *block = block_new(bytes > arena->block_bytes ? bytes : arena->block_bytes);
        block->next = newest;
        arena->newest = block;
        if (arena->block_bytes < BLOCK_BYTES_MAX)
                arena->block_bytes *= 2;
        return block_take(block, bytes);
}

char *arena_str(struct arena *arena, struct slice s)
{
        char *text = arena_alloc(arena, s.len + 1);
        if (s.len > 0)
                memcpy(text, s.ptr, s.len);
        return text; /* the block was zeroed */
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
        va_list args, again;
        va_start(args, fmt);
        va_copy(again, args);
        int n = vsnprintf(NULL, 0, fmt, args);
        va_end(args);
        ASSERT(n >= 0);
        char *text = arena_alloc(arena, (size_t)n + 1);
        vsnprintf(text, (size_t)n + 1, fmt, again);
        va_end(again);
        return text;
}
