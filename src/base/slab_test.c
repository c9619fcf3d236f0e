/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, names, reuse and the way back to the system; and a random run against what must be kept. */
#include "base/slab.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct slab *slab;

static int setup(void **state)
{
        slab = slab_new();
        return 0;
}

static int teardown(void **state)
{
        slab_free(slab);
        return 0;
}

static struct slab_stats stats_now(void)
{
        struct slab_stats stats;
        slab_stats(slab, &stats);
        return stats;
}

static void rounds_up_to_its_classes(void **state)
{
        static const size_t rows[][2] = { { 1, 8 }, { 8, 8 }, { 9, 16 }, { 59, 64 }, { 64, 64 },
                { 65, 72 }, { 255, 256 }, { 256, 256 }, { 257, 320 }, { 320, 320 }, { 321, 384 },
                { 448, 448 }, { 449, 512 }, { 512, 512 }, { 513, 640 }, { 32768, 32768 },
                { 32769, 40960 }, { 229377, 262144 }, { 262144, 262144 } };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                assert_int_equal(slab_rounded(rows[i][0]), rows[i][1]);
        for (size_t bytes = 1; bytes <= SLAB_OBJECT_MAX_BYTES; bytes++) {
                size_t rounded = slab_rounded(bytes);
                assert_true(rounded >= bytes && rounded % 8 == 0);
                assert_true(rounded - bytes < 8 || (rounded - bytes) * 4 <= bytes);
        }
}

static void an_object_costs_its_rounded_size(void **state)
{
        enum { N = 100000, BYTES = 59 };
        static void *objects[N];
        for (size_t i = 0; i < N; i++)
                objects[i] = slab_take(slab, BYTES);
        struct slab_stats stats = stats_now();
        assert_int_equal(stats.objects, N);
        assert_int_equal(stats.object_bytes, N * 64);
        /* 2 MiB less 64 bytes, in 64s */
        assert_int_equal(stats.blocks, (N + 32766) / 32767);
        for (size_t i = 0; i < N; i++)
                slab_give(objects[i]);
        stats = stats_now();
        assert_int_equal(stats.objects, 0);
        assert_int_equal(stats.object_bytes, 0);
        assert_int_equal(stats.blocks, 1); /* the spare one */
}

static void small_objects_lie_in_one_cache_line(void **state)
{
        void *objects[100];
        for (size_t i = 0; i < 100; i++) {
                objects[i] = slab_take(slab, 64);
                assert_int_equal((uintptr_t)objects[i] % CACHE_LINE_BYTES, 0);
        }
        for (size_t i = 0; i < 100; i++)
                slab_give(objects[i]);
}

static void the_last_one_given_is_taken_next(void **state)
{
        void *a = slab_take(slab, 40), *b = slab_take(slab, 40);
        slab_give(a);
        void *c = slab_take(slab, 33), *d = slab_take(slab, 48);
        assert_ptr_equal(c, a);
        assert_ptr_not_equal(d, b);
        slab_give(b);
        slab_give(c);
        assert_ptr_equal(slab_take(slab, 40), c);
        assert_ptr_equal(slab_take(slab, 40), b);
        slab_give(b);
        slab_give(c);
        slab_give(d);
}

/* Taking and giving around the end of a block asks the system for nothing. */
static void a_spare_block_stays(void **state)
{
        enum { FIT = 7 }; /* objects of 256 KiB in a block of 2 MiB with a head */
        void *objects[FIT + 1];
        for (size_t i = 0; i < FIT; i++)
                objects[i] = slab_take(slab, SLAB_OBJECT_MAX_BYTES);
        assert_int_equal(stats_now().blocks, 1);
        for (size_t round = 0; round < 3; round++) {
                objects[FIT] = slab_take(slab, SLAB_OBJECT_MAX_BYTES);
                assert_int_equal(stats_now().blocks, 2);
                slab_give(objects[FIT]);
                assert_int_equal(stats_now().blocks, 2);
        }
        for (size_t i = 0; i < FIT; i++)
                slab_give(objects[i]);
        assert_int_equal(stats_now().blocks, 1);
}

struct held {
        unsigned char *at;
        size_t bytes;
        uint32_t name;
        unsigned char mark;
};

static void keeps_what_is_taken(void **state)
{
        enum { HELD = 3000, ROUNDS = 60000 };
        static struct held held[HELD];
        uint32_t x = 7, marks = 0;
        for (int round = 0; round < ROUNDS; round++) {
                x = x * 1664525u + 1013904223u;
                struct held *h = &held[(x >> 8) % HELD];
                if (h->at != NULL) {
                        assert_int_equal(h->at[0], h->mark);
                        assert_int_equal(h->at[h->bytes - 1], h->mark);
                        assert_ptr_equal(slab_at(h->name), h->at);
                        slab_give(h->at);
                        h->at = NULL;
                        continue;
                }
                h->bytes = 1 + (x >> 20) % (round % 50 ? 300 : 4000);
                h->mark = (unsigned char)++marks;
                h->at = slab_take(slab, h->bytes);
                h->name = slab_name(h->at);
                assert_true(h->name != 0);
                memset(h->at, h->mark, h->bytes);
        }
        for (size_t i = 0; i < HELD; i++)
                if (held[i].at != NULL)
                        slab_give(held[i].at);
        assert_int_equal(stats_now().objects, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(rounds_up_to_its_classes, setup, teardown),
                cmocka_unit_test_setup_teardown(an_object_costs_its_rounded_size, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        small_objects_lie_in_one_cache_line, setup, teardown),
                cmocka_unit_test_setup_teardown(the_last_one_given_is_taken_next, setup, teardown),
                cmocka_unit_test_setup_teardown(a_spare_block_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_what_is_taken, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
