/* SPDX-License-Identifier: Apache-2.0 */
/* parse_test.c: texts and the trees they mean. The number beside a case is its row in the list of
 * behaviours of the configuration language (section 6 of the facts); "vector" and "rule" cases come
 * from the tables of sections 1.11 and 1.2 to 1.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/digest.h"
#include "conf/lexer.h"
#include "conf/parse.h"

/* a=1 b="x" c={d=[1 2]}, in the order of the document; with positions: a=1@1:0. */
static void print(struct buf *out, const struct conf_value *value, bool positions, bool root)
{
        if (value->kind == CONF_STRING) {
                text_quote(out, value->as.text);
        } else if (value->kind == CONF_ARRAY) {
                buf_append_char(out, '[');
                for (int i = 0; i < value->as.array->n; i++) {
                        buf_append_str(out, i > 0 ? " " : "");
                        print(out, value->as.array->items[i], positions, false);
                }
                buf_append_char(out, ']');
        } else if (value->kind == CONF_MAP) {
                buf_append_str(out, root ? "" : "{");
                for (int i = 0; i < value->as.map->n; i++) {
                        const struct conf_entry *entry = &value->as.map->entries[i];
                        buf_printf(out, "%s%.*s=", i > 0 ? " " : "", SLICE_ARG(entry->key));
                        print(out, entry->value, positions, false);
                }
                buf_append_str(out, root ? "" : "}");
        } else {
                conf_print(out, value);
        }
        if (positions && !root && value->file)
                buf_printf(out, "@%d:%d", value->line, value->col);
}

static char *parse(const char *text, size_t len, bool positions)
{
        struct arena *arena = arena_new();
        struct errbuf eb;
        struct buf out;
        buf_init(&out);
        struct conf_value *root = conf_parse(arena, slice_of(text, len), "F", 0, &eb);
        if (root)
                print(&out, root, positions, true);
        else
                buf_printf(&out, "!%s", eb.text);
        arena_free(arena);
        return buf_take_str(&out);
}

struct tree_case {
        int row;
        const char *text, *want; /* "!": the error */
};

static void check_cases(const struct tree_case *cases, size_t n, bool positions)
{
        for (size_t i = 0; i < n; i++) {
                char *got = parse(cases[i].text, strlen(cases[i].text), positions);
                if (strcmp(got, cases[i].want) != 0)
                        fail_msg("row %d: <%s>\n  got  %s\n  want %s", cases[i].row, cases[i].text,
                                got, cases[i].want);
                xfree(got);
        }
}

#define AT_END(what) "!Parse error on line 1: '" what "'"
#define TOP_END(c)                                                                                 \
        "!Parse error on line 1: 'Expected a top-level value to end with a new line, comment or "  \
        "EOF, but got '" c "' instead.'"
#define ARRAY_END(c)                                                                               \
        "!Parse error on line 1: 'Expected an array value terminator \",\" or an array "           \
        "terminator "                                                                              \
        "\"]\", but got '" c "' instead.'"
#define MAP_END(c)                                                                                 \
        "!Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator "      \
        "\"}\", but got '" c "' instead.'"

static const struct tree_case vectors[] = {
        { 0, "foo='1'; bar=2.2; baz=true; boo=22", "foo=\"1\" bar=2.2 baz=true boo=22" },
        { 0, "a {b 1, c 2; d 3\n e 4}", "a={b=1 c=2 d=3 e=4}" },
        { 0, "a {b:1,}", "a={b=1}" },
        { 0, "a [1, 2, ]", "a=[1 2]" },
        { 0, "{a: 1}{b: 2}", "a=1 b=2" },
        { 0, "a \"b\"; c \"d\"", "a=\"b\" c=\"d\"" },
        { 0, "listen: 127.0.0.1:-1; max 2", "listen=\"127.0.0.1:-1\" max=2" },
        { 0, "a=[nats://a:1, nats://b:2]", "a=[\"nats://a:1\" \"nats://b:2\"]" },
        { 0, "a: nats://u:p@h:1", "a=\"nats://u:p@h:1\"" },
        { 0, "a = foo\\x41bar", "a=\"fooAbar\"" },
        { 0, "a = 'x\\ty'", "a=\"x\\\\ty\"" },
        { 0, "a=b}c=d", "a=\"b\" c=\"d\"" },
        { 0, "a = y", "a=\"y\"" },
        { 0, "a == 1", TOP_END("1") },
        { 0, "/a=1", AT_END("Unexpected EOF.") },
        { 0, "a,b", "!config is invalid (F:1:3)" },
        { 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!config is invalid (F:1:41)" },
};

static void test_vectors(void **state)
{
        check_cases(vectors, ARRAY_N(vectors), false);
}

/* 1.2: the transitions. */
static const struct tree_case states[] = {
        { 12, "a 1", "a=1" },
        { 12, "a\n1", "a=1" },
        { 12, "a:\n1", "!Parse error on line 2: 'Expected value but found new line'" },
        { 12, "x {b:\n1}", "x={b=1}" },
        { 12, "a = //c", "a=\"//c\"" },
        { 12, "a = # c", TOP_END("c") },
        { 12, "a = bar#c\nb = 12#c\nc = true#c", "a=\"bar#c\" b=\"12#c\" c=\"true#c\"" },
        { 12, "a = \"x\"#c", "a=\"x\"" },
        { 12, "cluster{ port: 1 }", TOP_END("1") },
        { 12, "a=1 / \nb=2", "a=1 b=2" },
        { 12, "a=1 b", TOP_END("b") },
        { 12, "=1", AT_END("Unexpected key separator '='") },
        { 12, "{a=1",
                "!Parse error on line 1: 'Expected a block-level value to end with a new line, "
                "comment or EOF, but got 'EOF' instead.'" },
        { 12, "{a=1\n", "a=1" },
        { 12, "{a=1 ;; b=2}", "a=1 ;=\"b=2\"" },
        { 12, "{{a=1}\n,b=2}", "a=1 b=2" },
        { 12, "{{a=1} x",
                AT_END("Expected a block-level to end with a '}', but got 'x' instead.") },
        { 12, "\"a", AT_END("Unexpected EOF.") },
        { 12, "a = .5", AT_END("Floats must start with a digit") },
        { 12, "a [,]", AT_END("Unexpected array value terminator ','.") },
        { 12, "a [b c]", ARRAY_END("c") },
        { 12, "a {]", AT_END("Unexpected array end ']' processing map.") },
        { 12, "a {=", AT_END("Unexpected key separator '='.") },
        { 12, "a {", AT_END("Unexpected EOF processing map.") },
        { 12, "a {b", AT_END("Unexpected EOF processing map key.") },
        { 12, "a {'b", AT_END("Unexpected EOF processing quoted map key.") },
        { 12, "a {\"b", AT_END("Unexpected EOF processing double quoted map key.") },
        { 12, "a {b ,", AT_END("Unexpected map value terminator \",\".") },
        { 12, "a {b 1 c", MAP_END("c") },
        { 12, "a {/b 1}", "a={b=1}" },
        { 12, "\"include\" 1; include=2; include: 3", "include=3" },
        /* 1.3: values. */
        { 13, "a = \"\\q\"",
                AT_END("Invalid escape character 'q'. Only the following escape characters are "
                       "allowed: "
                       "\\xXX, \\t, \\n, \\r, \\\", \\\\.") },
        { 13, "a = \"\\xzz\"",
                AT_END("Expected two hexadecimal digits after '\\x', but got 'zz'") },
        { 13, "a = \"\\x\n\"",
                "!Parse error on line 2: 'Expected two hexadecimal digits after '\\x', but hit end "
                "of "
                "line'" },
        { 13, "a = bar'; b=", "a=\"bar\" b=\"\"" },
        { 13, "a=,b=1", "a=\"\" b=1" },
        { 13, "a = \"true\"", "a=\"true\"" },
        { 13, "a = 9223372036854775807", "a=9223372036854775807" },
        { 13, "a = 9223372036854775808", "!integer '9223372036854775808' is out of the range" },
        { 13, "a = -9223372036854775808", "a=-9223372036854775808" },
        { 13, "a = 16e", "a=-2446744073709551616" },
        { 13, "a = 007", "a=7" },
        { 13, "a = 1Ghz; b = 100ms; c = 2Pie", "a=\"1Ghz\" b=\"100ms\" c=\"2Pie\"" },
        { 13, "a = 1.", AT_END("Floats must have a digit after the '.', but got 'EOF' instead.") },
        { 13, "a = -.5", AT_END("Floats must start with a digit, not '.'.") },
        { 13, "a = -x", AT_END("Expected a digit but got 'x'.") },
        { 13, "a = 2.7.9; b = 10.0.0.1:-1", "a=\"2.7.9\" b=\"10.0.0.1:-1\"" },
        { 13, "a: 10-foo", AT_END("All ISO8601 dates must be in full Zulu form.") },
        { 13, "a: 2016-0x", AT_END("Expected digit in ISO8601 datetime, but found 'x' instead.") },
        { 13, "a: 2016/", "a=\"2016/\"" },
        { 13, "a: 2016-05x", AT_END("Expected '-' in ISO8601 datetime, but found 'x' instead.") },
        { 13, "a: 2015-02-29T00:00:00Z",
                "!expected Zulu formatted DateTime, but got '2015-02-29T00:00:00Z'" },
        { 13, "a: 3xyz; b: 1h; c: 10s; d: 1_000; e: 0x1f; f: 1/b",
                "a=\"3xyz\" b=\"1h\" c=\"10s\" d=\"1_000\" e=\"0x1f\" f=\"1/b\"" },
        { 13, "a: 30s; b: 1h30m; c: 5m", "a=\"30s\" b=\"1h30m\" c=5000000" },
        { 13, "a: 1m30s; b: 1e3; c: -1m30s; d: {e: 1kb3}",
                "a=\"1m30s\" b=\"1e3\" c=\"-1m30s\" d={e=\"1kb3\"}" },
        { 13, "a: 1.5s", TOP_END("s") },
        /* 1.4: the quirks. Q1, Q2 and Q3 differ from the reference on purpose:
           docs/compatibility.md. */
        { 14, "foo = [1]; b = [1,2]", "foo=[1] b=[1 2]" },
        { 14, "{\"a\":[1,2,3]}", "a=[1 2 3]" },
        { 14, "a = [1k]; b = 1]", "a=[1000] b=\"1]\"" },
        { 14, "a = 1kbb; b = 1kibi", "a=\"1kbb\" b=\"1kibi\"" },
        { 14, "a = {b: }", "!config is invalid (F:1:5): \"b\" has no value" },
        { 14, "a = {b: \"\"}", "a={b=\"\"}" },
        { 14, "a", "!config is invalid (F:1:1)" },
        { 14, "}", "" },
        { 14, "a=1\n}", "a=1" },
        { 14, "a=1}}", "a=1" },
        { 14, "a = [1 2]", ARRAY_END("2") },
        { 14, "a = [{b 1} {c 2}]", ARRAY_END("{") },
        { 14, "a = it's b", TOP_END("s") },
        { 14, "a=1;;b=2", "a=1 ;b=2" },
};

static void test_states(void **state)
{
        check_cases(states, ARRAY_N(states), false);
}

static const struct tree_case behaviours[] = {
        { 1, "foo = \"bar\"\n a: 'b'\n\tc d", "foo=\"bar\"@1:0 a=\"b\"@2:2 c=\"d\"@3:2" },
        { 1, "foo:bar\n\"k\"=1", "foo=\"bar\"@1:0 k=1@2:2" },
        { 2, "foo = 3xyz", "foo=\"3xyz\"@1:0" },
        { 3, "a 8k; b 4kb; c 1m; d 2MB; e 10g; f 22GB; g 1T; h 1tib; i 1p; j 1pib; k 1e; l 1eb",
                "a=8000@1:0 b=4096@1:6 c=1000000@1:13 d=2097152@1:19 e=10000000000@1:26 "
                "f=23622320128@1:33 g=1000000000000@1:41 h=1099511627776@1:47 "
                "i=1000000000000000@1:55 "
                "j=1125899906842624@1:61 k=1000000000000000000@1:69 l=1152921504606846976@1:75" },
        { 3, "a 1Kib; b -2ki; c 3MiB", "a=1024@1:0 b=-2048@1:8 c=3145728@1:16" },
        { 4, "foo = -22", "foo=-22@1:0" },
        { 4, "foo = 22.2; bar = -22.2", "foo=22.2@1:0 bar=-22.2@1:12" },
        { 4, "foo = 3.", AT_END("Floats must have a digit after the '.', but got 'EOF' instead.") },
        { 5, "a true; b yes; c on; d FALSE; e no; f Off",
                "a=true@1:0 b=true@1:8 c=true@1:15 d=false@1:21 e=false@1:30 f=false@1:36" },
        { 5, "a y; b truely; c \"yes\"", "a=\"y\"@1:0 b=\"truely\"@1:5 c=\"yes\"@1:15" },
        { 6, "# comment\n// another\n  # third", "" },
        { 6, "a = 1 # one\nb = \"s\"//two\nc {# in\n d 1 // map\n}#out",
                "a=1@1:0 b=\"s\"@2:1 c={d=1@4:2}@3:1" },
        { 7, "foo = \"\\x22\\x09\\t\\n\\r\\\"\\\\\"", "foo=\"\\\"\\t\\t\\n\\r\\\"\\\\\"@1:0" },
        { 7, "foo = \\x22baz\\x22", "foo=\"\\\"baz\\\"\"@1:0" },
        { 7, "foo = e\\x4G", AT_END("Expected two hexadecimal digits after '\\x', but got '4G'") },
        { 8, "foo = \"\"", "foo=\"\"@1:0" },
        { 8, "foo = ''", "foo=\"\"@1:0" },
        { 9, "foo = \"bar", AT_END("Unexpected EOF.") },
        { 9, "foo = 'bar", AT_END("Unexpected EOF.") },
        { 9, "foo = \"", "!config is invalid (F:1:7)" },
        { 9, "\"foo = bar", AT_END("Unexpected EOF.") },
        { 9, "foo = {a=1", MAP_END("EOF") },
        { 9, "foo = (text", AT_END("Unexpected EOF processing block.") },
        { 10, "foo (\nbar (baz)\n)\nx 1", "foo=\"\\nbar (baz)\\n\"@1:0 x=1@4:1" },
        { 10, "foo (\nbar\n)", "foo=\"\\nbar\\n)\"@1:0" },
        { 10, "foo (\n )\r\n)x\n)\n", "foo=\"\\n )\\r\\n)x\\n\"@1:0" },
        { 11, "d = 2016-05-04T18:53:41Z", "d=2016-05-04 18:53:41 +0000 UTC@1:0" },
        { 12, "foo = [1.5, 'a', \"b\", c ]", "foo=[1.5@1:7 \"a\"@1:13 \"b\"@1:18 \"c\"@1:22]@1:0" },
        { 12, "foo = [\n a\n b # c\n // d\n c\n]", "foo=[\"a\"@2:2 \"b\"@3:2 \"c\"@5:2]@1:0" },
        { 12, "foo [\n {a 1}\n {b 2}\n]", "foo=[{a=1@2:3}@2:7 {b=2@3:3}@3:7]@1:0" },
        { 12, "foo = [[a]\n [b, c]]", "foo=[[\"a\"@1:8]@1:10 [\"b\"@2:3 \"c\"@2:6]@2:8]@1:0" },
        { 13, "foo {\n ip = '1.2.3.4'\n port = 4242\n}",
                "foo={ip=\"1.2.3.4\"@2:2 port=4242@3:2}@1:0" },
        { 13, "foo { host {\n ip\n 'x'\n} }", "foo={host={ip=\"x\"@2:2}@1:6}@1:0" },
        { 14, "\"a b\" = 1; 'c d': 2", "a b=1@1:1 c d=2@1:12" },
        { 14, "m {\"a{,:\" 1, 'b}#' 2}", "m={a{,:=1@1:4 b}#=2@1:14}@1:0" },
        { 15, "a=1; b=2;\nc {d 1; e 2;}", "a=1@1:0 b=2@1:5 c={d=1@2:4 e=2@2:9}@2:1" },
        { 16, "a = 10.1.2.3; b = 10.1.2.3:222; c [1.2.3.4:5]",
                "a=\"10.1.2.3\"@1:0 b=\"10.1.2.3:222\"@1:14 c=[\"1.2.3.4:5\"@1:35]@1:32" },
        { 17, " :foo = 22", AT_END("Unexpected key separator ':'") },
        { 21, "index = 22\nfoo = $index\nm {x = $index}",
                "index=22@1:0 foo=22@2:1 m={x=22@3:4}@3:1" },
        { 21, "x 1\nm {x 2\n y $x}\nz $x", "x=1@1:0 m={x=2@2:4 y=2@3:2}@2:1 z=1@4:1" },
        { 21, "p {a 1}\nq [$p, $p]", "p={a=1@1:3}@1:0 q=[{a=1@1:3}@2:5 {a=1@1:3}@2:9]@2:1" },
        { 21, "foo = $nobody", "!variable reference for 'nobody' on line 1 can not be found" },
        { 21, "m {x 1}\nfoo = $x", "!variable reference for 'x' on line 2 can not be found" },
        { 21, "a = \"$x\"; b = x$y", "a=\"$x\"@1:0 b=\"x$y\"@1:10" },
        { 23, "password: $2a$11$ooo", "password=\"$2a$11$ooo\"@1:0" },
        { 23, "password: $2b$11$ooo",
                "!variable reference for '2b$11$ooo' on line 1 can not be found" },
        { 24, "A: x\nB: $A\nC: $B", "A=\"x\"@1:0 B=\"x\"@2:1 C=\"x\"@3:1" },
        { 24, "A: $A", "!variable reference for 'A' on line 1 can not be found" },
        { 26, "a\n", "!config is invalid (F:2:1)" },
        { 26, "a=1\nb", "!config is invalid (F:2:2)" },
        { 26, "a {b }", "!config is invalid (F:1:3): \"b\" has no value" },
        { 26, "a {b: 1, c }", "!config is invalid (F:1:9): \"c\" has no value" },
        { 26, "a {b: 1\n  c:\n}", "!config is invalid (F:2:3): \"c\" has no value" },
        { 26, "aaaa bbbb cccc", TOP_END("c") },
        { 26, "a b", "a=\"b\"@1:0" },
        { 27, "", "" },
        { 27, "# only a comment", "" },
        { 27, " \n\t\n", "" },
        { 28, "a = 1\n}", "a=1@1:0" },
        { 28, "{ a: 1 }", "a=1@1:2" },
        { 28, "{ a: 1\n} // end", "a=1@1:2" },
        { 28, "{ a {b 1} }", "a={b=1@1:5}@1:2" },
        { 29, "{\"http_port\": 8227, \"leaf\": {\"a\": [\"b\", true, -1.5], \"c\": null}}",
                "http_port=8227@1:2 leaf={a=[\"b\"@1:36 true@1:40 -1.5@1:46]@1:30 "
                "c=\"null\"@1:54}@1:21" },
        { 29, "{\n \"a\": {\n  \"b\": 1,\n },\n}", "a={b=1@3:4}@2:3" },
};

static void test_behaviours(void **state)
{
        check_cases(behaviours, ARRAY_N(behaviours), true);
}

/* Rows 22, 24, 25: the environment. */
static void test_environment(void **state)
{
        setenv("MT_INT", "22", 1);
        setenv("MT_TEXT", "xyz", 1);
        setenv("MT_DIGITS", "3xyz", 1);
        setenv("MT_QUOTED", "'3'", 1);
        setenv("MT_MAP", "{a: 1, b: [x, $MT_INT]}", 1);
        setenv("MT_CHAIN", "$MT_INT", 1);
        setenv("MT_SELF", "$MT_SELF", 1);
        setenv("MT_A", "$MT_B", 1);
        setenv("MT_B", "$MT_A", 1);
        setenv("MT_KEY", "$foo", 1);
        setenv("MT_BAD", "[1", 1);
        setenv("MT_EMPTY", "", 1);
        setenv("MT_INCLUDE", "1\ninclude x", 1);
        static const struct tree_case cases[] = {
                { 22, "foo = $MT_INT", "foo=22@1:0" },
                { 22, "foo = $MT_TEXT", "foo=\"xyz\"@1:0" },
                { 22, "foo = $MT_DIGITS; b = $MT_QUOTED; c = $MT_EMPTY",
                        "foo=\"3xyz\"@1:0 b=\"3\"@1:18 c=\"\"@1:34" },
                { 22, "foo = $MT_MAP", "foo={a=1 b=[\"x\" 22]}@1:0" },
                { 22, "MT_INT = 1; foo = $MT_INT", "MT_INT=1@1:0 foo=1@1:12" },
                { 24, "foo = $MT_CHAIN", "foo=22@1:0" },
                { 24, "foo = $MT_SELF",
                        "!variable reference for 'MT_SELF' on line 1 could not be parsed: variable "
                        "reference for 'MT_SELF' on line 1 could not be parsed: variable reference "
                        "cycle "
                        "for 'MT_SELF'" },
                { 24, "foo = $MT_A",
                        "!variable reference for 'MT_A' on line 1 could not be parsed: variable "
                        "reference "
                        "for 'MT_B' on line 1 could not be parsed: variable reference for 'MT_A' "
                        "on line "
                        "1 could not be parsed: variable reference cycle for 'MT_A'" },
                { 24, "foo = 1; bar = $MT_KEY",
                        "!variable reference for 'MT_KEY' on line 1 could not be parsed: variable "
                        "reference for 'foo' on line 1 can not be found" },
                { 22, "foo = $MT_BAD",
                        "!variable reference for 'MT_BAD' on line 1 could not be parsed: Parse "
                        "error on "
                        "line 1: 'Expected an array value terminator \",\" or an array terminator "
                        "\"]\", "
                        "but got 'EOF' instead.'" },
                { 25, "foo = $MT_INCLUDE",
                        "!variable reference for 'MT_INCLUDE' on line 1 could not be parsed: error "
                        "parsing include file 'x', includes are not allowed here" },
        };
        check_cases(cases, ARRAY_N(cases), true);
}

static char dir[64];

static void write_file(const char *name, const char *text)
{
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

/* The tree of a file in dir, or "!" and the error with dir replaced by "D". */
static char *parse_file(const char *name)
{
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        struct arena *arena = arena_new();
        struct errbuf eb;
        struct buf out;
        buf_init(&out);
        struct conf_value *root = conf_parse_file(arena, path, &eb);
        if (root)
                print(&out, root, true, true);
        else
                buf_printf(&out, "!%s", eb.text);
        arena_free(arena);
        char *text = buf_take_str(&out);
        for (char *at; (at = strstr(text, dir));)
                memmove(at + 1, at + strlen(dir), strlen(at + strlen(dir)) + 1), *at = 'D';
        return text;
}

static void check_file(const char *name, const char *want)
{
        char *got = parse_file(name);
        assert_string_equal(got, want);
        xfree(got);
}

/* Rows 18, 19, 20, 25. */
static void test_includes(void **state)
{
        snprintf(dir, sizeof dir, "/tmp/midge-parse-XXXXXX");
        assert_non_null(mkdtemp(dir));
        char sub[80];
        snprintf(sub, sizeof sub, "%s/sub", dir);
        assert_int_equal(mkdir(sub, 0700), 0);

        write_file("empty.conf", "# nothing\n");
        write_file("sub/inner.conf", "inner = 5\ninclude deeper.conf\n");
        write_file("sub/deeper.conf", "\n deep = $inner_env\n");
        write_file("plain.conf",
                "x = 1; include 'sub/inner.conf'; y = $inner\n m { include \"empty.conf\"; z 2 }");
        setenv("inner_env", "7", 1);
        check_file("plain.conf",
                "x=1@1:0 inner=5@1:0 deep=7@2:2 y=5@1:33 m={z=2@2:28}@2:2"); /* 18 19 25 */

        write_file("absolute.conf", "include /sub/inner.conf");
        check_file("absolute.conf", "inner=5@1:0 deep=7@2:2"); /* 18 */
        write_file("scope.conf", "outer = 1\ninclude uses.conf");
        write_file("uses.conf", "a = $outer");
        check_file("scope.conf", "!error parsing include file 'uses.conf', variable reference for "
                                 "'outer' on line 1 can not be found"); /* 19 */
        write_file("missing.conf", "a = 1\ninclude no/such.conf");
        check_file("missing.conf",
                "!error parsing include file 'no/such.conf', open D/no/such.conf: no such file or "
                "directory"); /* 20 */
        write_file("badinner.conf", "include novalue.conf");
        write_file("novalue.conf", "a=1\nb");
        check_file("badinner.conf", "!error parsing include file 'novalue.conf', config is invalid "
                                    "(D/novalue.conf:2:2)"); /* 20 */
        write_file("self.conf", "a { include ./sub/../self.conf }");
        check_file("self.conf",
                "!error parsing include file './sub/../self.conf', the file includes "
                "itself");
        write_file("ring1.conf", "include ring2.conf");
        write_file("ring2.conf", "include ring1.conf");
        check_file("ring1.conf",
                "!error parsing include file 'ring2.conf', error parsing include file "
                "'ring1.conf', the file includes itself");
        write_file("folder.conf", "include sub");
        check_file("folder.conf", "!error parsing include file 'sub', read D/sub: is a directory");
        check_file("gone.conf", "!open D/gone.conf: no such file or directory");
}

static const struct tree_case include_errors[] = {
        { 18, "include [", AT_END("Expected include value but found start of an array") },
        { 18, "include {", AT_END("Expected include value but found start of a map") },
        { 18, "include (", AT_END("Expected include value but found start of a block") },
        { 18, "include 1", AT_END("Expected include value but found start of a number") },
        { 18, "include -", AT_END("Expected include value but found start of a number") },
        { 18, "include \\", AT_END("Expected include value but found escape sequence") },
        { 18, "include \n", "!Parse error on line 2: 'Expected include value but found new line'" },
        { 18, "include 'x", AT_END("Unexpected EOF in quoted include") },
        { 18, "m {INCLUDE \"x", AT_END("Unexpected EOF in double quoted include") },
};

static void test_include_errors(void **state)
{
        check_cases(include_errors, ARRAY_N(include_errors), false);
}

/* Row 31: the digest, and what it does not depend on. */
static void test_digest(void **state)
{
        static const struct {
                const char *text, *digest;
        } cases[] = {
                { "foo = bar", "226e49e13d16e5e8aa0d62e58cd63361bf097d3e2b2444aa3044334628a2e8de" },
                { "port: -1", "7ea4cc5c6864139d814ce940a40ee6546b7ac5285eec3c390a4ce11e34dc1102" },
                { "port: -1\nmax_connections: 10",
                        "508a26309068f62c3022aa8951e712ed8ff5dd6f2360f727ad8242a2a233176e" },
                { "# c\n\"max_connections\" 10; { port = -1 }",
                        "508a26309068f62c3022aa8951e712ed8ff5dd6f2360f727ad8242a2a233176e" },
                /* Computed with nats-server 2.15: escapes, floats, dates, nesting, variables. */
                { "z {b [1.5, 2.0, \"<&>\\x7f\\x01\\x80\"], a 2016-05-04T18:53:41Z}; y = $z; x "
                  "yes; "
                  "w 0.0000001; v 1234567890123456789012345.0; u \"\\\\\\\"\\n\\r\\t\"; t "
                  "\"\xe2\x80\xa8\"",
                        "416ec9c555df2af4faa1347b8cf88db80f443a2839f694779ba693303eff8d1a" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct arena *arena = arena_new();
                struct errbuf eb;
                char digest[CONF_DIGEST_BYTES];
                struct conf_value *root = conf_parse(arena, slice_str(cases[i].text), "F", 0, &eb);
                assert_non_null(root);
                conf_digest(root, digest);
                assert_memory_equal(digest, "sha256:", 7);
                assert_string_equal(digest + 7, cases[i].digest);
                arena_free(arena);
        }
}

/* Row 32: the definition of a variable stays in the tree and is marked as used. */
static void test_used(void **state)
{
        struct arena *arena = arena_new();
        struct errbuf eb;
        struct conf_value *root = conf_parse(arena, SLICE_LIT("x = 1; y = 2; z = $x"), "F", 0, &eb);
        assert_non_null(root);
        assert_true(conf_map_get(root, SLICE_LIT("x"))->used);
        assert_false(conf_map_get(root, SLICE_LIT("y"))->used);
        assert_false(conf_map_get(root, SLICE_LIT("z"))->used);
        arena_free(arena);
}

/* Keys: a duplicate replaces the whole value in its old place; case makes another key. */
static void test_duplicates(void **state)
{
        struct buf text;
        buf_init(&text);
        for (int round = 0; round < 2; round++)
                for (int i = 0; i < 500; i++)
                        buf_printf(&text, "key%d = %d\n", i, i + round);
        struct arena *arena = arena_new();
        struct errbuf eb;
        struct conf_value *root = conf_parse(arena, buf_slice(&text), "F", 0, &eb);
        assert_non_null(root);
        assert_int_equal(root->as.map->n, 500);
        for (int i = 0; i < 500; i++) {
                char key[16];
                snprintf(key, sizeof key, "key%d", i);
                assert_int_equal(conf_map_get(root, slice_str(key))->as.integer, i + 1);
                assert_int_equal(root->as.map->entries[i].value->as.integer, i + 1);
        }
        assert_null(conf_map_get(root, SLICE_LIT("key500")));
        arena_free(arena);
        buf_fini(&text);
        char *got = parse("a {b 1}; a {c 2}; A 3", 21, false);
        assert_string_equal(got, "a={c=2} A=3");
        xfree(got);
}

/* Row 30, and the bounds: hostile text ends in an error, soon. */
static void test_bounds(void **state)
{
        struct buf text;
        buf_init(&text);
        for (int i = 0; i < 10000; i++)
                buf_append_str(&text, "a{");
        char *got = parse(text.ptr, text.len, false);
        assert_string_equal(got, "!config is invalid (F:1:20000)");
        xfree(got);
        buf_clear(&text);
        for (int i = 0; i < 10000; i++)
                buf_append_str(&text, "a {");
        got = parse(text.ptr, text.len, false);
        assert_string_equal(got, "!Parse error on line 1: 'Nesting is too deep.'");
        xfree(got);
        buf_clear(&text);
        for (int i = 0; i < 10000; i++)
                buf_append_str(&text, "{");
        got = parse(text.ptr, text.len, false);
        assert_string_equal(got, "!Parse error on line 1: 'Nesting is too deep.'");
        xfree(got);
        buf_clear(&text);
        /* Each line doubles what the one before means. */
        buf_append_str(&text, "v0 = [a, b]\n");
        for (int i = 1; i < 60; i++)
                buf_printf(&text, "v%d = [$v%d, $v%d]\n", i, i - 1, i - 1);
        got = parse(text.ptr, text.len, false);
        assert_string_equal(got, "!Too many values: the limit is 4000000.");
        xfree(got);
        buf_clear(&text);
        buf_append_str(&text, "v0 = [a]\n");
        for (int i = 1; i < 200; i++)
                buf_printf(&text, "v%d = [$v%d]\n", i, i - 1);
        got = parse(text.ptr, text.len, false);
        assert_string_equal(got, "!Nesting is too deep.");
        xfree(got);
        buf_fini(&text);
}

/* A NUL byte ends things as the end of the text does. */
static void test_nul(void **state)
{
        static const struct {
                const char *text;
                size_t len;
                const char *want;
        } cases[] = {
                { "a=1\0b=2", 7, "a=1 b=2" },
                { "\0", 1, "!Parse error on line 1: 'Unexpected EOF.'" },
                { "a \"x\0\"", 6, "!Parse error on line 1: 'Unexpected EOF.'" },
                { "a\0", 2, "!config is invalid (F:1:1)" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char *got = parse(cases[i].text, cases[i].len, false);
                assert_string_equal(got, cases[i].want);
                xfree(got);
        }
}

/* Row 30: every prefix of a rich text, and every text with one byte replaced, ends. */
static void test_mutations(void **state)
{
        static const char rich[] = "a=1;b {c:[x,'y',\"z\\x41\"], d (\nt\n)\n}\n{e "
                                   "2016-05-04T18:53:41Z #c\n}\nf $a 1.2.3\n";
        static const char bytes[] = "{}[]()=:;,'\"\\#/$ \n\0a1.-";
        char text[sizeof rich];
        for (size_t i = 0; i < sizeof rich; i++) {
                xfree(parse(rich, i, false));
                for (size_t j = 0; j < sizeof bytes; j++) {
                        memcpy(text, rich, sizeof rich);
                        text[i] = bytes[j];
                        struct lexer lx;
                        struct lex_item item;
                        int items = 0;
                        lexer_init(&lx, slice_of(text, sizeof rich - 1));
                        do
                                lexer_next(&lx, &item);
                        while (item.type != LEX_EOF && item.type != LEX_ERROR && ++items < 200);
                        assert_true(items < 200);
                        lexer_fini(&lx);
                        xfree(parse(text, sizeof rich - 1, true));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_behaviours),
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_includes),
                cmocka_unit_test(test_include_errors),
                cmocka_unit_test(test_digest),
                cmocka_unit_test(test_used),
                cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_nul),
                cmocka_unit_test(test_mutations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
