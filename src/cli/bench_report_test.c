/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/bench_conn.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static struct bench_result result;
static struct bench_options opts;
static char *text;

static void reset(enum bench_mode mode)
{
        opts = (struct bench_options){
                .mode = mode, .size = 16, .clients = 2, .subscribers = 3, .threads = 1
        };
        result = (struct bench_result){ .server_cpu_s = -1 };
        hist_init(&result.latency);
        hist_init(&result.lag);
}

static void report(void)
{
        size_t size;
        xfree(text);
        FILE *out = open_memstream(&text, &size);
        bench_report(&opts, &result, out);
        fclose(out);
}

static int free_text(void **state)
{
        (void)state;
        xfree(text);
        return 0;
}

static void json_of_a_flow(void **state)
{
        (void)state;
        reset(BENCH_FANOUT);
        opts.json = opts.tls = true;
        result.seconds = 0.5;
        result.done = 100;
        result.delivered = 300;
        result.expected = 300;
        result.server_cpu_s = 0.03;
        result.load_cpu_s = 0.25;
        result.server_rss_bytes = 5000;
        result.server_rss_before_bytes = 4000;
        report();
        assert_string_equal(text, "{\n"
                                  "  \"mode\": \"fanout\",\n"
                                  "  \"tls\": true,\n"
                                  "  \"size\": 16,\n"
                                  "  \"clients\": 2,\n"
                                  "  \"subscribers\": 3,\n"
                                  "  \"threads\": 1,\n"
                                  "  \"rate\": 0,\n"
                                  "  \"seconds\": 0.5,\n"
                                  "  \"done\": 100,\n"
                                  "  \"done_per_s\": 200,\n"
                                  "  \"delivered\": 300,\n"
                                  "  \"delivered_per_s\": 600,\n"
                                  "  \"expected\": 300,\n"
                                  "  \"errors\": 0,\n"
                                  "  \"interrupted\": false,\n"
                                  "  \"server_cpu_s\": 0.03,\n"
                                  "  \"server_cpu_s_per_million\": 100,\n"
                                  "  \"load_cpu_s\": 0.25,\n"
                                  "  \"server_rss_bytes\": 5000,\n"
                                  "  \"server_rss_before_bytes\": 4000\n"
                                  "}\n");
}

static void json_of_requests(void **state)
{
        (void)state;
        reset(BENCH_REQUEST);
        opts.json = true;
        opts.rate = 10;
        result.seconds = 2;
        result.done = 4;
        result.errors = 1;
        result.interrupted = true;
        for (uint64_t us = 1; us <= 4; us++)
                hist_add(&result.latency, us * 1000 * 32);
        hist_add(&result.lag, 500);
        report();
        assert_string_equal(text, "{\n"
                                  "  \"mode\": \"request\",\n"
                                  "  \"tls\": false,\n"
                                  "  \"size\": 16,\n"
                                  "  \"clients\": 2,\n"
                                  "  \"subscribers\": 3,\n"
                                  "  \"threads\": 1,\n"
                                  "  \"rate\": 10,\n"
                                  "  \"seconds\": 2,\n"
                                  "  \"done\": 4,\n"
                                  "  \"done_per_s\": 2,\n"
                                  "  \"delivered\": 0,\n"
                                  "  \"delivered_per_s\": 0,\n"
                                  "  \"expected\": 0,\n"
                                  "  \"errors\": 1,\n"
                                  "  \"interrupted\": true,\n"
                                  "  \"latency\": {\n"
                                  "    \"min_us\": 32,\n"
                                  "    \"mean_us\": 80,\n"
                                  "    \"p50_us\": 64.256,\n"
                                  "    \"p90_us\": 128,\n"
                                  "    \"p99_us\": 128,\n"
                                  "    \"p999_us\": 128,\n"
                                  "    \"max_us\": 128\n"
                                  "  },\n"
                                  "  \"lag\": {\n"
                                  "    \"min_us\": 0.5,\n"
                                  "    \"mean_us\": 0.5,\n"
                                  "    \"p50_us\": 0.5,\n"
                                  "    \"p90_us\": 0.5,\n"
                                  "    \"p99_us\": 0.5,\n"
                                  "    \"p999_us\": 0.5,\n"
                                  "    \"max_us\": 0.5\n"
                                  "  }\n"
                                  "}\n");
}

static void table_of_an_unfinished_flow(void **state)
{
        (void)state;
        reset(BENCH_PAIR);
        result.seconds = 2;
        result.done = 1000;
        result.delivered = 900;
        result.expected = 2000;
        result.errors = 1;
        result.interrupted = true;
        result.server_cpu_s = 0.5;
        result.server_rss_bytes = 7400000;
        result.server_rss_before_bytes = 7000000;
        report();
        assert_string_equal(text, "scenario         pair, plain, 16 bytes, 2 clients\n"
                                  "time             2.000 s, interrupted\n"
                                  "published        1000 (500/s)\n"
                                  "delivered        900 (450/s)\n"
                                  "missing          1100\n"
                                  "errors           1\n"
                                  "server CPU       0.500 s, 500.000 s per million\n"
                                  "server memory    7.4 MB, before 7.0 MB\n");
}

static void table_of_idle_connections(void **state)
{
        (void)state;
        reset(BENCH_IDLE);
        opts.tls = true;
        result.seconds = 1;
        result.done = 100;
        result.server_cpu_s = 0;
        result.server_rss_bytes = 300000;
        result.server_rss_before_bytes = 100000;
        hist_add(&result.latency, 1500);
        report();
        assert_string_equal(text,
                "scenario         idle, TLS, 2 clients\n"
                "time             1.000 s\n"
                "connections      100 (100/s)\n"
                "latency          p50 1.5  p90 1.5  p99 1.5  p99.9 1.5  max 1.5 µs\n"
                "server CPU       0.000 s, 0.000 s per million\n"
                "server memory    0.3 MB, before 0.1 MB, 2000 bytes per connection\n");
}

static void subscriptions(void **state)
{
        (void)state;
        reset(BENCH_SUBS);
        opts.json = true;
        opts.subscriptions = 1000;
        result.seconds = 2;
        result.prepare_s = 0.5;
        result.prepare_cpu_s = 0.002;
        result.done = result.delivered = result.expected = 400;
        result.server_cpu_s = 0.001;
        result.load_cpu_s = 0.25;
        result.prepare_rss_bytes = 100000;
        result.server_rss_before_bytes = 250000;
        result.server_rss_bytes = 300000;
        report();
        assert_string_equal(text, "{\n"
                                  "  \"mode\": \"subs\",\n"
                                  "  \"tls\": false,\n"
                                  "  \"size\": 16,\n"
                                  "  \"clients\": 2,\n"
                                  "  \"subscribers\": 3,\n"
                                  "  \"threads\": 1,\n"
                                  "  \"rate\": 0,\n"
                                  "  \"subscriptions\": 1000,\n"
                                  "  \"subscriptions_per_s\": 2000,\n"
                                  "  \"seconds\": 2,\n"
                                  "  \"done\": 400,\n"
                                  "  \"done_per_s\": 200,\n"
                                  "  \"delivered\": 400,\n"
                                  "  \"delivered_per_s\": 200,\n"
                                  "  \"expected\": 400,\n"
                                  "  \"errors\": 0,\n"
                                  "  \"interrupted\": false,\n"
                                  "  \"server_cpu_s\": 0.001,\n"
                                  "  \"server_cpu_s_per_million\": 2.5,\n"
                                  "  \"load_cpu_s\": 0.25,\n"
                                  "  \"server_rss_bytes\": 300000,\n"
                                  "  \"server_rss_before_bytes\": 250000,\n"
                                  "  \"server_cpu_s_per_million_subscriptions\": 2,\n"
                                  "  \"server_bytes_per_subscription\": 150\n"
                                  "}\n");
        opts.json = false;
        report();
        assert_string_equal(text, "scenario         subs, plain, 16 bytes, 2 clients\n"
                                  "time             2.000 s\n"
                                  "subscriptions    1000 (2000/s)\n"
                                  "published        400 (200/s)\n"
                                  "delivered        400 (200/s)\n"
                                  "server CPU       0.001 s, 2.500 s per million\n"
                                  "server memory    0.3 MB, before 0.2 MB, 150 bytes per "
                                  "subscription\n");
}

static void other_titles(void **state)
{
        static const struct {
                enum bench_mode mode;
                const char *want;
        } cases[] = {
                { BENCH_PUB, "scenario         pub, plain, 16 bytes, 1 client\n"
                             "time             0.000 s\n"
                             "published        0 (0/s)\n" },
                { BENCH_SUB, "scenario         sub, plain, 16 bytes, 1 client\n"
                             "time             0.000 s\n" },
                { BENCH_FANOUT, "scenario         fanout, plain, 16 bytes, 1 to 3\n"
                                "time             0.000 s\n"
                                "published        0 (0/s)\n" },
                { BENCH_REQUEST, "scenario         request, plain, 16 bytes, 1 client\n"
                                 "time             0.000 s\n"
                                 "replies          0 (0/s)\n" },
                { BENCH_CONNECT, "scenario         connect, plain, 1 client\n"
                                 "time             0.000 s\n"
                                 "connections      0 (0/s)\n" },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                reset(cases[i].mode);
                opts.clients = 1;
                report();
                assert_string_equal(text, cases[i].want);
        }
}

static void message_lines(void **state)
{
        static const struct {
                const char *bytes;
                enum bench_msg_result result;
                const char *subject, *reply;
                size_t line_bytes, size;
        } cases[] = {
                { "MSG a.b 1 5\r\nhello\r\n", BENCH_MSG, "a.b", "", 13, 5 },
                { "MSG a 1 _INBOX.x 0\r\n", BENCH_MSG, "a", "_INBOX.x", 20, 0 },
                { "HMSG a 1 12 17\r\n", BENCH_MSG, "a", "", 16, 17 },
                { "HMSG a 1 r 12 17\r\n", BENCH_MSG, "a", "r", 18, 17 },
                { "MSG a 1 5", BENCH_MSG_PARTIAL, "", "", 0, 0 },
                { "MSG ", BENCH_MSG_PARTIAL, "", "", 0, 0 },
                { "MS", BENCH_NO_MSG, "", "", 0, 0 },
                { "PING\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "MSG a 5\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "MSG a 1 r x 5\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "MSG a 1 -5\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "MSG a 1 1234567890\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "HMSG a 1 17\r\n", BENCH_NO_MSG, "", "", 0, 0 },
                { "MSG \n", BENCH_NO_MSG, "", "", 0, 0 },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct bench_msg msg = { 0 };
                assert_int_equal(bench_read_msg(slice_str(cases[i].bytes), &msg), cases[i].result);
                if (cases[i].result != BENCH_MSG)
                        continue;
                assert_true(slice_eq_str(msg.subject, cases[i].subject));
                assert_true(slice_eq_str(msg.reply, cases[i].reply));
                assert_int_equal(msg.line_bytes, cases[i].line_bytes);
                assert_int_equal(msg.size, cases[i].size);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_of_a_flow),
                cmocka_unit_test(json_of_requests),
                cmocka_unit_test(table_of_an_unfinished_flow),
                cmocka_unit_test(table_of_idle_connections),
                cmocka_unit_test(other_titles),
                cmocka_unit_test(subscriptions),
                cmocka_unit_test(message_lines),
        };
        return cmocka_run_group_tests(tests, NULL, free_text);
}
