/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void check(struct buf *out, const char *want)
{
        char *text = buf_take_str(out);
        assert_string_equal(text, want);
        xfree(text);
}

static void write_sample(struct json_writer *w)
{
        json_object_open(w, NULL);
        json_str(w, "name", "a>b");
        json_str(w, "none", NULL);
        json_i64(w, "min", INT64_MIN);
        json_u64(w, "max", UINT64_MAX);
        json_object_open(w, "empty");
        json_object_close(w);
        json_array_open(w, "nothing");
        json_array_close(w);
        json_array_open(w, "list");
        json_bool(w, NULL, true);
        json_nil(w, NULL);
        json_object_open(w, NULL);
        json_slice(w, "k", SLICE_LIT("v"));
        json_object_close(w);
        json_array_close(w);
        json_str_opt(w, "s", "");
        json_str_opt(w, "s", NULL);
        json_i64_opt(w, "i", 0);
        json_bool_opt(w, "b", false);
        json_bool_opt(w, "yes", true);
        json_object_close(w);
}

static void writes_compact(void **state)
{
        struct buf out = { 0 };
        struct json_writer w;
        json_begin(&w, &out, 0);
        write_sample(&w);
        check(&out, "{\"name\":\"a\\u003eb\",\"none\":\"\",\"min\":-9223372036854775808,"
                    "\"max\":18446744073709551615,\"empty\":{},\"nothing\":[],"
                    "\"list\":[true,null,{\"k\":\"v\"}],\"yes\":true}");
}

static void writes_indented(void **state)
{
        struct buf out = { 0 };
        struct json_writer w;
        json_begin(&w, &out, 2);
        write_sample(&w);
        check(&out, "{\n  \"name\": \"a\\u003eb\",\n  \"none\": \"\",\n"
                    "  \"min\": -9223372036854775808,\n  \"max\": 18446744073709551615,\n"
                    "  \"empty\": {},\n  \"nothing\": [],\n"
                    "  \"list\": [\n    true,\n    null,\n    {\n      \"k\": \"v\"\n    }\n  ],\n"
                    "  \"yes\": true\n}");
}

static void writes_floats(void **state)
{
        static const struct {
                double value;
                const char *text;
        } rows[] = {
                { 0, "0" },
                { -0.0, "-0" },
                { 2, "2" },
                { 0.5, "0.5" },
                { -1.25, "-1.25" },
                { 0.1, "0.1" },
                { 100, "100" },
                { 123.456, "123.456" },
                { 1.0 / 3, "0.3333333333333333" },
                { 0.000001, "0.000001" },
                { 0.00000123, "0.00000123" },
                { 0.0000001, "1e-7" },
                { 1.5e-9, "1.5e-9" },
                { 1.5e-10, "1.5e-10" },
                { 1e20, "100000000000000000000" },
                { 123456789012345680000.0, "123456789012345680000" },
                { 1e21, "1e+21" },
                { 1.25e22, "1.25e+22" },
                { DBL_MAX, "1.7976931348623157e+308" },
                { 5e-324, "5e-324" },
                { 9007199254740993.0, "9007199254740992" },
                { NAN, "null" },
                { INFINITY, "null" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct buf out = { 0 };
                struct json_writer w;
                json_begin(&w, &out, 0);
                json_f64(&w, NULL, rows[i].value);
                check(&out, rows[i].text);
        }
}

static void quotes_as_go(void **state)
{
        static const struct {
                struct slice from;
                const char *to;
        } rows[] = {
                { SLICE_LIT(""), "\"\"" },
                { SLICE_LIT("<a&b>"), "\"\\u003ca\\u0026b\\u003e\"" },
                { SLICE_LIT("\"\\/"), "\"\\\"\\\\/\"" },
                { SLICE_LIT("\b\f\n\r\t\v"), "\"\\b\\f\\n\\r\\t\\u000b\"" },
                { SLICE_LIT("\0\x1f\x7f"), "\"\\u0000\\u001f\x7f\"" },
                { SLICE_LIT("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"" },
                { SLICE_LIT("x\xffy\xe2\x82z"), "\"x\\ufffdy\\ufffd\\ufffdz\"" },
                { SLICE_LIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
                { SLICE_LIT("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct buf out = { 0 };
                json_quote(&out, rows[i].from);
                check(&out, rows[i].to);
        }
}

static void limit_fails_the_document(void **state)
{
        struct buf out = { .limit = 20 };
        struct json_writer w;
        json_begin(&w, &out, 0);
        write_sample(&w);
        assert_true(out.failed);
        buf_fini(&out);
}

static void parses_strictly(void **state)
{
        static const struct {
                struct slice text;
                bool ok;
        } rows[] = {
                { SLICE_LIT("{}"), true },
                { SLICE_LIT(" [1, 2.5] \n"), true },
                { SLICE_LIT("{\"a\":1,\"a\":2}"), true },
                { SLICE_LIT(""), false },
                { SLICE_LIT("1"), false },
                { SLICE_LIT("\"x\""), false },
                { SLICE_LIT("{} x"), false },
                { SLICE_LIT("{\"a\":1,}"), false },
                { SLICE_LIT("{'a':1}"), false },
                { SLICE_LIT("{\"a\":\"\\u0000\"}"), false },
                { SLICE_LIT("{\"a\":\"\xff\"}"), false },
                { SLICE_LIT("{}\0"), false },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct errbuf eb = { "" };
                json_t *root = json_parse(rows[i].text, &eb);
                assert_int_equal(root != NULL, rows[i].ok);
                assert_int_equal(eb.text[0] != '\0', !rows[i].ok);
                json_decref(root);
        }
        assert_null(json_parse(SLICE_NULL, NULL));
}

static void bounds_depth(void **state)
{
        struct buf text = { 0 };
        for (int i = 0; i < 100000; i++)
                buf_append_char(&text, '[');
        assert_null(json_parse(buf_slice(&text), NULL));
        buf_fini(&text);
}

static void finds_members(void **state)
{
        json_t *root =
                json_parse(SLICE_LIT("{\"Verbose\":1,\"user\":2,\"USER\":3,\"user\":4}"), NULL);
        assert_int_equal(json_integer_value(json_member(root, "verbose")), 1);
        assert_int_equal(json_integer_value(json_member(root, "user")), 4);
        assert_int_equal(json_integer_value(json_member(root, "USER")), 3);
        assert_null(json_member(root, "use"));
        json_decref(root);
        root = json_parse(SLICE_LIT("[1]"), NULL);
        assert_null(json_member(root, "x"));
        json_decref(root);
        assert_null(json_member(NULL, "x"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_compact),
                cmocka_unit_test(writes_indented),
                cmocka_unit_test(writes_floats),
                cmocka_unit_test(quotes_as_go),
                cmocka_unit_test(limit_fails_the_document),
                cmocka_unit_test(parses_strictly),
                cmocka_unit_test(bounds_depth),
                cmocka_unit_test(finds_members),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
