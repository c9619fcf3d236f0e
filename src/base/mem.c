/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c: malloc and its kin, with the policy of mem.h. A request of 0 bytes asks for 1, so that
 * NULL always means "short of memory". */
#include "base/mem.h"
#include "base/thread.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr)
{
        if (UNLIKELY(ptr == NULL))
                panic_(__FILE__, __LINE__, "out of memory");
        return ptr;
}

void *xmalloc(size_t bytes)
{
        return checked(malloc(bytes ? bytes : 1));
}

void *xcalloc(size_t n, size_t bytes)
{
        bool empty = n == 0 || bytes == 0;
        return checked(calloc(empty ? 1 : n, empty ? 1 : bytes));
}

void *xrealloc(void *old, size_t bytes)
{
        return checked(realloc(old, bytes ? bytes : 1));
}

char *xstrdup(const char *text)
{
        return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
        ASSERT(len < SIZE_MAX);
        char *copy = xmalloc(len + 1);
        if (len > 0)
                memcpy(copy, text, len);
        copy[len] = '\0';
        return copy;
}

void xfree(void *ptr)
{
        free(ptr);
}

void *mem_try(size_t bytes)
{
        return malloc(bytes ? bytes : 1);
}

void *mem_try_grow(void *old, size_t bytes)
{
        return realloc(old, bytes ? bytes : 1);
}

void mem_wipe(void *ptr, size_t bytes)
{
        if (bytes == 0)
                return;
        memset(ptr, 0, bytes);
        /* The compiler must assume that somebody reads the zeros. */
        __asm__ __volatile__("" : : "r"(ptr) : "memory");
}
