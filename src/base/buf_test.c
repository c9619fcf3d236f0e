/* SPDX-License-Identifier: Apache-2.0 */
/* buf_test.c: bytes and their neighbours: slice, buf, chunk, arena, mem, err. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/chunk.h"
#include "base/err.h"
#include "base/mem.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void check_text(struct buf *buf, const char *want)
{
        assert_false(buf->failed);
        assert_true(slice_eq_str(buf_slice(buf), want));
}

static void appends_and_prints(void **state)
{
        struct buf buf = { 0 };
        buf_append_str(&buf, "one ");
        buf_append_char(&buf, '2');
        buf_append(&buf, NULL, 0);
        buf_append_slice(&buf, SLICE_LIT(" three"));
        buf_printf(&buf, " %d", 4);
        check_text(&buf, "one 2 three 4");
        buf_consume(&buf, 4);
        check_text(&buf, "2 three 4");
        buf_consume(&buf, 99);
        check_text(&buf, "");
        buf_fini(&buf);
}

/* Every length around the first allocation: the NUL of vsnprintf must never cost a byte. */
static void prints_across_growth(void **state)
{
        for (int n = 0; n < 300; n++) {
                struct buf buf = { 0 };
                buf_printf(&buf, "%*s", n, "");
                buf_printf(&buf, "%d", 7);
                assert_false(buf.failed);
                assert_int_equal(buf.len, (size_t)n + 1);
                assert_int_equal(buf.ptr[n], '7');
                buf_fini(&buf);
        }
}

static void limit_is_sticky(void **state)
{
        struct buf buf = { .limit = 8 };
        buf_append_str(&buf, "12345678");
        assert_false(buf.failed);
        buf_append_char(&buf, '9');
        assert_true(buf.failed);
        buf_printf(&buf, "%s", "");
        assert_true(slice_eq_str(buf_slice(&buf), "12345678"));
        buf_clear(&buf);
        buf_printf(&buf, "%s", "abcdefgh");
        check_text(&buf, "abcdefgh");
        buf_printf(&buf, "%s", "i");
        assert_true(buf.failed);
        assert_false(buf_reserve(&buf, 1));
        buf_fini(&buf);
        assert_int_equal(buf.limit, 8);
}

static void huge_reserve_fails(void **state)
{
        struct buf buf = { 0 };
        buf_append_char(&buf, 'x');
        assert_false(buf_reserve(&buf, SIZE_MAX));
        assert_true(buf.failed);
        buf_fini(&buf);
}

static void takes_a_string(void **state)
{
        struct buf buf = { 0 };
        char *text = buf_take_str(&buf);
        assert_string_equal(text, "");
        xfree(text);
        for (int i = 0; i < 64; i++)
                buf_append_char(&buf, 'a');
        text = buf_take_str(&buf);
        assert_int_equal(strlen(text), 64);
        assert_null(buf.ptr);
        xfree(text);
}

static void slices_compare(void **state)
{
        assert_true(slice_eq(SLICE_NULL, SLICE_LIT("")));
        assert_true(slice_eq_nocase(SLICE_LIT("Nats-Msg-ID"), SLICE_LIT("nATS-mSG-id")));
        assert_false(slice_eq_nocase(SLICE_LIT("["), SLICE_LIT("{")));
        assert_false(slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("ab")));
        assert_true(slice_starts(SLICE_LIT("$SYS.x"), SLICE_LIT("$SYS.")));
        assert_false(slice_starts(SLICE_LIT("$S"), SLICE_LIT("$SYS.")));
}

static void reads_numbers(void **state)
{
        static const struct {
                const char *text;
                size_t digits;
                bool ok;
                unsigned long long value;
        } rows[] = {
                { "0", 9, true, 0 },
                { "123456789", 9, true, 123456789 },
                { "1234567890", 9, false, 0 },
                { "", 9, false, 0 },
                { "-1", 9, false, 0 },
                { "+1", 9, false, 0 },
                { "1a", 9, false, 0 },
                { "1:", 9, false, 0 },
                { "18446744073709551615", 20, true, UINT64_MAX },
                { "18446744073709551616", 20, false, 0 },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                unsigned long long got = 42;
                assert_int_equal(
                        slice_to_u64(slice_str(rows[i].text), rows[i].digits, &got), rows[i].ok);
                assert_true(got == (rows[i].ok ? rows[i].value : 42));
        }
}

/* Equal bytes, equal hash, wherever they lie; every prefix and every single-bit change differs. */
static void hash_tells_apart(void **state)
{
        char a[64], b[65];
        for (size_t i = 0; i < sizeof a; i++)
                a[i] = (char)(i * 37);
        memcpy(b + 1, a, sizeof a);
        for (size_t len = 0; len <= sizeof a; len++) {
                uint64_t hash = slice_hash64(slice_of(a, len));
                assert_true(hash == slice_hash64(slice_of(b + 1, len)));
                if (len > 0)
                        assert_true(hash != slice_hash64(slice_of(a, len - 1)));
                for (size_t bit = 0; bit < len * 8; bit++) {
                        a[bit / 8] = (char)(a[bit / 8] ^ 1 << bit % 8);
                        assert_true(hash != slice_hash64(slice_of(a, len)));
                        a[bit / 8] = (char)(a[bit / 8] ^ 1 << bit % 8);
                }
        }
        assert_true(slice_hash_key_[0] != 0 && slice_hash_key_[0] != slice_hash_key_[1]);
}

/* Low bits index hash tables: 4096 similar names must fill 4096 buckets about as chance does. */
static void hash_spreads(void **state)
{
        unsigned char used[4096] = { 0 };
        size_t n = 0;
        for (int i = 0; i < 4096; i++) {
                char name[32];
                int len = snprintf(name, sizeof name, "orders.eu.%d", i);
                unsigned char *slot = &used[slice_hash(slice_of(name, (size_t)len)) % 4096];
                n += *slot == 0;
                *slot = 1;
        }
        assert_in_range(n, 2400, 2780); /* chance: 2589, standard deviation below 25 */
}

static void chunk_counts(void **state)
{
        struct chunk *chunk = chunk_new(16);
        assert_int_equal(chunk->cap, 16);
        assert_false(chunk_is_shared(chunk));
        assert_ptr_equal(chunk_ref(chunk), chunk);
        assert_true(chunk_is_shared(chunk));
        chunk_unref(chunk);
        assert_false(chunk_is_shared(chunk));
        memset(chunk->data, 'x', 16);
        chunk_unref(chunk);
}

static void arena_is_aligned_and_zero(void **state)
{
        static const size_t sizes[] = { 0, 1, 15, 16, 17, 300, 1024, 5000, 70000, 3 };
        struct arena *arena = arena_new();
        for (int round = 0; round < 50; round++) {
                for (size_t i = 0; i < ARRAY_N(sizes); i++) {
                        unsigned char *ptr = arena_alloc(arena, sizes[i]);
                        assert_int_equal((uintptr_t)ptr % 16, 0);
                        for (size_t at = 0; at < sizes[i]; at++)
                                assert_int_equal(ptr[at], 0);
                        memset(ptr, 0xff, sizes[i]);
                }
        }
        assert_string_equal(arena_str(arena, SLICE_LIT("abc")), "abc");
        assert_string_equal(arena_str(arena, SLICE_NULL), "");
        assert_string_equal(arena_printf(arena, "%s-%d", "x", 5), "x-5");
        arena_free(arena);
        arena_free(NULL);
}

static void wipes(void **state)
{
        char secret[8] = "secret!";
        mem_wipe(secret, sizeof secret);
        assert_memory_equal(secret, "\0\0\0\0\0\0\0\0", 8);
        mem_wipe(NULL, 0);
}

static void names_errors(void **state)
{
        static const struct {
                int code;
                const char *text;
        } rows[] = {
                { 0, "success" },
                { ERR_NOMEM, "out of memory" },
                { ERR_CORRUPT, "damaged data" },
                { ERR_CORRUPT - 1, "unknown error" },
                { -ENOENT, "no such file or directory" },
                { -EADDRINUSE, "address already in use" },
                { -ECONNREFUSED, "connection refused" },
                { -EACCES, "permission denied" },
                { -ESRMNT, "srmount error" },
                { -ENOTUNIQ, "name not unique on network" },
                { -EXFULL, "exchange full" },
                { -ELIBBAD, "accessing a corrupted shared library" },
                { -EL2HLT, "level 2 halted" },
                { -EDOTDOT, "RFS specific error" },
                { -4095, "end of file" },
                { 5, "unknown error" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++)
                assert_string_equal(err_text(rows[i].code), rows[i].text);
        const char *first = err_text(-ENOENT), *second = err_text(-EACCES);
        assert_string_equal(first, "no such file or directory");
        assert_string_equal(second, "permission denied");
}

static void builds_sentences(void **state)
{
        struct errbuf eb;
        assert_int_equal(errbuf_set(&eb, ERR_TLS, "line %d", 3), ERR_TLS);
        errbuf_prefix(&eb, "%s", "midge.conf");
        assert_string_equal(eb.text, "midge.conf: line 3");
        errbuf_set(&eb, 0, "again: %s", eb.text);
        assert_string_equal(eb.text, "again: midge.conf: line 3");
        assert_int_equal(errbuf_set(NULL, -5, "x"), -5);
        errbuf_prefix(NULL, "x");
        errbuf_set(&eb, 0, "%02000d", 7);
        assert_int_equal(strlen(eb.text), sizeof eb.text - 1);
        errbuf_prefix(&eb, "%s", "a");
        assert_int_equal(strlen(eb.text), sizeof eb.text - 1);
        assert_memory_equal(eb.text, "a: 0", 4);
        errbuf_prefix(&eb, "%01022d", 1);
        assert_int_equal(strlen(eb.text), sizeof eb.text - 1);
        assert_memory_equal(eb.text + 1020, "01:", 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(appends_and_prints),
                cmocka_unit_test(prints_across_growth),
                cmocka_unit_test(limit_is_sticky),
                cmocka_unit_test(huge_reserve_fails),
                cmocka_unit_test(takes_a_string),
                cmocka_unit_test(slices_compare),
                cmocka_unit_test(reads_numbers),
                cmocka_unit_test(hash_tells_apart),
                cmocka_unit_test(hash_spreads),
                cmocka_unit_test(chunk_counts),
                cmocka_unit_test(arena_is_aligned_and_zero),
                cmocka_unit_test(wipes),
                cmocka_unit_test(names_errors),
                cmocka_unit_test(builds_sentences),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
