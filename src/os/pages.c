/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c: whole pages from the system, aligned more than malloc() would. */
#include "os/os.h"
#include <stdint.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

/* Huge pages where the system leaves the choice to the program: fewer faults while memory fills, fewer
 * misses of the TLB when it is read at random. Without them a page counts only once it is touched. */
static void choose(void *ptr, size_t bytes, bool huge)
{
#ifdef MADV_HUGEPAGE
        (void)madvise(ptr, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
        (void)ptr, (void)bytes, (void)huge;
#endif
}

void *os_pages_map(size_t bytes, size_t align, bool huge)
{
        size_t all = bytes + align;
        char *start = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED)
                return NULL;
        size_t before = (align - (uintptr_t)start % align) % align;
        if (before > 0)
                (void)munmap(start, before);
        (void)munmap(start + before + bytes, align - before);
        choose(start + before, bytes, huge);
        return start + before;
}

void os_pages_unmap(void *ptr, size_t bytes)
{
        (void)munmap(ptr, bytes);
}

void os_memory_trim(void)
{
#ifdef __GLIBC__
        (void)malloc_trim(0);
#endif
}
