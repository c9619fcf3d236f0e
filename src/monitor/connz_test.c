/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/connz.h"
#include "base/buf.h"
#include "base/macros.h"
#include "monitor/pick.h"
#include "monitor/query.h"
#include "peer/peer_info.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct query_param params[] = {
        { "sort", QUERY_TEXT },
        { "auth", QUERY_BOOL },
        { "subs", QUERY_SUBS },
        { "offset", QUERY_INT },
        { "limit", QUERY_INT },
        { "cid", QUERY_U64 },
        { "state", QUERY_STATE },
        { "user", QUERY_TEXT },
        { "acc", QUERY_TEXT },
        { "mqtt_client", QUERY_TEXT },
        { NULL, QUERY_TEXT },
};

/* The records own their texts; these here live on. */
#define TEXT(literal) ((char *)(literal))
/* 2026-08-21T14:50:11Z */
#define T0 (1787323811ULL * NS_PER_SEC)

static void read_options(const char *raw, struct query *query, struct connz_options *opts)
{
        struct buf error = { 0 };
        assert_int_equal(query_decode(query, params, slice_str(raw), &error), 0);
        assert_int_equal(connz_options_read(opts, query, &error), 0);
        assert_int_equal(error.len, 0);
}

static void assert_text(struct buf *have, const char *want)
{
        buf_append_char(have, '\0');
        assert_string_equal(have->ptr, want);
        buf_fini(have);
}

/* ---- options ----------------------------------------------------------------------------- */

static void test_options(void **unused)
{
        static const struct {
                const char *raw;
                enum connz_sort sort;
                int64_t offset, limit;
                size_t need;
        } cases[] = {
                { "", CONNZ_SORT_CID, 0, 1024, 1024 },
                { "offset=-5&limit=-5", CONNZ_SORT_CID, 0, 1024, 1024 },
                { "offset=3&limit=0&sort=idle", CONNZ_SORT_IDLE, 3, 1024, 1027 },
                { "cid=7&limit=50", CONNZ_SORT_CID, 0, 1, 1 },
                { "offset=9223372036854775807&limit=9223372036854775807", CONNZ_SORT_CID, INT64_MAX,
                        INT64_MAX, SIZE_MAX - 1 },
                { "sort=stop&state=closed", CONNZ_SORT_STOP, 0, 1024, 1024 },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct query query;
                struct connz_options opts;
                read_options(cases[i].raw, &query, &opts);
                assert_int_equal(opts.sort, cases[i].sort);
                assert_true(opts.offset == cases[i].offset);
                assert_true(opts.limit == cases[i].limit);
                assert_true(connz_need(&opts) == cases[i].need);
                query_fini(&query);
        }
}

static void test_options_refused(void **unused)
{
        static const struct {
                const char *raw, *error;
        } cases[] = {
                { "sort=x", "invalid sorting option: x" },
                { "sort=CID", "invalid sorting option: CID" },
                { "sort=stop", "sort by stop only valid on closed connections" },
                { "sort=stop&state=all", "sort by stop only valid on closed connections" },
                { "sort=reason&state=open", "sort by reason only valid on closed connections" },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct query query;
                struct connz_options opts;
                struct buf error = { 0 };
                assert_int_equal(query_decode(&query, params, slice_str(cases[i].raw), &error), 0);
                assert_int_equal(connz_options_read(&opts, &query, &error), ERR_INVALID);
                assert_text(&error, cases[i].error);
                query_fini(&query);
        }
}

/* ---- order ------------------------------------------------------------------------------- */

static const struct peer_info people[] = {
        { .id = 1,
                .subscriptions = 2,
                .pending_bytes = 9,
                .out_msgs = 1,
                .in_msgs = 5,
                .out_bytes = 3,
                .in_bytes = 3,
                .start_ns = T0,
                .last_activity_ns = T0 + 5,
                .stop_ns = T0 + 30,
                .uptime_ns = 30,
                .reason = CLOSE_STALE,
                .rtt_ns = 10 },
        { .id = 2,
                .subscriptions = 3,
                .pending_bytes = 9,
                .out_msgs = 2,
                .in_msgs = 6,
                .out_bytes = 2,
                .in_bytes = 1,
                .start_ns = T0 + 5,
                .last_activity_ns = T0 + 6,
                .stop_ns = T0 + 10,
                .uptime_ns = 5,
                .reason = CLOSE_AUTH_TIMEOUT,
                .rtt_ns = 30 },
        { .id = 3,
                .subscriptions = 1,
                .pending_bytes = 1,
                .out_msgs = 3,
                .in_msgs = 4,
                .out_bytes = 1,
                .in_bytes = 2,
                .start_ns = T0 + 6,
                .last_activity_ns = T0 + 7,
                .stop_ns = T0 + 20,
                .uptime_ns = 14,
                .reason = CLOSE_CLIENT_CLOSED,
                .rtt_ns = 20 },
};

static void test_order(void **unused)
{
        static const struct {
                const char *raw;
                int ids[3];
        } cases[] = {
                { "", { 1, 2, 3 } },
                { "sort=cid", { 1, 2, 3 } },
                { "sort=start", { 1, 2, 3 } },
                { "sort=subs", { 2, 1, 3 } },
                { "sort=pending", { 1, 2, 3 } },
                { "sort=msgs_to", { 3, 2, 1 } },
                { "sort=msgs_from", { 2, 1, 3 } },
                { "sort=bytes_to", { 1, 2, 3 } },
                { "sort=bytes_from", { 1, 3, 2 } },
                { "sort=last", { 3, 2, 1 } },
                { "sort=idle", { 1, 2, 3 } },
                { "sort=uptime", { 2, 3, 1 } },
                { "sort=stop&state=closed", { 1, 3, 2 } },
                { "sort=reason&state=closed", { 2, 3, 1 } },
                { "sort=rtt", { 2, 3, 1 } },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct query query;
                struct connz_options opts;
                struct pick pick;
                read_options(cases[i].raw, &query, &opts);
                pick_init(&pick, 3);
                for (size_t at = 3; at-- > 0;)
                        pick_offer(&pick, (struct pick_item){ connz_key(opts.sort, &people[at]),
                                                  people[at].id, (void *)&people[at] });
                pick_sort(&pick);
                for (size_t at = 0; at < 3; at++) {
                        const struct peer_info *info = pick.items[at].value;
                        assert_int_equal(info->id, cases[i].ids[at]);
                }
                pick_fini(&pick);
                query_fini(&query);
        }
}

/* ---- closed ------------------------------------------------------------------------------ */

static void test_closed_filter(void **unused)
{
        static const struct peer_info global = {
                .id = 4, .account = TEXT("$G"), .user = TEXT("bob")
        };
        static const struct peer_info other = { .id = 5, .account = TEXT("A") };
        static const struct {
                const char *raw;
                bool global_counts, global_matches, other_counts, other_matches;
        } cases[] = {
                { "", true, true, true, true },
                { "acc=A", false, false, true, true },
                { "acc=$G", false, false, false, false },
                { "user=bob", true, true, true, false },
                { "user=bo", true, false, true, false },
                { "cid=5", true, false, true, true },
                { "mqtt_client=m", true, false, true, false },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct query query;
                struct connz_options opts;
                read_options(cases[i].raw, &query, &opts);
                assert_int_equal(connz_closed_counts(&opts, &global), cases[i].global_counts);
                assert_int_equal(connz_closed_matches(&opts, &global), cases[i].global_matches);
                assert_int_equal(connz_closed_counts(&opts, &other), cases[i].other_counts);
                assert_int_equal(connz_closed_matches(&opts, &other), cases[i].other_matches);
                query_fini(&query);
        }
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void render(const char *raw, const struct peer_info *infos, size_t n, struct buf *out)
{
        struct query query;
        struct connz_options opts;
        struct pick_item items[8] = { { 0 } };
        struct connz_page page = { .server_id = "NID",
                .now_ns = T0 + 90 * NS_PER_SEC,
                .total = n,
                .items = items,
                .n = n };
        for (size_t i = 0; i < n; i++)
                items[i].value = (void *)&infos[i];
        read_options(raw, &query, &opts);
        connz_render(&opts, &page, out);
        query_fini(&query);
}

static struct sub_info some_subs[] = {
        { .subject = TEXT("foo.>"), .sid = TEXT("1"), .msgs = 3 },
        { .subject = TEXT("bar"), .queue = TEXT("q"), .sid = TEXT("2"), .max = 5 },
};
static struct peer_cert_info some_certs[] = {
        { .subject = TEXT("CN=bob"), .spki_sha256 = "ab", .cert_sha256 = "cd" },
};

static const struct peer_info open_conn = {
        .id = 7,
        .kind = "Client",
        .type = "nats",
        .ip = "10.0.0.7",
        .port = 5312,
        .start_ns = T0,
        .last_activity_ns = T0 + 28 * NS_PER_SEC + 500 * NS_PER_MS,
        .uptime_ns = 90 * NS_PER_SEC,
        .idle_ns = 61 * NS_PER_SEC + 500 * NS_PER_MS,
        .rtt_ns = 345678,
        .pending_bytes = 1,
        .in_msgs = 2,
        .out_msgs = 3,
        .in_bytes = 4,
        .out_bytes = 5,
        .subscriptions = 2,
        .name = TEXT("a<b"),
        .lang = TEXT("c"),
        .version = TEXT("1.0"),
        .account = TEXT("$G"),
        .user = TEXT("bob"),
        .tls_version = "1.3",
        .tls_cipher = "TLS_AES_128_GCM_SHA256",
        .tls_first = true,
        .certs = some_certs,
        .cert_n = 1,
        .subs = some_subs,
        .sub_n = 2,
};

#define HEAD(n, total, offset, limit)                                                              \
        "{\n  \"server_id\": \"NID\",\n  \"now\": \"2026-08-21T14:51:41Z\",\n"                     \
        "  \"num_connections\": " #n ",\n  \"total\": " #total ",\n  \"offset\": " #offset ",\n"   \
        "  \"limit\": " #limit ",\n"

#define OPEN_UP_TO_TLS                                                                             \
        "      \"cid\": 7,\n      \"kind\": \"Client\",\n      \"type\": \"nats\",\n"              \
        "      \"ip\": \"10.0.0.7\",\n      \"port\": 5312,\n"                                     \
        "      \"start\": \"2026-08-21T14:50:11Z\",\n"                                             \
        "      \"last_activity\": \"2026-08-21T14:50:39.5Z\",\n"                                   \
        "      \"rtt\": \"345µs\",\n      \"uptime\": \"1m30s\",\n      \"idle\": \"1m1s\",\n"    \
        "      \"pending_bytes\": 1,\n      \"in_msgs\": 2,\n      \"out_msgs\": 3,\n"             \
        "      \"in_bytes\": 4,\n      \"out_bytes\": 5,\n      \"subscriptions\": 2,\n"           \
        "      \"name\": \"a\\u003cb\",\n      \"lang\": \"c\",\n      \"version\": \"1.0\",\n"    \
        "      \"tls_version\": \"1.3\",\n"                                                        \
        "      \"tls_cipher_suite\": \"TLS_AES_128_GCM_SHA256\",\n"

static void test_open(void **unused)
{
        struct buf out = { 0 };
        (void)unused;
        render("", &open_conn, 1, &out);
        assert_text(&out, HEAD(1, 1, 0, 1024) "  \"connections\": [\n    {\n" OPEN_UP_TO_TLS
                                              "      \"tls_first\": true\n    }\n  ]\n}");
}

static void test_open_with_all(void **unused)
{
        struct buf out = { 0 };
        (void)unused;
        render("auth=1&subs=1", &open_conn, 1, &out);
        assert_text(&out,
                HEAD(1, 1, 0, 1024) "  \"connections\": [\n    {\n" OPEN_UP_TO_TLS
                                    "      \"tls_peer_certs\": [\n        {\n          "
                                    "\"subject\": \"CN=bob\",\n"
                                    "          \"spki_sha256\": \"ab\",\n          "
                                    "\"cert_sha256\": \"cd\"\n"
                                    "        }\n      ],\n      \"tls_first\": true,\n"
                                    "      \"authorized_user\": \"bob\",\n      "
                                    "\"subscriptions_list\": [\n"
                                    "        \"foo.\\u003e\",\n        \"bar\"\n      ],\n"
                                    "      \"name_tag\": \"$G\"\n    }\n  ]\n}");
}

static void test_closed(void **unused)
{
        static const struct peer_info closed = {
                .id = 8,
                .kind = "Client",
                .type = "nats",
                .ip = "::1",
                .port = 9,
                .start_ns = T0,
                .last_activity_ns = T0,
                .stop_ns = T0 + 3600 * NS_PER_SEC,
                .uptime_ns = 3600 * NS_PER_SEC,
                .idle_ns = 3600 * NS_PER_SEC,
                .reason = CLOSE_SLOW_PENDING,
                .stalls = 4,
                .subscriptions = 2,
                .account = TEXT("A"),
                .subs = some_subs,
                .sub_n = 2,
        };
        struct buf out = { 0 };
        (void)unused;
        render("state=closed&auth=1&subs=detail", &closed, 1, &out);
        assert_text(&out,
                HEAD(1, 1, 0,
                        1024) "  \"connections\": [\n    {\n"
                              "      \"cid\": 8,\n      \"kind\": \"Client\",\n      \"type\": "
                              "\"nats\",\n"
                              "      \"ip\": \"::1\",\n      \"port\": 9,\n"
                              "      \"start\": \"2026-08-21T14:50:11Z\",\n"
                              "      \"last_activity\": \"2026-08-21T14:50:11Z\",\n"
                              "      \"stop\": \"2026-08-21T15:50:11Z\",\n"
                              "      \"reason\": \"Slow Consumer (Pending Bytes)\",\n"
                              "      \"rtt\": \"0s\",\n      \"uptime\": \"1h0m0s\",\n"
                              "      \"idle\": \"1h0m0s\",\n"
                              "      \"pending_bytes\": 0,\n      \"in_msgs\": 0,\n      "
                              "\"out_msgs\": 0,\n"
                              "      \"in_bytes\": 0,\n      \"out_bytes\": 0,\n      \"stalls\": "
                              "4,\n"
                              "      \"subscriptions\": 2,\n      \"account\": \"A\",\n"
                              "      \"subscriptions_list_detail\": [\n"
                              "        {\n          \"account\": \"A\",\n          "
                              "\"account_tag\": \"A\",\n"
                              "          \"subject\": \"foo.\\u003e\",\n          \"sid\": \"1\",\n"
                              "          \"msgs\": 3,\n          \"cid\": 8\n        },\n"
                              "        {\n          \"account\": \"A\",\n          "
                              "\"account_tag\": \"A\",\n"
                              "          \"subject\": \"bar\",\n          \"qgroup\": \"q\",\n"
                              "          \"sid\": \"2\",\n          \"msgs\": 0,\n          "
                              "\"max\": 5,\n"
                              "          \"cid\": 8\n        }\n      ],\n"
                              "      \"name_tag\": \"A\"\n    }\n  ]\n}");
}

static void test_nothing(void **unused)
{
        struct buf out = { 0 };
        struct query query;
        struct connz_options opts;
        const struct connz_page unknown = {
                .server_id = "", .now_ns = T0, .unknown_account = true
        };
        (void)unused;
        render("offset=5", NULL, 0, &out);
        assert_text(&out, HEAD(0, 0, 5, 1024) "  \"connections\": []\n}");
        read_options("acc=x&limit=3", &query, &opts);
        connz_render(&opts, &unknown, &out);
        assert_text(&out,
                "{\n  \"server_id\": \"\",\n  \"now\": \"2026-08-21T14:50:11Z\",\n"
                "  \"num_connections\": 0,\n  \"total\": 0,\n  \"offset\": 0,\n  \"limit\": 3,\n"
                "  \"connections\": null\n}");
        query_fini(&query);
}

/* Which ids a page of three shows. */
static void test_paging(void **unused)
{
        static const struct {
                const char *raw, *ids;
        } cases[] = {
                { "", "123" },
                { "limit=2", "12" },
                { "offset=1", "23" },
                { "offset=1&limit=1", "2" },
                { "offset=3", "" },
                { "offset=2&limit=9223372036854775807", "3" },
                { "offset=9223372036854775807&limit=9223372036854775807", "" },
                { "cid=1", "1" },
                { "cid=1&offset=1", "" },
        };
        (void)unused;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct buf out = { 0 };
                char ids[8] = "";
                size_t n = 0;
                render(cases[i].raw, people, 3, &out);
                buf_append_char(&out, '\0');
                for (const char *at = out.ptr; (at = strstr(at, "\"cid\": ")); at++)
                        ids[n++] = at[7];
                assert_string_equal(ids, cases[i].ids);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_options_refused),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_closed_filter),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_open_with_all),
                cmocka_unit_test(test_closed),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_paging),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
