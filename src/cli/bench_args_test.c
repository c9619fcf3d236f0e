/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/mem.h"
#include "cli/bench.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WORDS = 12 };

static struct bench_options opts;
static char *out_text, *err_text_;

/* Split line at blanks and parse it; what was printed is in out_text and err_text_. */
static enum bench_args_result parse(const char *line)
{
        static char copy[1024];
        char *word[WORDS];
        int n = 0;
        size_t size;
        xfree(out_text);
        xfree(err_text_);
        FILE *out = open_memstream(&out_text, &size), *err = open_memstream(&err_text_, &size);
        assert_true(strlen(line) < sizeof copy);
        memcpy(copy, line, strlen(line) + 1);
        for (char *at = copy; *at && n < WORDS; n++) {
                word[n] = at;
                at += strcspn(at, " ");
                if (*at)
                        *at++ = '\0';
        }
        enum bench_args_result result = bench_args(&opts, n, word, out, err);
        fclose(out);
        fclose(err);
        return result;
}

static int free_texts(void **state)
{
        (void)state;
        xfree(out_text);
        xfree(err_text_);
        return 0;
}

static void defaults(void **state)
{
        static const struct {
                const char *mode;
                unsigned msgs, subscribers, clients;
        } cases[] = {
                { "pub", 1000000, 1, 1 },
                { "sub", 1000000, 1, 1 },
                { "pair", 1000000, 1, 1 },
                { "fanout", 1000000, 100, 1 },
                { "fanin", 1000000, 1, 100 },
                { "request", 10000, 1, 1 },
                { "connect", 10000, 1, 1 },
                { "idle", 1000000, 1, 1 },
                { "subs", 1000000, 1, 10 },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                assert_int_equal(parse(cases[i].mode), BENCH_RUN);
                assert_int_equal(opts.mode, i);
                assert_int_equal(opts.msgs, cases[i].msgs);
                assert_int_equal(opts.subscribers, cases[i].subscribers);
                assert_int_equal(opts.clients, cases[i].clients);
                assert_int_equal(opts.threads, 1);
                assert_int_equal(opts.size, 16);
                assert_int_equal(opts.port, 4222);
                assert_string_equal(opts.host, "localhost");
                assert_string_equal(opts.subject, "bench");
                assert_false(opts.tls || opts.json || opts.quiet);
                assert_string_equal(out_text, "");
                assert_string_equal(err_text_, "");
        }
}

static void every_option(void **state)
{
        (void)state;
        assert_int_equal(parse("request --msgs 7 --size 0 --clients 4 -subscribers 3 -threads 2"),
                BENCH_RUN);
        assert_int_equal(opts.msgs, 7);
        assert_int_equal(opts.size, 0);
        assert_int_equal(opts.clients, 4);
        assert_int_equal(opts.subscribers, 3);
        assert_int_equal(opts.threads, 2);
        assert_int_equal(
                parse("request --subject a.b --queue q --rate 2.5 --pid 77 --json"), BENCH_RUN);
        assert_string_equal(opts.subject, "a.b");
        assert_string_equal(opts.queue, "q");
        assert_true(opts.rate == 2.5);
        assert_int_equal(opts.pid, 77);
        assert_true(opts.json);
        assert_int_equal(
                parse("idle --hold 0 --tls --tlsca c --tlscert d --tlskey e --quiet"), BENCH_RUN);
        assert_int_equal(opts.hold_s, 0);
        assert_true(opts.tls && opts.quiet && !opts.tls_first);
        assert_string_equal(opts.ca, "c");
        assert_string_equal(opts.cert, "d");
        assert_string_equal(opts.key, "e");
        assert_int_equal(parse("pub --tlsfirst --insecure --token t"), BENCH_RUN);
        assert_true(opts.tls && opts.tls_first && opts.insecure);
        assert_string_equal(opts.token, "t");
        assert_int_equal(parse("connect --tls --resume --rate 1500"), BENCH_RUN);
        assert_true(opts.resume);
        assert_int_equal(parse("request --inboxes"), BENCH_RUN);
        assert_true(opts.inboxes);
        assert_int_equal(parse("subs --subscriptions 5"), BENCH_RUN);
        assert_int_equal(opts.subscriptions, 5);
        assert_int_equal(parse("pair --window 3"), BENCH_RUN);
        assert_int_equal(opts.window, 3);
        assert_int_equal(parse("fanin --vary 100"), BENCH_RUN);
        assert_int_equal(opts.vary, 100);
        assert_int_equal(parse("pub --user u --password p"), BENCH_RUN);
        assert_string_equal(opts.user, "u");
        assert_string_equal(opts.password, "p");
}

static void threads_have_connections(void **state)
{
        (void)state;
        assert_int_equal(parse("pair --clients 3 --threads 8"), BENCH_RUN);
        assert_int_equal(opts.threads, 3);
        assert_int_equal(parse("fanout --subscribers 9 --threads 8"), BENCH_RUN);
        assert_int_equal(opts.threads, 8);
}

static void servers(void **state)
{
        static const struct {
                const char *text, *host;
                int port;
                bool tls;
        } cases[] = {
                { "h", "h", 4222, false },
                { "h:1", "h", 1, false },
                { "10.0.0.7:65535", "10.0.0.7", 65535, false },
                { "nats://h:5", "h", 5, false },
                { "tls://h:5", "h", 5, true },
                { "tls://h", "h", 4222, true },
                { "::1", "::1", 4222, false },
                { "[::1]", "::1", 4222, false },
                { "[::1]:5", "::1", 5, false },
                { "tls://[fe80::2]:5", "fe80::2", 5, true },
        };
        static const char *const refused[] = { ":5", "h:", "h:0", "h:65536", "h:5x", "[::1", "[]:5",
                "[::1]x", "[::1]x:5", "[::1]:", "tls://" };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char line[128];
                snprintf(line, sizeof line, "pub --server %s", cases[i].text);
                assert_int_equal(parse(line), BENCH_RUN);
                assert_string_equal(opts.host, cases[i].host);
                assert_int_equal(opts.port, cases[i].port);
                assert_int_equal(opts.tls, cases[i].tls);
        }
        for (size_t i = 0; i < ARRAY_N(refused); i++) {
                char line[128], want[256];
                snprintf(line, sizeof line, "pub --server %s", refused[i]);
                assert_int_equal(parse(line), BENCH_WRONG);
                snprintf(want, sizeof want,
                        "midge bench: --server: \"%s\" is no HOST:PORT\n\n"
                        "midge bench --help lists modes and options.\n",
                        refused[i]);
                assert_string_equal(err_text_, want);
        }
}

static void complaints(void **state)
{
        static const struct {
                const char *line, *text;
        } cases[] = {
                { "", "which mode?" },
                { "pubb", "unknown mode \"pubb\"" },
                { "--json", "unknown mode \"--json\"" },
                { "pub x", "unknown option \"x\"" },
                { "pub --msg 1", "unknown option \"--msg\"" },
                { "pub ---msgs 1", "unknown option \"---msgs\"" },
                { "pub msgs 1", "unknown option \"msgs\"" },
                { "pub --msgs", "--msgs needs N" },
                { "pub --msgs 0", "--msgs: \"0\" is no N from 1 to 1000000000000" },
                { "pub --msgs -1", "--msgs: \"-1\" is no N from 1 to 1000000000000" },
                { "pub --msgs 1000000000001",
                        "--msgs: \"1000000000001\" is no N from 1 to 1000000000000" },
                { "pub --size 67108865", "--size: \"67108865\" is no BYTES from 0 to 67108864" },
                { "pub --clients 1e3", "--clients: \"1e3\" is no N from 1 to 1000000" },
                { "pub --threads 65", "--threads: \"65\" is no N from 1 to 64" },
                { "idle --hold 86401", "--hold: \"86401\" is no SECONDS from 0 to 86400" },
                { "pub --pid 0", "--pid: \"0\" is no PID from 1 to 2147483647" },
                { "pub --subject a..b", "--subject: \"a..b\" is no SUBJECT" },
                { "pub --subject a.*", "--subject: \"a.*\" is no SUBJECT" },
                { "pair --queue >", "--queue: \">\" is no GROUP" },
                { "request --rate 0", "--rate: \"0\" is no N from 0 to 10000000" },
                { "request --rate nan", "--rate: \"nan\" is no N from 0 to 10000000" },
                { "request --rate 5/s", "--rate: \"5/s\" is no N from 0 to 10000000" },
                { "sub --rate 5", "--rate is not for sub, idle and subs" },
                { "pair --rate 5 --window 1", "--rate and --window do not go together" },
                { "idle --subscriptions 1", "--subscriptions is for subs only" },
                { "subs --subscriptions 0", "--subscriptions: \"0\" is no N from 1 to 100000000" },
                { "subs --msgs 100000000",
                        "subs keeps its messages in memory: --msgs times --size is too much" },
                { "subs --queue q", "--queue is for sub, pair, fanout, fanin and request only" },
                { "pair --inboxes", "--inboxes is for request only" },
                { "request --resume", "--resume is for connect only" },
                { "connect --resume", "--resume needs --tls or --tlsfirst" },
                { "pair --subscribers 2", "--subscribers is for fanout and request only" },
                { "pub --queue q", "--queue is for sub, pair, fanout, fanin and request only" },
                { "pub --window 1", "--window is for pair only" },
                { "pub --vary 1", "--vary: \"1\" is no N from 2 to 10000" },
                { "pub --vary 10001", "--vary: \"10001\" is no N from 2 to 10000" },
                { "request --vary 2", "--vary is for pub, sub, pair, fanout and fanin only" },
                { "pub --vary 1000 --size 100000",
                        "--vary keeps a message of each subject in memory: times --size it is too "
                        "much" },
                { "fanout --clients 2",
                        "fanout has one publisher; --subscribers says how many receive" },
                { "pub --tls --tlscert c", "--tlscert and --tlskey go together" },
                { "pub --user u", "--user and --password go together" },
                { "pub --tlsca c", "--tlsca, --tlscert and --insecure need --tls or --tlsfirst" },
                { "pub --insecure", "--tlsca, --tlscert and --insecure need --tls or --tlsfirst" },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char want[256];
                assert_int_equal(parse(cases[i].line), BENCH_WRONG);
                snprintf(want, sizeof want,
                        "midge bench: %s\n\nmidge bench --help lists modes and options.\n",
                        cases[i].text);
                assert_string_equal(err_text_, want);
                assert_string_equal(out_text, "");
        }
}

static void long_texts(void **state)
{
        char line[700], name[300];
        (void)state;
        memset(name, 'a', sizeof name);
        snprintf(line, sizeof line, "pub --subject %.128s", name);
        assert_int_equal(parse(line), BENCH_RUN);
        snprintf(line, sizeof line, "pub --subject %.129s", name);
        assert_int_equal(parse(line), BENCH_WRONG);
        snprintf(line, sizeof line, "pub --server %.255s", name);
        assert_int_equal(parse(line), BENCH_RUN);
        snprintf(line, sizeof line, "pub --server %.256s", name);
        assert_int_equal(parse(line), BENCH_WRONG);
}

static void help_lists_every_flag(void **state)
{
        static const char *const asks[] = { "-h", "--help", "pair -help", "pair --msgs --help" };
        static const char *const names[] = {
#define BENCH_FLAG(name, kind, field, low, high, arg, help) "\n  --" name " ",
#include "cli/bench_flag.def"
#undef BENCH_FLAG
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(asks); i++) {
                assert_int_equal(parse(asks[i]), BENCH_HELP);
                assert_string_equal(err_text_, "");
                assert_int_equal(strncmp(out_text, "Usage: midge bench MODE [options]\n", 34), 0);
        }
        for (size_t i = 0; i < ARRAY_N(names); i++)
                assert_non_null(strstr(out_text, names[i]));
        for (const char *at = out_text; *at; at += strcspn(at, "\n") + 1) {
                size_t len = strcspn(at, "\n");
                assert_true(len <= 100);
                assert_true(len == 0 || at[len - 1] != ' ');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(every_option),
                cmocka_unit_test(threads_have_connections),
                cmocka_unit_test(servers),
                cmocka_unit_test(complaints),
                cmocka_unit_test(long_texts),
                cmocka_unit_test(help_lists_every_flag),
        };
        return cmocka_run_group_tests(tests, NULL, free_texts);
}
