/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h: bump allocator; everything ends together. One thread at a time. */
#pragma once
#include "base/slice.h"
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* wipes it: configurations hold secrets; NULL is fine */
void *arena_alloc(
        struct arena *arena, size_t bytes); /* zeroed, 16-byte aligned; aborts when short */
char *arena_str(struct arena *arena, struct slice s); /* NUL-terminated copy */
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
