/* SPDX-License-Identifier: Apache-2.0 */
/* TestRemovePassFromTrace, TestRemoveAuthTokenFromTrace, TestRemoveAdditionalAuthFieldsFromTrace,
 * TestProtoSnippet. */
#include "proto/redact.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct {
        const char *text, *want;
} cases[] = {
        { "{\"user\":\"derek\",\"pass\":\"s3cr3t\"}",
                "{\"user\":\"derek\",\"pass\":\"[REDACTED]\"}" },
        { "{\"pass\":  \"s3cr3t\"}", "{\"pass\":  \"[REDACTED]\"}" },
        { "{\"pass\":\"\"}", "{\"pass\":\"[REDACTED]\"}" },
        { "{\"pass\":\"       \"}", "{\"pass\":\"[REDACTED]\"}" },
        { "{\"pass\":    \"s3cr3t\"     }", "{\"pass\":    \"[REDACTED]\"     }" },
        { "{\"pass\":\"s3cr3t\",}", "{\"pass\":\"[REDACTED]\",}" },
        { "{pass:s3cr3t ,   password =  s3cr3t}", "{pass:[REDACTED],   password =  [REDACTED]}" },
        { "{pass:s3cr3t ,   password=  s3cr3t}", "{pass:[REDACTED],   password=  [REDACTED]}" },
        { "{\"pass\":\"s3\", \"password\": \"s4\"}",
                "{\"pass\":\"[REDACTED]\", \"password\": \"[REDACTED]\"}" },
        { "{user = hello, password =  s3cr3t}", "{user = hello, password =  [REDACTED]}" },
        { "{pass:s3cr3t\r\n", "{pass:[REDACTED]\r\n" },
        { "{pass = \"AAA\",pass= \"BBB\",password =\"CCC\"}",
                "{pass = \"[REDACTED]\",pass= \"[REDACTED]\",password =\"[REDACTED]\"}" },
        { "{\"user\":\"s3cr3t\",\"pass\":\"s3cr3t\",\"name\":\"s3cr3t\"}",
                "{\"user\":\"s3cr3t\",\"pass\":\"[REDACTED]\",\"name\":\"s3cr3t\"}" },
        { "{\"auth_token\":\"s3cr3t\",\"x\":1}", "{\"auth_token\":\"[REDACTED]\",\"x\":1}" },
        { "{auth_token:s3cr3t ,   password =  s3cr3t}",
                "{auth_token:[REDACTED],   password =  [REDACTED]}" },
        { "{\"sig\":\"signature\",\"user\":\"foo\"}", "{\"sig\":\"[REDACTED]\",\"user\":\"foo\"}" },
        { "{\"nkey\":\"nkey\",\"user\":\"foo\"}", "{\"nkey\":\"[REDACTED]\",\"user\":\"foo\"}" },
        { "{\"proxy_sig\":\"p\",\"sig\":\"s\"}",
                "{\"proxy_sig\":\"[REDACTED]\",\"sig\":\"[REDACTED]\"}" },
        { "{\"sig\":\"s\",\"proxy_sig\":\"p\"}",
                "{\"sig\":\"[REDACTED]\",\"proxy_sig\":\"[REDACTED]\"}" },
        { "{\"name\":\"foo sig:bar\",\"sig\":\"REAL\",\"user\":\"foo\"}",
                "{\"name\":\"foo sig:[REDACTED]\",\"sig\":\"[REDACTED]\",\"user\":\"foo\"}" },
        { "sig=abc\r\n", "sig=[REDACTED]\r\n" },
        { "{\"name\":\"unterminated,\"sig\":\"abc\"}",
                "{\"name\":\"unterminated,\"sig\":\"[REDACTED]\"}" },
        /* Where the reference would show a part of the secret. */
        { "{\"pass\":\"a,b}c\",\"x\":1}", "{\"pass\":\"[REDACTED]\",\"x\":1}" },
        { "{\"pass\":\"a\\\"b\",\"x\":1}", "{\"pass\":\"[REDACTED]\",\"x\":1}" },
        { "{\"PASS\":\"s\",\"Auth_Token\":\"t\"}",
                "{\"PASS\":\"[REDACTED]\",\"Auth_Token\":\"[REDACTED]\"}" },
        { "{\"p\\u0061ss\":\"s\",\"x\":1}", "{\"p\\u0061ss\":\"[REDACTED]\",\"x\":1}" },
        { "{\"pass\":\"unterminated", "{\"pass\":\"[REDACTED]" },
        { "{\"pass\":\"ends in a backslash\\", "{\"pass\":\"[REDACTED]" },
        /* Left alone. */
        { "{\"signature\":\"x\",\"design\":\"y\"}", "{\"signature\":\"x\",\"design\":\"y\"}" },
        { "passenger list: 5", "passenger list: 5" },
        { "pass", "pass" },
        { "", "" },
};

static void test_redact(void **state)
{
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };
                char *text;

                proto_redact_connect(slice_str(cases[i].text), &out);
                text = buf_take_str(&out);
                assert_string_equal(text, cases[i].want);
                xfree(text);
                buf_fini(&out);
        }
}

static void test_snippet(void **state)
{
        static const struct {
                size_t start;
                const char *want;
        } snippets[] = {
                { 0, "\"abcdefghijklmnopqrstuvwxyzABCDEF\"" },
                { 1, "\"bcdefghijklmnopqrstuvwxyzABCDEFG\"" },
                { 20, "\"uvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\"" },
                { 21, "\"vwxyzABCDEFGHIJKLMNOPQRSTUVWXY\"" },
                { 50, "\"Y\"" },
                { 51, "\"\"" },
                { 52, "\"\"" },
                { (size_t)-1, "\"\"" },
        };
        const struct slice sample =
                SLICE_LIT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

        for (size_t i = 0; i < ARRAY_N(snippets); i++) {
                struct buf out = { 0 };
                char *text;

                proto_snippet(sample, snippets[i].start, &out);
                text = buf_take_str(&out);
                assert_string_equal(text, snippets[i].want);
                xfree(text);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_redact),
                cmocka_unit_test(test_snippet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
