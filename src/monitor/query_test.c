/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/query.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct query_param params[] = {
        { "text", QUERY_TEXT },
        { "bool", QUERY_BOOL },
        { "int", QUERY_INT },
        { "u64", QUERY_U64 },
        { "state", QUERY_STATE },
        { "subs", QUERY_SUBS },
        { NULL, QUERY_TEXT },
};

struct good {
        const char *raw, *text;
        bool flag;
        int64_t number;
        uint64_t natural;
        int state, subs;
};

static void test_good(void **unused)
{
        static const struct good cases[] = {
                { .raw = "", .text = "" },
                { .raw = "other=1", .text = "" },
                { .raw = "text=&bool=&int=&u64=&state=&subs=", .text = "" },
                { .raw = "text=a%20b+c&text=d", .text = "a b c" },
                { .raw = "bool=1", .text = "", .flag = true },
                { .raw = "bool=t", .text = "", .flag = true },
                { .raw = "bool=T", .text = "", .flag = true },
                { .raw = "bool=TRUE", .text = "", .flag = true },
                { .raw = "bool=true", .text = "", .flag = true },
                { .raw = "bool=True", .text = "", .flag = true },
                { .raw = "bool=0", .text = "" },
                { .raw = "bool=False&bool=1", .text = "" },
                { .raw = "int=12", .text = "", .number = 12 },
                { .raw = "int=-12", .text = "", .number = -12 },
                { .raw = "int=%2B7", .text = "", .number = 7 },
                { .raw = "int=00000000000000000000000012", .text = "", .number = 12 },
                { .raw = "int=9223372036854775807", .text = "", .number = INT64_MAX },
                { .raw = "int=-9223372036854775808", .text = "", .number = INT64_MIN },
                { .raw = "u64=18446744073709551615", .text = "", .natural = UINT64_MAX },
                { .raw = "u64=0", .text = "" },
                { .raw = "state=OPEN", .text = "", .state = QUERY_STATE_OPEN },
                { .raw = "state=Closed", .text = "", .state = QUERY_STATE_CLOSED },
                { .raw = "state=any", .text = "", .state = QUERY_STATE_ALL },
                { .raw = "state=aLL", .text = "", .state = QUERY_STATE_ALL },
                { .raw = "subs=DETAIL", .text = "", .subs = QUERY_SUBS_DETAIL },
                { .raw = "subs=1", .text = "", .subs = QUERY_SUBS_LIST },
                { .raw = "subs=f", .text = "", .subs = QUERY_SUBS_NONE },
        };
        (void)unused;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct good *c = &cases[i];
                struct query query;
                struct buf error = { 0 };
                assert_int_equal(query_decode(&query, params, slice_str(c->raw), &error), 0);
                assert_int_equal(error.len, 0);
                assert_string_equal(query_text(&query, "text"), c->text);
                assert_int_equal(query_bool(&query, "bool"), c->flag);
                assert_true(query_int(&query, "int") == c->number);
                assert_true(query_u64(&query, "u64") == c->natural);
                assert_int_equal(query_int(&query, "state"), c->state);
                assert_int_equal(query_int(&query, "subs"), c->subs);
                query_fini(&query);
        }
}

static void test_refused(void **unused)
{
        static const struct {
                const char *raw, *error;
        } cases[] = {
                { "bool=yes", "Error decoding boolean for 'bool': strconv.ParseBool: parsing "
                              "\"yes\": invalid syntax" },
                { "bool=tRUE", "Error decoding boolean for 'bool': strconv.ParseBool: parsing "
                               "\"tRUE\": invalid syntax" },
                { "bool=%22%0a", "Error decoding boolean for 'bool': strconv.ParseBool: parsing "
                                 "\"\\\"\\n\": invalid syntax" },
                { "int=1.5", "Error decoding int for 'int': strconv.Atoi: parsing \"1.5\": "
                             "invalid syntax" },
                { "int=-", "Error decoding int for 'int': strconv.Atoi: parsing \"-\": "
                           "invalid syntax" },
                { "int=9223372036854775808", "Error decoding int for 'int': strconv.Atoi: parsing "
                                             "\"9223372036854775808\": value out of range" },
                { "int=-9223372036854775809", "Error decoding int for 'int': strconv.Atoi: parsing "
                                              "\"-9223372036854775809\": value out of range" },
                { "u64=-1", "Error decoding uint64 for 'u64': strconv.ParseUint: parsing \"-1\": "
                            "invalid syntax" },
                { "u64=18446744073709551616",
                        "Error decoding uint64 for 'u64': strconv.ParseUint: parsing "
                        "\"18446744073709551616\": value out of range" },
                { "state=half", "Error decoding state for half" },
                { "subs=details", "Error decoding boolean for 'subs': strconv.ParseBool: parsing "
                                  "\"details\": invalid syntax" },
                /* the order is that of the row, not of the request */
                { "subs=x&u64=y&bool=z", "Error decoding boolean for 'bool': strconv.ParseBool: "
                                         "parsing \"z\": invalid syntax" },
        };
        (void)unused;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct query query;
                struct buf error = { 0 };
                assert_int_equal(
                        query_decode(&query, params, slice_str(cases[i].raw), &error), ERR_INVALID);
                buf_append_char(&error, '\0');
                assert_string_equal(error.ptr, cases[i].error);
                buf_fini(&error);
                query_fini(&query);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
