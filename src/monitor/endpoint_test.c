/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "monitor/http_server.h"
#include "monitor/monitor_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_find(void **unused)
{
        static const struct {
                const char *base, *path;
                enum endpoint want;
        } cases[] = {
                { "/", "/", ENDPOINT_ROOT },
                { "/", "/varz", ENDPOINT_VARZ },
                { "/", "/connz", ENDPOINT_CONNZ },
                { "/", "/healthz", ENDPOINT_HEALTHZ },
                { "/", "/subsz", ENDPOINT_SUBSZ },
                { "/", "/subscriptionsz", ENDPOINT_SUBSCRIPTIONSZ },
                { "/", "/varz/", ENDPOINT_COUNT },
                { "/", "/Varz", ENDPOINT_COUNT },
                { "/", "/var", ENDPOINT_COUNT },
                { "/", "", ENDPOINT_COUNT },
                { "/nats", "/nats", ENDPOINT_ROOT },
                { "/nats", "/nats/varz", ENDPOINT_VARZ },
                { "/nats", "/nats/", ENDPOINT_COUNT },
                { "/nats", "/varz", ENDPOINT_COUNT },
                { "/nats", "/", ENDPOINT_COUNT },
                { "/nats", "/natsvarz", ENDPOINT_COUNT },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                assert_int_equal(
                        endpoint_find(cases[i].base, slice_str(cases[i].path)), cases[i].want);
}

/* http_req_stats is a map: its keys must come in byte order, each only once. */
static void test_order_of_rows(void **unused)
{
        (void)unused;
        for (int i = 1; i < ENDPOINT_COUNT; i++)
                assert_true(strcmp(endpoint_path((enum endpoint)(i - 1)),
                                    endpoint_path((enum endpoint)i)) < 0);
}

static void test_date(void **unused)
{
        static const struct {
                uint64_t seconds;
                const char *want;
        } cases[] = {
                { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
                { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
                { 1709251199, "Thu, 29 Feb 2024 23:59:59 GMT" },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char text[40];
                http_date(cases[i].seconds * NS_PER_SEC + 999, text, sizeof text);
                assert_string_equal(text, cases[i].want);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_order_of_rows),
                cmocka_unit_test(test_date),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
