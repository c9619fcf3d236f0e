/* SPDX-License-Identifier: Apache-2.0 */
/* client-protocol 8.1: "CONNECT argument parsing", "CONNECT defaults and overlay", "protocol 0/1",
 * "account / new_account", reference page 2.4. */
#include "proto/connect.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
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

/* ---- flat objects are read without a tree ------------------------------------------------- */

static void assert_same(const char *text, size_t len)
{
        struct connect_options flat, tree;
        char other[512];
        const char *brace = memchr(text, '{', len);
        struct errbuf flat_eb = { "" }, tree_eb = { "" };
        size_t head = brace ? (size_t)(brace - text) + 1 : 0;
        connect_options_init(&flat);
        connect_options_init(&tree);
        int flat_rc = connect_options_parse(&flat, slice_of(text, len), &flat_eb);
        /* A null makes it anything but flat, and changes nothing else. */
        bool empty = brace && head + strspn(text + head, " \t\r\n") < len &&
                     text[head + strspn(text + head, " \t\r\n")] == '}';
        int n = snprintf(other, sizeof other, "%.*s%s%.*s", (int)head, text,
                brace == NULL ? ""
                : empty       ? "\"zz\":null"
                              : "\"zz\":null,",
                (int)(len - head), text + head);
        int tree_rc = connect_options_parse(&tree, slice_of(other, (size_t)n), &tree_eb);
        if (flat_rc != tree_rc)
                fail_msg("%d, not %d: %.*s", flat_rc, tree_rc, (int)len, text);
        assert_string_equal(flat_eb.text, tree_eb.text);
        assert_int_equal(flat.verbose, tree.verbose);
        assert_int_equal(flat.pedantic, tree.pedantic);
        assert_int_equal(flat.echo, tree.echo);
        assert_int_equal(flat.headers, tree.headers);
        assert_int_equal(flat.protocol, tree.protocol);
        assert_string_equal(flat.name, tree.name);
        assert_string_equal(flat.user, tree.user);
        assert_string_equal(flat.pass, tree.pass);
        assert_string_equal(flat.lang, tree.lang);
        connect_options_fini(&flat);
        connect_options_fini(&tree);
}

static void test_flat_is_as_tree(void **state)
{
        static const char *const texts[] = { "{}", " { } ", "{", "}", "", ",\"a\":1}", "{,\"a\":1}",
                "{\"verbose\":false}", "{\"verbose\":0}", "{\"verbose\":\"false\"}",
                "{\"verbose\":false,}", "{\"verbose\":false,\"verbose\":true}",
                "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"a\",\"Name\":\"b\"}",
                "{\"name\":1,\"name\":\"b\"}", "{\"name\":\"a\",\"name\":null}", "{\"name\":\"\"}",
                "{\"name\":\"a\\u0062\"}", "{\"name\":\"\xc3\xa9\"}", "{\"name\":\"\x7f\"}",
                "{\"name\":\"\x01\"}", "{\"protocol\":1}", "{\"protocol\":01}", "{\"protocol\":-1}",
                "{\"protocol\":1.0}", "{\"protocol\":1e0}", "{\"protocol\":999999999}",
                "{\"protocol\":9999999999}", "{\"protocol\":0}", "{\"protocol\":00}",
                "{\"protocol\":true}", "{\"protocol\":}",
                "{\"protocol\" : 1 , \"echo\" :\tfalse\r\n}\r\n",
                "{\"other\":17,\"more\":\"x\",\"yes\":true}", "{\"other\":{}}", "{\"a\":1} x",
                "{\"a\":1}{\"a\":1}", "{\"a\":1{\"b\":2}", "{\"a\" 1}", "{\"a\":truex}",
                "{\"a\":tru}", "{\"\":1}", "{a:1}", "{\"ECHO\":false}" };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(texts); i++)
                assert_same(texts[i], strlen(texts[i]));
}

/* One or two bytes of a right one changed, lost or put in. */
static void test_flat_is_as_tree_at_random(void **state)
{
        static const char right[] = "{\"verbose\":false,\"name\":\"bench\",\"protocol\":1,"
                                    "\"user\":\"me\",\"echo\":true}";
        static const char bytes[] = "{}[]\":,\\ \t-.019aeltrufsnN_\x7f\x80";
        uint64_t random = 1;
        (void)state;
        for (int round = 0; round < 20000; round++) {
                char text[sizeof right + 2];
                size_t len = sizeof right - 1;
                memcpy(text, right, len);
                for (int change = 0; change <= round % 2; change++) {
                        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
                        size_t at = 1 + (random >> 33) % (len - 1);
                        char byte = bytes[(random >> 20) % (sizeof bytes - 1)];
                        switch ((random >> 59) % 3) {
                        case 0:
                                text[at] = byte;
                                break;
                        case 1:
                                memmove(text + at, text + at + 1, len - at - 1);
                                len--;
                                break;
                        default:
                                memmove(text + at + 1, text + at, len - at);
                                text[at] = byte;
                                len++;
                                break;
                        }
                }
                assert_same(text, len);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_all_fields),
                cmocka_unit_test(test_overlay),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_error_keeps_secrets),
                cmocka_unit_test(test_flat_is_as_tree),
                cmocka_unit_test(test_flat_is_as_tree_at_random),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
