/* SPDX-License-Identifier: Apache-2.0 */
/* client-protocol 8.1: "CONNECT argument parsing", "CONNECT defaults and overlay", "protocol 0/1",
 * "account / new_account", reference page 2.4. */
#include "proto/connect.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_defaults(void **state)
{
        struct connect_options o;

        connect_options_init(&o);
        assert_true(o.verbose && o.pedantic && o.echo);
        assert_false(o.headers || o.no_responders || o.tls_required || o.new_account);
        assert_int_equal(o.protocol, 0);
        assert_string_equal(o.user, "");
        assert_string_equal(o.jwt, "");
        connect_options_fini(&o);
}

static void test_all_fields(void **state)
{
        struct connect_options o;

        connect_options_init(&o);
        assert_int_equal(0,
                connect_options_parse(&o,
                        SLICE_LIT("{\"verbose\":false,\"pedantic\":false,\"echo\":false,"
                                  "\"tls_required\":true,\"headers\":true,\"no_responders\":true,"
                                  "\"protocol\":1,\"name\":\"n\",\"lang\":\"c\",\"version\":\"3\","
                                  "\"user\":\"u\",\"pass\":\"p\",\"auth_token\":\"t\","
                                  "\"nkey\":\"U\",\"jwt\":\"j\",\"sig\":\"s\",\"proxy_sig\":\"x\","
                                  "\"account\":\"a\",\"new_account\":true,"
                                  "\"unknown\":[1,{\"user\":\"no\"}]} "),
                        NULL));
        assert_false(o.verbose || o.pedantic || o.echo);
        assert_true(o.tls_required && o.headers && o.no_responders && o.new_account);
        assert_int_equal(o.protocol, 1);
        assert_string_equal(o.name, "n");
        assert_string_equal(o.lang, "c");
        assert_string_equal(o.version, "3");
        assert_string_equal(o.user, "u");
        assert_string_equal(o.pass, "p");
        assert_string_equal(o.auth_token, "t");
        assert_string_equal(o.nkey, "U");
        assert_string_equal(o.jwt, "j");
        assert_string_equal(o.sig, "s");
        assert_string_equal(o.proxy_sig, "x");
        assert_string_equal(o.account, "a");
        connect_options_forget_secrets(&o);
        assert_string_equal(o.pass, "");
        assert_string_equal(o.auth_token, "");
        assert_string_equal(o.sig, "");
        assert_string_equal(o.proxy_sig, "");
        assert_string_equal(o.user, "u");
        connect_options_fini(&o);
}

/* Each step is decoded onto what the step before left. */
static void test_overlay(void **state)
{
        static const struct {
                const char *json;
                bool verbose;
                const char *user;
                int protocol;
        } steps[] = {
                { "{}", true, "", 0 },
                { "{\"verbose\":false,\"user\":\"derek\",\"protocol\":1}", false, "derek", 1 },
                { "{}", false, "derek", 1 },
                { "{\"verbose\":null,\"user\":null,\"protocol\":null}", false, "derek", 1 },
                { "null", false, "derek", 1 },
                { " \t null\r ", false, "derek", 1 },
                { "{\"VERBOSE\":true,\"UsEr\":\"ivan\",\"Protocol\":7}", true, "ivan", 7 },
                { "{\"user\":\"one\",\"user\":\"two\"}", true, "two", 7 },
                { "{\"user\":\"one\",\"USER\":\"three\"}", true, "three", 7 },
                { "{\"user\":\"\",\"protocol\":-1}", true, "", -1 },
                { "{\"protocol\":4294967296}", true, "", -1 },
                { "{\"user\":\"\xff|\xc3\xa9|\\ud800|\\udc00\\u0041|\\ud83d\\ude00\"}", true,
                        "\xef\xbf\xbd|\xc3\xa9|\xef\xbf\xbd|\xef\xbf\xbd"
                        "A|\xf0\x9f\x98\x80",
                        -1 },
        };
        struct connect_options o;

        connect_options_init(&o);
        for (size_t i = 0; i < ARRAY_N(steps); i++) {
                assert_int_equal(0, connect_options_parse(&o, slice_str(steps[i].json), NULL));
                assert_int_equal(o.verbose, steps[i].verbose);
                assert_string_equal(o.user, steps[i].user);
                assert_int_equal(o.protocol, steps[i].protocol);
        }
        connect_options_fini(&o);
}

static void test_refused(void **state)
{
        static const char *const cases[] = { "", " ", "{", "}", "[]", "5", "\"x\"", "true", "nul",
                "{\"verbose\":1}", "{\"verbose\":\"true\"}", "{\"echo\":[]}",
                "{\"protocol\":\"1\"}", "{\"protocol\":1.0}", "{\"protocol\":true}", "{\"user\":5}",
                "{\"jwt\":{}}", "{\"new_account\":\"\"}", "{\"user\":\"a\"} x",
                "{\"user\":\"a\"}{}", "{\"user\":\"a\",}", "{'user':'a'}", "{user:\"a\"}",
                "{\"user\":\"a\\u0000b\"}", "{\"user\":\"\\u12\"}", "{\"user\":\"a\\",
                "{\"user\":\"\\ud83d\\", "{\"user\":\"new\",\"verbose\":0}" };
        struct connect_options o;

        connect_options_init(&o);
        assert_int_equal(0, connect_options_parse(&o, SLICE_LIT("{\"user\":\"old\"}"), NULL));
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct errbuf eb = { "" };

                assert_int_equal(ERR_INVALID, connect_options_parse(&o, slice_str(cases[i]), &eb));
                assert_true(eb.text[0] != 0);
                assert_string_equal(o.user, "old");
                assert_true(o.verbose);
        }
        connect_options_fini(&o);
}

/* The sentence of an error goes to the log. */
static void test_error_keeps_secrets(void **state)
{
        struct errbuf eb = { "" };
        struct connect_options o;

        connect_options_init(&o);
        assert_int_equal(
                ERR_INVALID, connect_options_parse(&o, SLICE_LIT("{\"pass\":s3cr3t}"), &eb));
        assert_null(strstr(eb.text, "s3cr3t"));
        assert_int_equal(
                ERR_INVALID, connect_options_parse(&o, SLICE_LIT("{\"pass\":[\"s3cr3t\"]}"), &eb));
        assert_string_equal(eb.text, "CONNECT field \"pass\" is not a string");
        connect_options_fini(&o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_all_fields),
                cmocka_unit_test(test_overlay),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_error_keeps_secrets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
