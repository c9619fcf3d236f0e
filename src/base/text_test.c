/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/mem.h"
#include "base/rand.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The test vectors of RFC 4648, section 10. */
static void encodes_rfc4648(void **state)
{
        static const struct {
                const char *plain, *base64, *base64url, *base32;
        } rows[] = {
                { "", "", "", "" },
                { "f", "Zg==", "Zg", "MY" },
                { "fo", "Zm8=", "Zm8", "MZXQ" },
                { "foo", "Zm9v", "Zm9v", "MZXW6" },
                { "foob", "Zm9vYg==", "Zm9vYg", "MZXW6YQ" },
                { "fooba", "Zm9vYmE=", "Zm9vYmE", "MZXW6YTB" },
                { "foobar", "Zm9vYmFy", "Zm9vYmFy", "MZXW6YTBOI" },
                { "\xfb\xff", "+/8=", "-_8", "7P7Q" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                const uint8_t *bytes = (const uint8_t *)rows[i].plain;
                size_t len = strlen(rows[i].plain);
                char text[16];
                text_base64(bytes, len, text);
                assert_string_equal(text, rows[i].base64);
                text_base64url(bytes, len, text);
                assert_string_equal(text, rows[i].base64url);
                text_base32(bytes, len, text);
                assert_string_equal(text, rows[i].base32);
        }
        char text[9];
        text_hex((const uint8_t *)"\x00\x9f\xff", 3, text);
        assert_string_equal(text, "009fff");
}

typedef bool (*decode_fn)(struct slice s, uint8_t *dst, size_t size, size_t *len);
typedef void (*encode_fn)(const uint8_t *bytes, size_t len, char *dst);

static void decodes_what_it_encodes(void **state)
{
        static const struct {
                encode_fn encode;
                decode_fn decode;
        } rows[] = {
                { text_base32, text_base32_decode },
                { text_base64url, text_base64url_decode },
                { text_base64, text_base64_decode },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                for (size_t len = 0; len < 70; len++) {
                        uint8_t bytes[70], back[70];
                        char text[128];
                        size_t got = 999;
                        rand_secure(bytes, sizeof bytes);
                        rows[i].encode(bytes, len, text);
                        assert_true(rows[i].decode(slice_str(text), back, len, &got));
                        assert_int_equal(got, len);
                        assert_memory_equal(back, bytes, len);
                        if (len > 0)
                                assert_false(rows[i].decode(slice_str(text), back, len - 1, &got));
                }
        }
}

static void refuses_other_forms(void **state)
{
        static const struct {
                decode_fn decode;
                const char *text;
        } rows[] = {
                { text_base32_decode, "my" },
                { text_base32_decode, "M" },
                { text_base32_decode, "MZ" },
                { text_base32_decode, "MY======" },
                { text_base32_decode, "M1" },
                { text_base32_decode, "MZX" },
                { text_base64url_decode, "Zg==" },
                { text_base64url_decode, "Z" },
                { text_base64url_decode, "Zh" },
                { text_base64url_decode, "+/8" },
                { text_base64url_decode, "Zg\n" },
                { text_base64url_decode, "Zm9vY" },
                { text_base64_decode, "Zg" },
                { text_base64_decode, "Zg=" },
                { text_base64_decode, "Zh==" },
                { text_base64_decode, "====" },
                { text_base64_decode, "Z===" },
                { text_base64_decode, "Zg==Zg==" },
                { text_base64_decode, "-_8=" },
                { text_base64_decode, "Zm9v Zm9" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                uint8_t dst[16];
                size_t len = 77;
                assert_false(rows[i].decode(slice_str(rows[i].text), dst, sizeof dst, &len));
                assert_int_equal(len, 77);
        }
}

static void reads_utf8(void **state)
{
        static const struct {
                const char *text;
                size_t width;
                uint32_t rune;
        } rows[] = {
                { "", 0, 0xfffd },
                { "a", 1, 'a' },
                { "\xc3\xa9x", 2, 0xe9 },
                { "\xe2\x82\xac", 3, 0x20ac },
                { "\xf0\x9f\x98\x80", 4, 0x1f600 },
                { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
                { "\xef\xbf\xbd", 3, 0xfffd },
                { "\x80", 1, 0xfffd },
                { "\xc0\x80", 1, 0xfffd },         /* overlong */
                { "\xe0\x9f\xbf", 1, 0xfffd },     /* overlong */
                { "\xf0\x8f\xbf\xbf", 1, 0xfffd }, /* overlong */
                { "\xed\xa0\x80", 1, 0xfffd },     /* surrogate */
                { "\xf4\x90\x80\x80", 1, 0xfffd }, /* beyond U+10FFFF */
                { "\xf5\x80\x80\x80", 1, 0xfffd },
                { "\xe2\x82", 1, 0xfffd }, /* cut */
                { "\xe2\x82x", 1, 0xfffd },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                uint32_t rune = 0;
                assert_int_equal(text_utf8(slice_str(rows[i].text), &rune), rows[i].width);
                assert_int_equal(rune, rows[i].rune);
        }
}

static void writes_utf8(void **state)
{
        static const uint32_t runes[] = { 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff };
        for (size_t i = 0; i < ARRAY_N(runes); i++) {
                struct buf out = { 0 };
                uint32_t back;
                text_utf8_append(&out, runes[i]);
                assert_int_equal(text_utf8(buf_slice(&out), &back), out.len);
                assert_int_equal(back, runes[i]);
                buf_fini(&out);
        }
        struct buf out = { 0 };
        text_utf8_append(&out, 0xd800);
        text_utf8_append(&out, 0x110000);
        assert_true(slice_eq_str(buf_slice(&out), "\xef\xbf\xbd\xef\xbf\xbd"));
        buf_fini(&out);
}

static void quotes_as_go(void **state)
{
        static const struct {
                struct slice from;
                const char *to;
        } rows[] = {
                { SLICE_LIT(""), "\"\"" },
                { SLICE_LIT("plain"), "\"plain\"" },
                { SLICE_LIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
                { SLICE_LIT("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\"" },
                { SLICE_LIT("\0\x1b\x7f"), "\"\\x00\\x1b\\x7f\"" },
                { SLICE_LIT("\xc3\xa9\xe2\x82\xac"), "\"\xc3\xa9\xe2\x82\xac\"" },
                { SLICE_LIT("\xff\xe2\x82"), "\"\\xff\\xe2\\x82\"" },
                { SLICE_LIT("\xc2\xa0\xe2\x80\xa8"), "\"\\u00a0\\u2028\"" },
                { SLICE_LIT("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"" },
                { SLICE_LIT("\xf4\x8f\xbf\xbf"), "\"\\U0010ffff\"" },
                { SLICE_LIT("'<>&"), "\"'<>&\"" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct buf out = { 0 };
                text_quote(&out, rows[i].from);
                char *text = buf_take_str(&out);
                assert_string_equal(text, rows[i].to);
                xfree(text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(encodes_rfc4648),
                cmocka_unit_test(decodes_what_it_encodes),
                cmocka_unit_test(refuses_other_forms),
                cmocka_unit_test(reads_utf8),
                cmocka_unit_test(writes_utf8),
                cmocka_unit_test(quotes_as_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
