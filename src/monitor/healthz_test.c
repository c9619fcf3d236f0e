/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/healthz.h"
#include "base/buf.h"
#include "monitor/query.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct query_param params[] = {
        { "details", QUERY_BOOL },
        { "account", QUERY_TEXT },
        { "stream", QUERY_TEXT },
        { "consumer", QUERY_TEXT },
        { NULL, QUERY_TEXT },
};

static void test_answers(void **unused)
{
        static const struct {
                const char *raw;
                bool up;
                int status;
                const char *body, *problem;
        } cases[] = {
                { "", true, 200, "{\"status\":\"ok\"}", "" },
                { "details=1", true, 200, "{\"status\":\"ok\"}", "" },
                { "account=A&stream=S&consumer=C", true, 200, "{\"status\":\"ok\"}", "" },
                { "stream=S", true, 400,
                        "{\"status\":\"error\",\"error\":\"\\\"account\\\" must not be empty when "
                        "checking stream health\"}",
                        "\"\\\"account\\\" must not be empty when checking stream health\"" },
                { "stream=S&details=true", true, 400,
                        "{\"status\":\"error\",\"errors\":[{\"type\":\"BAD_REQUEST\",\"error\":"
                        "\"\\\"account\\\" must not be empty when checking stream health\"}]}",
                        "1 errors" },
                { "consumer=C", false, 400,
                        "{\"status\":\"error\",\"error\":\"\\\"stream\\\" must not be empty when "
                        "checking consumer health\"}",
                        "\"\\\"stream\\\" must not be empty when checking consumer health\"" },
                { "", false, 500,
                        "{\"status\":\"error\",\"error\":\"failed to be ready for connections "
                        "after 1ms: server\"}",
                        "\"failed to be ready for connections after 1ms: server\"" },
                { "details=1", false, 500,
                        "{\"status\":\"error\",\"errors\":[{\"type\":\"CONNECTION\",\"error\":"
                        "\"failed to be ready for connections after 1ms: server\"}]}",
                        "1 errors" },
        };
        (void)unused;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct query query;
                struct buf body = { 0 }, problem = { 0 };
                assert_int_equal(query_decode(&query, params, slice_str(cases[i].raw), &body), 0);
                assert_int_equal(
                        healthz_render(&query, cases[i].up, &body, &problem), cases[i].status);
                buf_append_char(&body, '\0');
                buf_append_char(&problem, '\0');
                assert_string_equal(body.ptr, cases[i].body);
                assert_string_equal(problem.ptr, cases[i].problem);
                buf_fini(&body);
                buf_fini(&problem);
                query_fini(&query);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
