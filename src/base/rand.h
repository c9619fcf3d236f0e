/* SPDX-License-Identifier: Apache-2.0 */
/* rand.h: secure bytes for identifiers and keys; a fast per-thread stream for choices. */
#pragma once
#include <stddef.h>
#include <stdint.h>

void rand_secure(void *dst, size_t bytes); /* aborts when the system has no entropy source */
uint32_t rand_fast(void);                  /* per thread, seeded securely; not for secrets */
/* Uniform in [0, n); n > 0. */
static inline uint32_t rand_below(uint32_t n)
{
        return (uint32_t)(((uint64_t)rand_fast() * n) >> 32);
}
