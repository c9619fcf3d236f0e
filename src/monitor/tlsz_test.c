/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/tlsz.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/mem.h"
#include "conf/options.h"
#include "monitor/failures.h"
#include "tls/facts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define T0 (1787323811ULL * NS_PER_SEC) /* 2026-08-21T14:50:11Z */

static char san_host[] = "nats.example.com", san_ip[] = "192.0.2.1";
static char *names[] = { san_host, san_ip };

static struct tls_failure *failure(enum tls_reason reason, const char *ip)
{
        struct tls_failure *made = xnew(struct tls_failure);
        tls_verdict_set(&made->verdict, reason, "why <%s>", ip);
        snprintf(made->ip, sizeof made->ip, "%s", ip);
        made->listener = "client";
        made->port = 1234;
        made->cid = 5;
        made->at_ns = T0;
        return made;
}

static char *render(const struct tlsz *page)
{
        struct buf out = { 0 };
        tlsz_render(page, &out);
        return buf_take_str(&out);
}

static void nothing_configured(void **state)
{
        const struct options opts = { .config_digest = "" };
        const uint64_t failed[TLS_REASON_COUNT] = { 0 };
        struct failure_ring *ring = failure_ring_new(4);
        const struct tlsz page = { .server_id = "NID",
                .now_ns = T0,
                .options = &opts,
                .failed = failed,
                .failures = ring,
                .probes = ring,
                .reason = "",
                .limit = 1024 };
        (void)state;
        char *text = render(&page);
        assert_string_equal(text,
                "{\n  \"server_id\": \"NID\",\n  \"now\": \"2026-08-21T14:50:11Z\",\n"
                "  \"contexts\": [],\n  \"handshakes\": {\n    \"failed\": 0,\n    \"probes\": 0,\n"
                "    \"failed_by_reason\": {},\n    \"probes_by_reason\": {}\n  },\n"
                "  \"offset\": 0,\n  \"limit\": 1024,\n  \"failures\": [],\n  \"probes\": [],\n"
                "  \"total\": 0\n}");
        xfree(text);
        failure_ring_free(ring);
}

static void everything(void **state)
{
        struct tls_pair_options pair = { "server.pem", "server-key.pem" };
        const struct options opts = { .config_digest = "",
                .tls = { .enabled = true,
                        .pairs = &pair,
                        .pair_n = 1,
                        .ca_file = "ca.pem",
                        .verify = true,
                        .min_version = TLS_VERSION_1_3 } };
        struct tls_cert_facts cert = { .subject = (char *)"CN=server",
                .issuer = (char *)"CN=ca",
                .serial = (char *)"1F",
                .names = names,
                .name_n = 2,
                .not_before_s = (int64_t)(T0 / NS_PER_SEC) - 60,
                .not_after_s = (int64_t)(T0 / NS_PER_SEC),
                .sha256 = "ab",
                .key = "ECDSA P-256",
                .chain_n = 1 };
        struct tls_cert_facts ca = { .subject = (char *)"CN=ca",
                .issuer = (char *)"CN=ca",
                .serial = (char *)"1",
                .sha256 = "cd",
                .key = "RSA 2048" };
        const struct tls_facts facts = { &cert, 1, &ca, 1, 1, "good",
                (int64_t)(T0 / NS_PER_SEC) - 60, (int64_t)(T0 / NS_PER_SEC) };
        const struct tls_rotation rotation = { .watching = true,
                .taken_n = 2,
                .refused_n = 1,
                .taken_ns = T0,
                .refused_ns = T0 + NS_PER_SEC,
                .refusal = "too old" };
        const uint64_t failed[TLS_REASON_COUNT] = {
                [TLS_REASON_EXPIRED] = 3, [TLS_REASON_CIPHER] = 1, [TLS_REASON_PROBE] = 7
        };
        struct failure_ring *failures = failure_ring_new(4), *probes = failure_ring_new(4);
        struct tls_failure *bad = failure(TLS_REASON_EXPIRED, "10.0.0.1");
        tls_verdict_set_cert(&bad->verdict, SLICE_LIT("CN=client"), "ef");
        tls_verdict_set_issuer(&bad->verdict, SLICE_LIT("CN=ca"), 1, 2);
        tls_verdict_set_sni(&bad->verdict, SLICE_LIT("nats.example.com"));
        bad->verdict.alert = 45;
        failure_ring_add(failures, bad);
        failure_ring_add(probes, failure(TLS_REASON_PROBE, "10.0.0.2"));
        const struct tlsz page = { .server_id = "NID",
                .now_ns = T0,
                .options = &opts,
                .facts = &facts,
                .rotation = &rotation,
                .failed = failed,
                .failures = failures,
                .probes = probes,
                .reason = "expired",
                .limit = 10 };
        (void)state;
        char *text = render(&page);
        assert_string_equal(text,
                "{\n  \"server_id\": \"NID\",\n  \"now\": \"2026-08-21T14:50:11Z\",\n"
                "  \"contexts\": [\n    {\n      \"listener\": \"client\",\n"
                "      \"min_version\": \"1.3\",\n      \"verify\": true,\n"
                "      \"handshake_first\": false,\n      \"certificates\": [\n        {\n"
                "          \"subject\": \"CN=server\",\n          \"issuer\": \"CN=ca\",\n"
                "          \"serial\": \"1F\",\n          \"names\": [\n"
                "            \"nats.example.com\",\n            \"192.0.2.1\"\n          ],\n"
                "          \"not_before\": \"2026-08-21T14:49:11Z\",\n"
                "          \"not_after\": \"2026-08-21T14:50:11Z\",\n"
                "          \"key\": \"ECDSA P-256\",\n          \"cert_sha256\": \"ab\",\n"
                "          \"intermediates\": 1,\n          \"cert_file\": \"server.pem\"\n"
                "        }\n      ],\n      \"staple\": {\n        \"status\": \"good\",\n"
                "        \"this_update\": \"2026-08-21T14:49:11Z\",\n"
                "        \"next_update\": \"2026-08-21T14:50:11Z\"\n      },\n"
                "      \"ca_file\": \"ca.pem\",\n"
                "      \"authority_count\": 1,\n      \"authorities\": [\n        {\n"
                "          \"subject\": \"CN=ca\",\n          \"issuer\": \"CN=ca\",\n"
                "          \"serial\": \"1\",\n          \"not_before\": "
                "\"1970-01-01T00:00:00Z\",\n"
                "          \"not_after\": \"1970-01-01T00:00:00Z\",\n"
                "          \"key\": \"RSA 2048\",\n          \"cert_sha256\": \"cd\"\n"
                "        }\n      ],\n      \"files\": {\n        \"watched\": true,\n"
                "        \"taken\": 2,\n        \"last_taken\": \"2026-08-21T14:50:11Z\",\n"
                "        \"refused\": 1,\n        \"last_refused\": \"2026-08-21T14:50:12Z\",\n"
                "        \"not_used_because\": \"too old\"\n      }\n    }\n  ],\n"
                "  \"handshakes\": {\n    \"failed\": 4,\n    \"probes\": 7,\n"
                "    \"failed_by_reason\": {\n      \"cipher\": 1,\n      \"expired\": 3\n    },\n"
                "    \"probes_by_reason\": {\n      \"probe\": 7\n    }\n  },\n"
                "  \"offset\": 0,\n  \"limit\": 10,\n  \"failures\": [\n    {\n"
                "      \"reason\": \"expired\",\n      \"side\": \"ours\",\n"
                "      \"error\": \"why \\u003c10.0.0.1\\u003e\",\n"
                "      \"rule\": \"the certificate must be within its dates\",\n"
                "      \"remedy\": \"renew the certificate; check the clocks of both machines\",\n"
                "      \"alert\": 45,\n      \"alert_name\": \"expired certificate\",\n"
                "      \"listener\": \"client\",\n      \"ip\": \"10.0.0.1\",\n"
                "      \"port\": 1234,\n      \"cid\": 5,\n"
                "      \"server_name\": \"nats.example.com\",\n      \"certificate\": {\n"
                "        \"subject\": \"CN=client\",\n        \"issuer\": \"CN=ca\",\n"
                "        \"not_before\": \"1970-01-01T00:00:01Z\",\n"
                "        \"not_after\": \"1970-01-01T00:00:02Z\",\n"
                "        \"cert_sha256\": \"ef\"\n      },\n      \"count\": 1,\n"
                "      \"first\": \"2026-08-21T14:50:11Z\",\n"
                "      \"last\": \"2026-08-21T14:50:11Z\"\n    }\n  ],\n  \"probes\": [],\n"
                "  \"total\": 1\n}");
        xfree(text);
        failure_ring_free(failures);
        failure_ring_free(probes);
}

static void pages(void **state)
{
        const struct options opts = { .config_digest = "" };
        const uint64_t failed[TLS_REASON_COUNT] = { 0 };
        struct failure_ring *failures = failure_ring_new(9), *probes = failure_ring_new(1);
        static const char *const ips[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(ips); i++)
                failure_ring_add(failures, failure(TLS_REASON_EXPIRED, ips[i]));
        const struct tlsz page = { .server_id = "NID",
                .options = &opts,
                .failed = failed,
                .failures = failures,
                .probes = probes,
                .reason = "",
                .offset = 1,
                .limit = 1 };
        char *text = render(&page);
        json_t *json = json_parse(slice_str(text), NULL);
        json_t *list = json_object_get(json, "failures");
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(
                json_string_value(json_object_get(json_array_get(list, 0), "ip")), "10.0.0.2");
        assert_int_equal(json_integer_value(json_object_get(json, "total")), 3);
        json_decref(json);
        xfree(text);
        failure_ring_free(failures);
        failure_ring_free(probes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_configured),
                cmocka_unit_test(everything),
                cmocka_unit_test(pages),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
