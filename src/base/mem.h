/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h: the only door to the heap.
 * Small fixed allocations abort on failure (x*); a size that a peer controls is checked against its
 * limit first and then asked for with mem_try(), which may return NULL. */
#pragma once
#include "base/macros.h"
#include <stddef.h>

void *xmalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t bytes)
        __attribute__((malloc, returns_nonnull)); /* overflow-checked, zeroed */
void *xrealloc(void *old, size_t bytes) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t len)
        __attribute__((malloc, returns_nonnull));       /* adds the NUL */
void xfree(void *ptr);                                  /* NULL is fine */
MUST_CHECK void *mem_try(size_t bytes);                 /* NULL when memory is short */
MUST_CHECK void *mem_try_grow(void *old, size_t bytes); /* likewise; old stays valid on NULL */

/* Zero bytes in a way the compiler keeps: for keys, passwords, tokens. */
void mem_wipe(void *ptr, size_t bytes);

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))
