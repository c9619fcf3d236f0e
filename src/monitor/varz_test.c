/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/varz.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/version.h"
#include "conf/options.h"
#include "monitor/monitor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0 (1787323811ULL * NS_PER_SEC)

static const char *tags[] = { "a:1", "b" };
static const char *keys[] = { "zone", "area" };
static const char *values[] = { "z", "<a>" };

static struct options plain_options(void)
{
        return (struct options){
                .config_digest = "",
                .auth = { .user = "", .password = "", .token = "", .no_auth_user = "" },
                .client = { .host = "0.0.0.0", .port = 4222 },
                .limits = { .max_connections = 65536,
                        .max_control_line_bytes = 4096,
                        .max_payload_bytes = 1048576,
                        .max_pending_bytes = 67108864 },
                .timing = { .ping_interval_ns = 120 * (int64_t)NS_PER_SEC,
                        .ping_max = 2,
                        .write_deadline_ns = 10 * (int64_t)NS_PER_SEC,
                        .auth_timeout_ns = 2 * (int64_t)NS_PER_SEC },
                .monitor = { .host = "0.0.0.0", .http_port = 8222, .base_path = "" },
                .tls = { .timeout_ns = 2 * (int64_t)NS_PER_SEC },
        };
}

static void check(const struct monitor_env *env, const struct varz_numbers *n, const char *want)
{
        struct buf out = { 0 };
        varz_render(env, n, &out);
        buf_append_char(&out, '\0');
        assert_string_equal(out.ptr, want);
        buf_fini(&out);
}

#define PARTS                                                                                      \
        "  \"cluster\": {},\n  \"gateway\": {},\n  \"leaf\": {},\n  \"mqtt\": {},\n"               \
        "  \"websocket\": {},\n  \"jetstream\": {},\n"
#define KINDS(n)                                                                                   \
        "    \"clients\": " #n                                                                     \
        ",\n    \"routes\": 0,\n    \"gateways\": 0,\n    \"leafs\": 0\n  },\n"
#define DISK                                                                                       \
        "  \"disk_io_wait_stats\": {\n    \"waiters\": 0,\n    \"waits\": 0,\n"                    \
        "    \"wait_time\": 0,\n    \"max_wait_time\": 0\n  },\n"

static void test_plain(void **unused)
{
        struct options opts = plain_options();
        const struct monitor_env env = {
                .options = &opts,
                .server_id = "NID",
                .server_name = "NID",
                .start_ns = T0,
                .config_load_ns = T0,
                .client_port = 4222,
        };
        const struct varz_numbers n = {
                .now_ns = T0 + NS_PER_SEC / 2, .rss_bytes = 1234, .cores = 2
        };
        (void)unused;
        check(&env, &n,
                "{\n  \"server_id\": \"NID\",\n  \"server_name\": \"NID\",\n"
                "  \"version\": \"" MIDGE_NATS_LEVEL "\",\n  \"proto\": 1,\n"
                "  \"go\": \"" MIDGE_TOOLCHAIN "\",\n  \"host\": \"0.0.0.0\",\n  \"port\": 4222,\n"
                "  \"max_connections\": 65536,\n  \"ping_interval\": 120000000000,\n"
                "  \"ping_max\": 2,\n  \"http_host\": \"0.0.0.0\",\n  \"http_port\": 8222,\n"
                "  \"http_base_path\": \"\",\n  \"https_port\": 0,\n  \"auth_timeout\": 2,\n"
                "  \"max_control_line\": 4096,\n  \"max_payload\": 1048576,\n"
                "  \"max_pending\": 67108864,\n" PARTS
                "  \"tls_timeout\": 2,\n  \"write_deadline\": 10000000000,\n"
                "  \"start\": \"2026-08-21T14:50:11Z\",\n  \"now\": \"2026-08-21T14:50:11.5Z\",\n"
                "  \"uptime\": \"0s\",\n  \"mem\": 1234,\n  \"cores\": 2,\n  \"gomaxprocs\": 2,\n"
                "  \"cpu\": 0,\n  \"connections\": 0,\n  \"total_connections\": 0,\n"
                "  \"routes\": 0,\n  \"remotes\": 0,\n  \"leafnodes\": 0,\n  \"in_msgs\": 0,\n"
                "  \"in_bytes\": 0,\n  \"in_client_msgs\": 0,\n  \"in_client_bytes\": 0,\n"
                "  \"out_msgs\": 0,\n  \"out_bytes\": 0,\n  \"out_client_msgs\": 0,\n"
                "  \"out_client_bytes\": 0,\n  \"slow_consumers\": 0,\n"
                "  \"stale_connections\": 0,\n  \"stalled_clients\": 0,\n  \"subscriptions\": 0,\n"
                "  \"http_req_stats\": {},\n  \"config_load_time\": \"2026-08-21T14:50:11Z\",\n"
                "  \"config_digest\": \"\",\n  \"slow_consumer_stats\": {\n" KINDS(
                        0) "  \"stale_connection_stats\": {\n" KINDS(0) DISK
                "  \"midge\": \"" MIDGE_VERSION "\"\n}");
}

static void test_everything(void **unused)
{
        struct options opts = plain_options();
        opts.limits.max_subscriptions = 10;
        opts.monitor = (struct monitor_options){ "::1", 0, -1, "nats/" };
        opts.timing.auth_timeout_ns = 1500 * (int64_t)NS_PER_MS;
        opts.timing.write_timeout = WRITE_TIMEOUT_RETRY;
        opts.tls = (struct tls_options){
                .enabled = true, .verify = true, .timeout_ns = 500 * (int64_t)NS_PER_MS
        };
        opts.config_digest = "sha256:00";
        opts.auth.token = "t";
        opts.about.tags = tags;
        opts.about.tag_n = 2;
        opts.about.keys = keys;
        opts.about.values = values;
        opts.about.metadata_n = 2;
        const struct monitor_env env = {
                .options = &opts,
                .server_id = "NID",
                .server_name = "name",
                .git_commit = "abc",
                .start_ns = T0,
                .config_load_ns = T0 + 1,
                .client_port = 5000,
        };
        const struct varz_hit hits[] = { { "/", 1 }, { "/varz", 2 } };
        const struct varz_numbers n = {
                .now_ns = T0 + 93784 * NS_PER_SEC,
                .uptime_ns = 93784 * NS_PER_SEC,
                .rss_bytes = 1,
                .cores = 4,
                .cpu_percent = 12.5,
                .connections = 3,
                .total_connections = 4,
                .subscriptions = 5,
                .cert_not_after = 1787323811,
                .counter = { [STAT_IN_CLIENT_MSGS] = 5,
                        [STAT_IN_CLIENT_BYTES] = 6,
                        [STAT_OUT_CLIENT_MSGS] = 7,
                        [STAT_OUT_CLIENT_BYTES] = 8,
                        [STAT_SLOW_CONSUMERS] = 9,
                        [STAT_STALE_CONNECTIONS] = 10,
                        [STAT_STALLS] = 11 },
                .tls_failed = { [TLS_REASON_TIMEOUT] = 1,
                        [TLS_REASON_EXPIRED] = 3,
                        [TLS_REASON_NOT_TLS] = 1 },
                .hits = hits,
                .hit_n = 2,
        };
        (void)unused;
        check(&env, &n,
                "{\n  \"server_id\": \"NID\",\n  \"server_name\": \"name\",\n"
                "  \"version\": \"" MIDGE_NATS_LEVEL "\",\n  \"proto\": 1,\n"
                "  \"git_commit\": \"abc\",\n"
                "  \"go\": \"" MIDGE_TOOLCHAIN "\",\n  \"host\": \"0.0.0.0\",\n  \"port\": 5000,\n"
                "  \"auth_required\": true,\n  \"tls_required\": true,\n  \"tls_verify\": true,\n"
                "  \"max_connections\": 65536,\n  \"max_subscriptions\": 10,\n"
                "  \"ping_interval\": 120000000000,\n"
                "  \"ping_max\": 2,\n  \"http_host\": \"::1\",\n  \"http_port\": 0,\n"
                "  \"http_base_path\": \"nats/\",\n  \"https_port\": -1,\n"
                "  \"auth_timeout\": 1.5,\n"
                "  \"max_control_line\": 4096,\n  \"max_payload\": 1048576,\n"
                "  \"max_pending\": 67108864,\n" PARTS
                "  \"tls_timeout\": 0.5,\n  \"write_deadline\": 10000000000,\n"
                "  \"write_timeout\": \"retry\",\n"
                "  \"start\": \"2026-08-21T14:50:11Z\",\n  \"now\": \"2026-08-22T16:53:15Z\",\n"
                "  \"uptime\": \"1d2h3m4s\",\n  \"mem\": 1,\n  \"cores\": 4,\n  \"gomaxprocs\": "
                "4,\n"
                "  \"cpu\": 12.5,\n  \"connections\": 3,\n  \"total_connections\": 4,\n"
                "  \"routes\": 0,\n  \"remotes\": 0,\n  \"leafnodes\": 0,\n  \"in_msgs\": 5,\n"
                "  \"in_bytes\": 6,\n  \"in_client_msgs\": 5,\n  \"in_client_bytes\": 6,\n"
                "  \"out_msgs\": 7,\n  \"out_bytes\": 8,\n  \"out_client_msgs\": 7,\n"
                "  \"out_client_bytes\": 8,\n  \"slow_consumers\": 9,\n"
                "  \"stale_connections\": 10,\n  \"stalled_clients\": 11,\n"
                "  \"subscriptions\": 5,\n"
                "  \"http_req_stats\": {\n    \"/\": 1,\n    \"/varz\": 2\n  },\n"
                "  \"config_load_time\": \"2026-08-21T14:50:11.000000001Z\",\n"
                "  \"config_digest\": \"sha256:00\",\n"
                "  \"tags\": [\n    \"a:1\",\n    \"b\"\n  ],\n"
                "  \"metadata\": {\n    \"area\": \"\\u003ca\\u003e\",\n    \"zone\": \"z\"\n  },\n"
                "  \"slow_consumer_stats\": {\n" KINDS(9) "  \"stale_connection_stats\": {\n" KINDS(
                        10) DISK "  \"tls_cert_not_after\": \"2026-08-21T14:50:11Z\",\n"
                                 "  \"midge\": \"" MIDGE_VERSION "\",\n"
                                 "  \"tls_handshakes\": {\n    \"failed\": 4,\n"
                                 "    \"probes\": 1,\n    \"failed_by_reason\": {\n"
                                 "      \"expired\": 3,\n      \"timeout\": 1\n    },\n"
                                 "    \"probes_by_reason\": {\n      \"not_tls\": 1\n"
                                 "    }\n  }\n}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_everything),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
