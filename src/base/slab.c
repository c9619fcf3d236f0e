/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c: a block begins with its description and is aligned to its size, so that an object finds it.
 * Objects that were given back wait in a list through themselves; those never taken are counted. */
#include "base/slab.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "os/os.h"
#include <stdbool.h>
#include <string.h>

#if BUILT_WITH_ASAN
#include <sanitizer/asan_interface.h>
#define poison(ptr, bytes) ASAN_POISON_MEMORY_REGION(ptr, bytes)
#define unpoison(ptr, bytes) ASAN_UNPOISON_MEMORY_REGION(ptr, bytes)
#else
#define poison(ptr, bytes) ((void)0)
#define unpoison(ptr, bytes) ((void)0)
#endif

#define STEP_BYTES 8
#define STEP_CLASSES (SLAB_STEP_MAX_BYTES / STEP_BYTES)
#define QUARTER_CLASSES 40 /* ten doublings from 256 bytes to 256 KiB */
#define CLASSES (STEP_CLASSES + QUARTER_CLASSES)

struct object {
        struct object *next;
};

struct block {
        struct list member; /* of its class's `open` while it has room */
        struct slab *slab;
        struct object *given; /* back, to be taken first */
        uint32_t index;       /* in the directory */
        uint32_t class_index;
        uint32_t used;
        uint32_t fresh_at;    /* offset of what was never taken */
        uint64_t reserved[2]; /* one cache line: objects of 64 bytes lie in one each */
};

struct slab_class {
        struct list open; /* blocks with room; an empty one is last */
        uint32_t block_n;
        bool has_spare; /* the last of `open` is empty */
};

struct slab {
        struct slab_class classes[CLASSES];
        struct slab_stats stats;
};

char *slab_directory_[SLAB_BLOCK_N];

/* Which places of the directory are taken. */
static struct {
        pthread_mutex_t lock;
        bool taken[SLAB_BLOCK_N];
        uint32_t next; /* where to look first */
} directory = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* SLAB_BLOCK_N: none is left. */
static uint32_t directory_take(void)
{
        uint32_t index = SLAB_BLOCK_N;
        pthread_mutex_lock(&directory.lock);
        for (uint32_t i = 0; i < SLAB_BLOCK_N && index == SLAB_BLOCK_N; i++) {
                uint32_t at = (directory.next + i) % SLAB_BLOCK_N;
                if (!directory.taken[at])
                        index = at;
        }
        if (index < SLAB_BLOCK_N) {
                directory.taken[index] = true;
                directory.next = index + 1;
        }
        pthread_mutex_unlock(&directory.lock);
        return index;
}

static void directory_give(uint32_t index)
{
        pthread_mutex_lock(&directory.lock);
        directory.taken[index] = false;
        pthread_mutex_unlock(&directory.lock);
}

static uint32_t class_of(size_t bytes)
{
        if (bytes <= SLAB_STEP_MAX_BYTES)
                return (uint32_t)((bytes + STEP_BYTES - 1) / STEP_BYTES - 1);
        /* bytes - 1 is between 2^log and 2^(log + 1): which quarter of that? */
        uint32_t log = 63 - (uint32_t)__builtin_clzll(bytes - 1);
        uint32_t quarter = (uint32_t)((bytes - 1) >> (log - 2)) & 3;
        return STEP_CLASSES + (log - 8) * 4 + quarter;
}

static size_t class_bytes(uint32_t index)
{
        if (index < STEP_CLASSES)
                return (index + 1) * STEP_BYTES;
        uint32_t log = (index - STEP_CLASSES) / 4 + 8, quarter = (index - STEP_CLASSES) % 4;
        return (size_t)(quarter + 5) << (log - 2);
}

size_t slab_rounded(size_t bytes)
{
        return class_bytes(class_of(bytes));
}

static struct block *head_of(const void *object)
{
        return (struct block *)((uintptr_t)object & ~(uintptr_t)(SLAB_BLOCK_BYTES - 1));
}

uint32_t slab_name(const void *object)
{
        const struct block *block = head_of(object);
        size_t offset = (size_t)((const char *)object - (const char *)block);
        return block->index << (SLAB_BLOCK_BITS - 3) | (uint32_t)(offset >> 3);
}

struct slab *slab_new(void)
{
        _Static_assert(sizeof(struct block) == CACHE_LINE_BYTES, "objects follow, aligned");
        struct slab *slab = xnew(struct slab);
        for (size_t i = 0; i < CLASSES; i++)
                list_init(&slab->classes[i].open);
        return slab;
}

/* The first block of a size costs only the pages that are used; from the second on there are many. */
static struct block *block_new(struct slab *slab, uint32_t class_index)
{
        struct slab_class *class = &slab->classes[class_index];
        uint32_t index = directory_take();
        if (index == SLAB_BLOCK_N)
                return NULL;
        struct block *block = os_pages_map(SLAB_BLOCK_BYTES, SLAB_BLOCK_BYTES, class->block_n > 0);
        if (block == NULL) {
                directory_give(index);
                return NULL;
        }
        *block = (struct block){
                .slab = slab,
                .index = index,
                .class_index = class_index,
                .fresh_at = sizeof(struct block),
        };
        poison(block + 1, SLAB_BLOCK_BYTES - sizeof(*block));
        slab_directory_[index] = (char *)block;
        list_push_back(&class->open, &block->member);
        class->block_n++;
        slab->stats.blocks++;
        return block;
}

static void block_free(struct block *block)
{
        struct slab *slab = block->slab;
        list_remove(&block->member);
        slab->classes[block->class_index].block_n--;
        slab->stats.blocks--;
        uint32_t index = block->index;
        unpoison(block, SLAB_BLOCK_BYTES);
        os_pages_unmap(block, SLAB_BLOCK_BYTES);
        directory_give(index);
}

void slab_free(struct slab *slab)
{
        if (slab == NULL)
                return;
        ASSERT(slab->stats.objects == 0);
        for (size_t i = 0; i < CLASSES; i++) {
                struct slab_class *class = &slab->classes[i];
                while (!list_empty(&class->open))
                        block_free(CONTAINER_OF(class->open.next, struct block, member));
        }
        xfree(slab);
}

static void *object_of(struct block *block, size_t bytes)
{
        struct object *object = block->given;
        if (object != NULL) {
                unpoison(object, bytes);
                block->given = object->next;
                return object;
        }
        char *fresh = (char *)block + block->fresh_at;
        block->fresh_at += (uint32_t)bytes;
        unpoison(fresh, bytes);
        return fresh;
}

static bool has_room(const struct block *block, size_t bytes)
{
        return block->given != NULL || block->fresh_at + bytes <= SLAB_BLOCK_BYTES;
}

void *slab_take(struct slab *slab, size_t bytes)
{
        ASSERT(bytes > 0 && bytes <= SLAB_OBJECT_MAX_BYTES);
        uint32_t class_index = class_of(bytes);
        struct slab_class *class = &slab->classes[class_index];
        struct block *block = list_empty(&class->open)
                                      ? block_new(slab, class_index)
                                      : CONTAINER_OF(class->open.next, struct block, member);
        if (UNLIKELY(block == NULL))
                return NULL;
        size_t rounded = class_bytes(class_index);
        void *object = object_of(block, rounded);
        if (block->used++ == 0)
                class->has_spare = false;
        if (!has_room(block, rounded))
                list_remove(&block->member);
        slab->stats.objects++;
        slab->stats.object_bytes += rounded;
        return object;
}

/* An empty block waits behind all others, so that they fill up first; one is enough. */
static void block_emptied(struct slab_class *class, struct block *block)
{
        if (class->has_spare) {
                block_free(block);
                return;
        }
        class->has_spare = true;
        list_remove(&block->member);
        list_push_back(&class->open, &block->member);
}

void slab_give(void *ptr)
{
        struct block *block = head_of(ptr);
        struct slab *slab = block->slab;
        struct slab_class *class = &slab->classes[block->class_index];
        struct object *object = ptr;
        size_t rounded = class_bytes(block->class_index);
        if (!list_linked(&block->member))
                list_push_front(&class->open, &block->member);
        object->next = block->given;
        block->given = object;
        poison(object, rounded);
        slab->stats.objects--;
        slab->stats.object_bytes -= rounded;
        if (--block->used == 0)
                block_emptied(class, block);
}

void slab_stats(const struct slab *slab, struct slab_stats *out)
{
        *out = slab->stats;
}
