/* SPDX-License-Identifier: Apache-2.0 */
/* The streams and the long block were written by github.com/klauspost/compress 1.18 (s2, snappy), and its
 * decoder agrees with every verdict about blocks here. */
#include "proto/s2.h"
#include "base/err.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* clang-format off */
static const char stream_text[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x01\x17\x00\x00\x83\x51\x29\x82\x74\x68"
        "\x65\x20\x71\x75\x69\x63\x6b\x20\x62\x72\x6f\x77\x6e\x20\x66\x6f\x78";
static const char stream_repeat[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x00\x15\x00\x00\x17\xb0\xc6\x39\xc0\x02"
        "\x1c\x61\x62\x63\x64\x65\x66\x67\x68\x11\x08\x19\x00\x2c\x00";
static const char stream_zeros[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x00\x10\x00\x00\x9f\xd7\x9c\xfd\xf0\xa2"
        "\x04\x00\x00\x11\x01\x1d\x00\x63\x11\x00";
static const char stream_better[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x00\x43\x00\x00\x62\x02\x19\x1d\xdd\x01"
        "\x8c\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x61\x62\x63\x64\x65\x66\x67\x68\x69"
        "\x6a\x6b\x6c\x6d\x6e\x6f\x70\x71\x72\x73\x74\x75\x76\x77\x78\x79\x7a\x8e\x24\x00"
        "\x04\x2d\x30\x8e\x4a\x00\x00\x31\x8e\x25\x00\x00\x32\x15\x00\x1c\x00\x33\x15\x00"
        "\x1c";
static const char stream_snappy[] =
        "\xff\x06\x00\x00\x73\x4e\x61\x50\x70\x59\x00\x43\x00\x00\x62\x02\x19\x1d\xdd\x01"
        "\x8c\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x61\x62\x63\x64\x65\x66\x67\x68\x69"
        "\x6a\x6b\x6c\x6d\x6e\x6f\x70\x71\x72\x73\x74\x75\x76\x77\x78\x79\x7a\x8e\x24\x00"
        "\x04\x2d\x30\x8e\x26\x00\x00\x31\x8e\x25\x00\x00\x32\x8e\x25\x00\x00\x33\x8e\x25"
        "\x00";
static const char stream_padded[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x01\x0a\x00\x00\xe9\x83\xc2\x3a\x70\x61"
        "\x64\x64\x65\x64\xfe\x24\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00";
static const char stream_index[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x00\x15\x00\x00\x65\x85\xab\x67\x8e\x02"
        "\x20\x69\x6e\x64\x65\x78\x20\x6d\x65\x20\x11\x09\x15\x00\xf5\x99\x18\x00\x00\x73"
        "\x32\x69\x64\x78\x00\x9c\x04\x46\x80\x40\x02\x00\x14\x1c\x00\x00\x00\x00\x78\x64"
        "\x69\x32\x73";
static const char stream_random[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x01\x2c\x00\x00\x7d\x5c\x9e\xb8\xf3\xff"
        "\x4d\x45\x1e\x42\x9e\x18\x22\x15\xaa\xee\x06\xa2\xd6\x4b\x6d\x1a\xad\xc9\xe5\x03"
        "\x1e\x4b\x99\xbf\x11\xae\x0a\x79\x6e\xbc\x44\xc8\x5f\xd1\x74\xbf\xcc\xf4";
static const char stream_uncompressed[] =
        "\xff\x06\x00\x00\x53\x32\x73\x54\x77\x4f\x01\x09\x00\x00\x48\x9a\x35\x77\x70\x6c"
        "\x61\x69\x6e";
static const char stream_of_snappy[] =
        "\xff\x06\x00\x00\x73\x4e\x61\x50\x70\x59\x00\x17\x00\x00\x39\x1a\xaf\x7b\x8c\x01"
        "\x18\x73\x6e\x61\x70\x70\x79\x20\xee\x07\x00\xee\x07\x00\x32\x07\x00";
static const char block_long[] =
        "\x8d\xf1\x04\x38\x41\x20\x71\x75\x69\x63\x6b\x20\x6f\x6e\x65\x2e\x20\x78\x79\x11"
        "\x02\x1d\x00\x72\x38\x00";
/* clang-format on */

#define BYTES(array) ((struct slice){ (array), sizeof(array) - 1 })
enum { BIG = 1024 * 1024 };

/* What the streams hold. */
static void repeat(struct buf *out, const char *text, int n)
{
        for (int i = 0; i < n; i++)
                buf_append_str(out, text);
}

static void alphabet(struct buf *out)
{
        static const char all[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        buf_printf(out, "%s%s-", all, all);
        for (int i = 0; i < 4; i++)
                buf_printf(out, "%d%s", i, all);
}

static void zeros(struct buf *out)
{
        for (int i = 0; i < 70000; i++)
                buf_append_char(out, 0);
}

static void expect(struct slice stream, struct buf *want)
{
        struct buf got = { 0 };
        assert_int_equal(s2_decode(stream, &got, BIG), 0);
        assert_true(slice_eq(buf_slice(&got), buf_slice(want)));
        buf_fini(&got);
        buf_fini(want);
}

static void test_streams(void **state)
{
        struct buf want = { 0 };
        buf_append_str(&want, "the quick brown fox");
        expect(BYTES(stream_text), &want);
        repeat(&want, "abcdefgh", 40);
        expect(BYTES(stream_repeat), &want);
        zeros(&want);
        expect(BYTES(stream_zeros), &want);
        alphabet(&want);
        expect(BYTES(stream_better), &want); /* with S2's repeats */
        alphabet(&want);
        expect(BYTES(stream_snappy), &want);
        buf_append_str(&want, "padded");
        expect(BYTES(stream_padded), &want);
        repeat(&want, "index me ", 30);
        expect(BYTES(stream_index), &want);
        buf_append_slice(&want, slice_of(stream_random + sizeof(stream_random) - 1 - 40, 40));
        expect(BYTES(stream_random), &want);
        buf_append_str(&want, "plain");
        expect(BYTES(stream_uncompressed), &want);
        repeat(&want, "snappy ", 20);
        expect(BYTES(stream_of_snappy), &want);
        expect(SLICE_NULL, &want);
}

/* Streams may follow each other, and one may come byte by byte. */
static void test_pieces(void **state)
{
        struct buf both = { 0 }, got = { 0 };
        struct s2_reader reader = { 0 };
        buf_append_slice(&both, BYTES(stream_text));
        buf_append_slice(&both, BYTES(stream_padded));
        struct slice in = slice_of(both.ptr, 0);
        while (in.ptr + in.len < both.ptr + both.len) {
                in.len++;
                const char *before = in.ptr;
                int rc = s2_read_chunk(&reader, &in, &got, BIG);
                assert_true(rc == 0 || rc == ERR_AGAIN);
                assert_true(rc == 0 || in.ptr == before);
        }
        assert_int_equal(in.len, 0);
        assert_true(slice_eq_str(buf_slice(&got), "the quick brown foxpadded"));
        buf_fini(&both);
        buf_fini(&got);
}

static void test_long_block(void **state)
{
        size_t bytes = 0;
        struct buf want = { 0 };
        buf_append_str(&want, "A quick one. ");
        repeat(&want, "xy", 40000);
        assert_int_equal(s2_block_bytes(BYTES(block_long), &bytes), 0);
        assert_int_equal(bytes, 80013);
        char *dst = xmalloc(bytes);
        assert_int_equal(s2_block_decode(BYTES(block_long), dst, bytes), 0);
        assert_memory_equal(dst, want.ptr, bytes);
        xfree(dst);
        buf_fini(&want);
}

static void test_blocks(void **state)
{
        static const struct {
                struct slice block;
                const char *text; /* NULL: damaged */
        } cases[] = {
                { SLICE_LIT("\x05\x00"
                            "a\x01\x01"),
                        "aaaaa" },
                { SLICE_LIT("\x09\x00"
                            "a\x01\x01\x01\x00"),
                        "aaaaaaaaa" },
                { SLICE_LIT("\x0e\x00"
                            "a\x01\x01\x15\x00\x01"),
                        "aaaaaaaaaaaaaa" },
                { SLICE_LIT("\x04\x08"
                            "abc\x02\x03\x00"),
                        "abca" },
                { SLICE_LIT("\x04\x08"
                            "abc\x03\x03\x00\x00\x00"),
                        "abca" },
                { SLICE_LIT("\x08\x08"
                            "abc\x02\x03\x00\x01\x00"),
                        "abcabcab" },
                { SLICE_LIT("\x03\xf0\x02"
                            "abc"),
                        "abc" },
                { SLICE_LIT("\x03\xfc\x02\x00\x00\x00"
                            "abc"),
                        "abc" },
                { SLICE_LIT("\x00"), "" },
                { SLICE_LIT("\x04\x01\x00"), NULL }, /* repeats nothing */
                { SLICE_LIT("\x04\x08"
                            "abc\x02\x04\x00"),
                        NULL }, /* from before the front */
                { SLICE_LIT("\x04\x08"
                            "abc\x02\x00\x00"),
                        NULL }, /* offset 0 */
                { SLICE_LIT("\x04\x08"
                            "abc\x02\x03"),
                        NULL }, /* cut */
                { SLICE_LIT("\x09\x00"
                            "a\x01"),
                        NULL }, /* cut */
                { SLICE_LIT("\x0e\x00"
                            "a\x01\x01\x15\x00"),
                        NULL }, /* cut */
                { SLICE_LIT("\x04\x08"
                            "abc"),
                        NULL }, /* too short */
                { SLICE_LIT("\x02\x08"
                            "abc"),
                        NULL }, /* too long */
                { SLICE_LIT("\x05\x00"
                            "a\x05\x01"),
                        NULL }, /* a copy that is */
                { SLICE_LIT("\x04\xfc\xff\xff\xff\xff"
                            "abcd"),
                        NULL }, /* 4 GiB of literal */
                { SLICE_LIT("\x00\x00"), NULL },
                { SLICE_LIT(""), NULL },
                { SLICE_LIT("\x80\x80\x80\x80"), NULL },
                { SLICE_LIT("\x80\x80\x80\x80\x80\x01"), NULL }, /* more than 32 bits */
                { SLICE_LIT("\xff\xff\xff\xff\x1f"), NULL },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char dst[64];
                size_t bytes = 0;
                int rc = s2_block_bytes(cases[i].block, &bytes);
                if (rc == 0 && bytes <= sizeof dst)
                        rc = s2_block_decode(cases[i].block, dst, bytes);
                assert_int_equal(rc, cases[i].text ? 0 : ERR_CORRUPT);
                if (cases[i].text)
                        assert_true(slice_eq_str(slice_of(dst, bytes), cases[i].text));
        }
}

#define ID "\xff\x06\x00\x00S2sTwO"

static void test_refusals(void **state)
{
        static const struct {
                struct slice stream;
                int rc;
        } cases[] = {
                { SLICE_LIT(ID), 0 },
                { SLICE_LIT(ID ID), 0 },
                { SLICE_LIT(ID "\xfe\x02\x00\x00??"), 0 },
                { SLICE_LIT(ID "\x80\x00\x00\x00"), 0 },
                { SLICE_LIT("\xff\x06\x00\x00S2sTwo"), ERR_CORRUPT },
                { SLICE_LIT("\xff\x05\x00\x00S2sTw"), ERR_CORRUPT },
                { SLICE_LIT("\x01\x05\x00\x00????x"), ERR_CORRUPT }, /* no identifier */
                { SLICE_LIT("\xff\x06\x00\x00S2s"), ERR_CORRUPT },   /* cut */
                { SLICE_LIT(ID "\x02\x00\x00\x00"), ERR_CORRUPT },   /* may not be passed over */
                { SLICE_LIT(ID "\x7f\x00\x00\x00"), ERR_CORRUPT },
                { SLICE_LIT(ID "\x01\x03\x00\x00???"), ERR_CORRUPT }, /* no room for the checksum */
                { SLICE_LIT(ID "\x00\x04\x00\x00????"), ERR_CORRUPT },
                { SLICE_LIT(ID "\x01\x09\x00\x00\x00\x00\x00\x00plain"), ERR_CORRUPT },
                /* Claims 4 MiB and a byte, which nobody allocates. */
                { SLICE_LIT(ID "\x00\x08\x00\x00????\x81\x80\x80\x02"), ERR_CORRUPT },
        };
        struct buf out = { 0 };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                buf_clear(&out);
                assert_int_equal(s2_decode(cases[i].stream, &out, SIZE_MAX), cases[i].rc);
                assert_int_equal(out.len, 0);
        }
        assert_int_equal(s2_decode(BYTES(stream_zeros), &out, 69999), ERR_RANGE);
        assert_int_equal(out.len, 0);
        assert_int_equal(s2_decode(BYTES(stream_zeros), &out, 70000), 0);
        buf_fini(&out);
}

/* No bit of a chunk can be wrong unseen: the length of the chunk, the checksum, the data. */
static void test_every_bit(void **state)
{
        char damaged[sizeof(stream_better) - 1];
        struct buf out = { 0 };
        for (size_t bit = 8 * 10; bit < 8 * sizeof damaged; bit++) {
                memcpy(damaged, stream_better, sizeof damaged);
                damaged[bit / 8] = (char)(damaged[bit / 8] ^ 1 << bit % 8);
                buf_clear(&out);
                bool skippable = bit == 8 * 10 + 7; /* the type: 0x00 becomes 0x80 */
                assert_int_equal(
                        s2_decode(slice_of(damaged, sizeof damaged), &out, BIG) == 0, skippable);
                assert_int_equal(out.len, 0);
        }
        buf_fini(&out);
}

static void test_encode(void **state)
{
        struct buf stream = { 0 }, plain = { 0 };
        s2_encode(SLICE_LIT("plain"), &stream);
        assert_true(slice_eq(buf_slice(&stream), BYTES(stream_uncompressed)));
        buf_clear(&stream);
        s2_encode(SLICE_NULL, &stream);
        assert_true(slice_eq(buf_slice(&stream), SLICE_LIT(ID)));
        repeat(&plain, "0123456789", 20000); /* four chunks */
        buf_clear(&stream);
        s2_encode(buf_slice(&plain), &stream);
        assert_int_equal(stream.len, 10 + 4 * 8 + plain.len);
        expect(buf_slice(&stream), &plain);
        buf_fini(&stream);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_long_block),
                cmocka_unit_test(test_blocks),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_every_bit),
                cmocka_unit_test(test_encode),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
