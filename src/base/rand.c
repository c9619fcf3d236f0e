/* SPDX-License-Identifier: Apache-2.0 */
/* rand.c: the system's entropy, and one splitmix64 stream per thread. */
#include "base/rand.h"
#include "base/macros.h"
#include "base/thread.h"
#include "os/os.h"

void rand_secure(void *dst, size_t bytes)
{
        ASSERT(os_entropy(dst, bytes) == 0);
}

uint32_t rand_fast(void)
{
        static _Thread_local uint64_t state; /* 0: not seeded yet */
        while (UNLIKELY(state == 0))
                rand_secure(&state, sizeof state);
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return (uint32_t)(z >> 32);
}
