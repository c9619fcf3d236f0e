/* SPDX-License-Identifier: Apache-2.0 */
/* client-protocol 8.1: "INFO sent on accept, parsable, right fields", "server_name defaults to
 * server id". */
#include "proto/info.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_info(
        const struct server_info *server, const struct client_info *client, const char *want)
{
        struct info_template *t = info_template_new(server), *again = info_template_ref(t);
        struct buf out = { 0 };
        char *text;

        info_template_unref(t);
        info_render(again, client, &out);
        text = buf_take_str(&out);
        assert_string_equal(text, want);
        xfree(text);
        info_template_unref(again);
        buf_fini(&out);
}

static void test_least(void **state)
{
        const struct server_info server = { .server_id = "NID",
                .server_name = "NID",
                .version = "2.15.0",
                .go = "c17",
                .host = "0.0.0.0",
                .port = 4222,
                .headers = true };
        const struct client_info client = { .max_payload = 1048576, .client_id = 5 };

        assert_info(&server, &client,
                "INFO {\"server_id\":\"NID\",\"server_name\":\"NID\",\"version\":\"2.15.0\","
                "\"proto\":1,\"go\":\"c17\",\"host\":\"0.0.0.0\",\"port\":4222,\"headers\":true,"
                "\"max_payload\":1048576,\"client_id\":5} \r\n");
}

static void test_all_in_order(void **state)
{
        static const char *const urls[] = { "10.0.0.1:4222", "[::1]:4222" };
        const struct server_info server = { .server_id = "NID",
                .server_name = "m1",
                .version = "2.15.0",
                .git_commit = "abc",
                .go = "c17",
                .host = "h",
                .port = 1,
                .tls_required = true,
                .tls_verify = true,
                .tls_available = true,
                .jetstream = true,
                .cluster = "C<1>",
                .domain = "D",
                .connect_urls = urls,
                .connect_url_n = 2,
                .ldm = true,
                .api_level = 5,
                .xkey = "XKEY",
                .midge_version = "0.1.0" };
        const struct client_info client = { .auth_required = true,
                .max_payload = -1,
                .client_id = UINT64_MAX,
                .client_ip = "127.0.0.1",
                .nonce = "n0nce",
                .connect_info = true,
                .remote_account = "$G",
                .account_is_system = true };

        assert_info(&server, &client,
                "INFO {\"server_id\":\"NID\",\"server_name\":\"m1\",\"version\":\"2.15.0\","
                "\"proto\":1,\"git_commit\":\"abc\",\"go\":\"c17\",\"host\":\"h\",\"port\":1,"
                "\"headers\":false,\"auth_required\":true,\"tls_required\":true,"
                "\"tls_verify\":true,\"tls_available\":true,\"max_payload\":-1,"
                "\"jetstream\":true,\"client_id\":18446744073709551615,"
                "\"client_ip\":\"127.0.0.1\",\"nonce\":\"n0nce\",\"cluster\":\"C\\u003c1\\u003e\","
                "\"domain\":\"D\",\"connect_urls\":[\"10.0.0.1:4222\",\"[::1]:4222\"],"
                "\"ldm\":true,\"connect_info\":true,\"remote_account\":\"$G\","
                "\"acc_is_sys\":true,\"api_lvl\":5,\"xkey\":\"XKEY\",\"midge\":\"0.1.0\"} \r\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_least),
                cmocka_unit_test(test_all_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
