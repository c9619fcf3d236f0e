/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h: millions of small objects in blocks, each of one size.
 *
 * An object has no header and sizes go in steps of 8 bytes up to SLAB_STEP_MAX_BYTES, in quarters of a
 * power of two beyond. Blocks that become empty go back to the system, but for a spare one of each
 * size. Each object has a name of 32 bits besides its address, for tables that would rather not spend
 * eight bytes on a pointer; all slabs of the process together hold 32 GiB of names.
 * Owner: one thread, which takes, gives and names; what is in the objects may be anybody's. */
#pragma once
#include "base/macros.h"
#include <stddef.h>
#include <stdint.h>

#define SLAB_BLOCK_BITS 21 /* 2 MiB: a huge page of most machines */
#define SLAB_BLOCK_BYTES ((size_t)1 << SLAB_BLOCK_BITS)
#define SLAB_BLOCK_N 16384 /* of all slabs */
#define SLAB_STEP_MAX_BYTES 256
#define SLAB_OBJECT_MAX_BYTES (256 * 1024)

struct slab;

struct slab *slab_new(void);
void slab_free(struct slab *slab); /* no object is left; NULL is fine */

/* Uninitialised, aligned to 8. bytes: 1 to SLAB_OBJECT_MAX_BYTES. NULL when memory or names are short. */
MUST_CHECK void *slab_take(struct slab *slab, size_t bytes);
void slab_give(void *object); /* back to the slab it came from */

/* What an object of so many bytes occupies. */
size_t slab_rounded(size_t bytes);

struct slab_stats {
        size_t objects, blocks;
        size_t object_bytes; /* rounded sizes of all objects */
};
void slab_stats(const struct slab *slab, struct slab_stats *out);

/* Name and object, of this thread's slabs only. A name is never 0. */
extern char *slab_directory_[SLAB_BLOCK_N];

static inline void *slab_at(uint32_t name)
{
        size_t offset = ((size_t)name << 3) & (SLAB_BLOCK_BYTES - 1);
        return slab_directory_[name >> (SLAB_BLOCK_BITS - 3)] + offset;
}

uint32_t slab_name(const void *object);
