/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread keeps of the chunks it lets go, and that it lets them all go in the end (the sanitizer looks
 * for leaks). */
#include "base/chunk.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MANY = 300 };

static void takes_back_what_it_let_go(void **state)
{
        static const size_t sizes[] = { CHUNK_SMALL_BYTES, CHUNK_QUEUE_BYTES, CHUNK_READ_BYTES,
                CHUNK_FULL_READ_BYTES };
        if (BUILT_WITH_ASAN)
                return; /* nothing is kept then: other tests see freed memory */
        chunk_keep_start();
        for (size_t i = 0; i < ARRAY_N(sizes); i++) {
                struct chunk *first = chunk_new(sizes[i]), *second = chunk_new(sizes[i]);
                assert_ptr_not_equal(first, second);
                chunk_unref(first);
                assert_ptr_equal(chunk_new(sizes[i]), first);
                assert_int_equal(first->cap, sizes[i]);
                assert_false(chunk_is_shared(first));
                chunk_ref(first);
                chunk_unref(first); /* still held once */
                struct chunk *third = chunk_new(sizes[i]);
                assert_ptr_not_equal(third, first);
                chunk_unref(first);
                chunk_unref(second);
                chunk_unref(third);
        }
        chunk_keep_stop();
}

static void keeps_a_bounded_number(void **state)
{
        struct chunk *chunks[MANY];
        chunk_keep_start();
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < MANY; i++)
                        chunks[i] = chunk_new(i % 2 ? CHUNK_QUEUE_BYTES : CHUNK_QUEUE_BYTES - 1);
                for (int i = 0; i < MANY; i++)
                        chunk_unref(chunks[i]);
        }
        chunk_keep_stop();
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_back_what_it_let_go),
                cmocka_unit_test(keeps_a_bounded_number),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
