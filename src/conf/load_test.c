/* SPDX-License-Identifier: Apache-2.0 */
/* load_test.c: command lines and files → decisions; reloads and what they may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/version.h"
#include "conf/diff.h"
#include "conf/load.h"

#define SEC ((int64_t)NS_PER_SEC)

static char dir[64];

static int make_dir(void **state)
{
        snprintf(dir, sizeof dir, "/tmp/midge-load-XXXXXX");
        return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
        FILE *file = fopen(name, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

/* A certificate file named "bad" fails to load; who knows a position says it, as the real check. */
static int check_tls(const struct tls_options *tls, struct errbuf *eb)
{
        for (int i = 0; i < tls->pair_n; i++)
                if (strcmp(tls->pairs[i].cert_file, "bad") == 0)
                        return errbuf_set(eb, ERR_TLS, "%scannot load bad",
                                tls->position ? tls->position : "");
        return 0;
}

static const struct options_hooks hooks = { .check_tls = check_tls };

/* The words of a command line; they live until the next call. */
static int split(const char *line, char **argv, int argv_n)
{
        static char text[512];
        int argc = 0;
        snprintf(text, sizeof text, "%s", line);
        for (char *save, *word = strtok_r(text, " ", &save); word && argc < argv_n;
                word = strtok_r(NULL, " ", &save))
                argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
        return argc;
}

static void load(struct launch *launch, const char *line)
{
        static char *argv[32];
        int argc = split(line, argv, 32);
        options_load(launch, argc, argv, &hooks);
}

static void test_exit(void **state)
{
        write_file("ok.conf", "port: -1\n");
        write_file("warn.conf", "ping_interval: 5\n");
        write_file("bad.conf", "ping_interval: 5\nport: x\n");
        write_file("parse.conf", "port: [");
        write_file("tls.conf", "\n tls { cert_file: bad, key_file: k }");
        write_file("lame.conf", "lame_duck_grace_period: '3m'");
        static const struct {
                const char *line;
                int status;
                const char *out, *err; /* NULL: nothing; "usage": the usage text */
        } cases[] = {
                { "midge -zz", 0, "usage", "flag provided but not defined: -zz\n" },
                { "midge --zz=3", 0, "usage", "flag provided but not defined: -zz\n" },
                { "midge ---x", 0, "usage", "bad flag syntax: ---x\n" },
                { "midge -=x", 0, "usage", "bad flag syntax: -=x\n" },
                { "midge -p", 0, "usage", "flag needs an argument: -p\n" },
                { "midge --port abc", 0, "usage",
                        "invalid value \"abc\" for flag -port: parse error\n" },
                { "midge -p 99999999999999999999", 0, "usage",
                        "invalid value \"99999999999999999999\" for flag -p: value out of "
                        "range\n" },
                { "midge -p=", 0, "usage", "invalid value \"\" for flag -p: parse error\n" },
                { "midge -p 0x", 0, "usage", "invalid value \"0x\" for flag -p: parse error\n" },
                { "midge -p 1__0", 0, "usage",
                        "invalid value \"1__0\" for flag -p: parse error\n" },
                { "midge -p 1_", 0, "usage", "invalid value \"1_\" for flag -p: parse error\n" },
                { "midge -p 08", 0, "usage", "invalid value \"08\" for flag -p: parse error\n" },
                { "midge -D=x", 0, "usage", "invalid boolean value \"x\" for -D: parse error\n" },
                { "midge -h", 0, "usage", NULL },
                { "midge --help -zz", 0, "usage", "flag provided but not defined: -zz\n" },
                { "midge HELP", 0, "usage", NULL },
                { "/usr/bin/midge -v", 0, "midge: v" MIDGE_VERSION "\n", NULL },
                { "/usr/bin/nats-server --version", 0, "nats-server: v" MIDGE_NATS_LEVEL "\n",
                        NULL },
                { "./midge version x", 0, "midge: v" MIDGE_VERSION "\n", NULL },
                { "midge foo", 1, NULL, "midge: unrecognized command: \"foo\"\n" },
                { "nats-server -T false", 1, NULL,
                        "nats-server: unrecognized command: \"false\"\n" },
                { "midge -- -p", 1, NULL, "midge: unrecognized command: \"-p\"\n" },
                { "midge --loops 257", 1, NULL, "midge: --loops must be between 0 and 256\n" },
                { "midge -loops=-1", 1, NULL, "midge: --loops must be between 0 and 256\n" },
                { "midge --crypto_threads 1025", 1, NULL,
                        "midge: --crypto_threads must be between 0 and 1024\n" },
                { "midge - x", 1, NULL, "midge: unrecognized command: \"-\"\n" },
                { "midge -t", 1, NULL,
                        "midge: must specify [-c, --config] option to check configuration file "
                        "syntax\n" },
                { "midge -t -c ok.conf", 0, NULL,
                        "midge: configuration file ok.conf is valid "
                        "(sha256:7ea4cc5c6864139d814ce940a40ee6546b7ac5285eec3c390a4ce11e34dc1102)"
                        "\n" },
                { "midge -t -c lame.conf", 0, NULL,
                        "midge: configuration file lame.conf is valid "
                        "(sha256:6089e08ed17262017096968f5125ea626bf39009fe75b210ebd8e291ad94f616)"
                        "\n" },
                { "midge -t -c warn.conf", 1, NULL,
                        "midge: warn.conf:1:0: invalid use of field \"ping_interval\": "
                        "ping_interval should "
                        "be converted to a duration\n\n" },
                { "midge -c bad.conf", 1, NULL,
                        "midge: bad.conf:1:0: invalid use of field \"ping_interval\": "
                        "ping_interval should "
                        "be converted to a duration\nbad.conf:2:1: wrong type: expected an "
                        "integer, got a string\n\n" },
                { "midge -c parse.conf", 1, NULL,
                        "midge: Parse error on line 1: 'Expected an array value terminator \",\" "
                        "or an array "
                        "terminator \"]\", but got 'EOF' instead.'\n" },
                { "midge -c gone.conf", 1, NULL,
                        "midge: open gone.conf: no such file or directory\n" },
                { "midge -t -c tls.conf", 1, NULL, "midge: tls.conf:2:2: cannot load bad\n\n" },
                { "midge -c lame.conf", 1, NULL,
                        "midge: lame duck grace period (3m0s) should be strictly lower than lame "
                        "duck "
                        "duration (2m0s)\n" },
                { "midge -n x\ty --cluster nats://h:1", 1, NULL,
                        "midge: not supported yet: --cluster\n" },
                { "midge -js", 1, NULL, "midge: not supported yet: -js\n" },
                { "midge -routes a", 1, NULL, "midge: not supported yet: --routes\n" },
                { "midge --routes=nats://x", 1, NULL, "midge: not supported yet: --routes\n" },
                { "midge --tls", 1, NULL,
                        "midge: TLS Server certificate must be present and valid\n" },
                { "midge --tlsverify --tlscert c", 1, NULL,
                        "midge: TLS Server private key must be present and valid\n" },
                { "midge --tls --tlscert bad --tlskey k", 1, NULL, "midge: cannot load bad\n" },
                { "midge --signal a=b=c=d", 1, NULL, "midge: invalid signal parameters: [c d]\n" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct launch launch;
                load(&launch, cases[i].line);
                if (launch.action != LAUNCH_EXIT || launch.status != cases[i].status)
                        fail_msg("%s: action %d status %d %s", cases[i].line, launch.action,
                                launch.status, launch.err ? launch.err : "");
                assert_null(launch.options);
                if (cases[i].out && strcmp(cases[i].out, "usage") == 0)
                        assert_memory_equal(launch.out, "\nUsage: midge [options]\n", 24);
                else if (cases[i].out)
                        assert_string_equal(launch.out, cases[i].out);
                else
                        assert_null(launch.out);
                if (cases[i].err)
                        assert_string_equal(launch.err, cases[i].err);
                else
                        assert_null(launch.err);
                launch_fini(&launch);
        }
}

static void test_signal(void **state)
{
        struct launch launch;
        load(&launch, "midge -c gone.conf --signal reload=/run/x.pid");
        assert_int_equal(launch.action, LAUNCH_SIGNAL);
        assert_string_equal(launch.signal_command, "reload");
        assert_string_equal(launch.signal_pid, "/run/x.pid");
        launch_fini(&launch);
        load(&launch, "midge -sl ldm");
        assert_int_equal(launch.action, LAUNCH_SIGNAL);
        assert_string_equal(launch.signal_command, "ldm");
        assert_string_equal(launch.signal_pid, "");
        launch_fini(&launch);
}

/* The usage text: columns, and only what is supported. */
static void test_usage(void **state)
{
        struct launch launch;
        load(&launch, "midge -help");
        static const char *const lines[] = {
                "\n\nServer Options:\n    -a, --addr, --net <host>         Address",
                "\n    -n, --name\n        --server_name <server_name>  Name",
                "\n    -ms,--https_port <port>          Port",
                "\n    -t                               Check",
                "\n    -sl,--signal <signal>[=<pid>]    Send",
                "\n                                     <pid>: a process id",
                "\n        --client_advertise <string>  Client",
                "\n    -DVV                             Debug",
                "\n\nCommon Options:\n    -h, --help                       Show",
        };
        for (size_t i = 0; i < ARRAY_N(lines); i++)
                if (!strstr(launch.out, lines[i]))
                        fail_msg("missing <%s> in %s", lines[i], launch.out);
        assert_null(strstr(launch.out, "--cluster"));
        assert_null(strstr(launch.out, "JetStream"));
        launch_fini(&launch);
        load(&launch, "midge --help_tls");
        assert_non_null(strstr(
                launch.out, "\nAvailable cipher suites include:\n    TLS_AES_128_GCM_SHA256\n"));
        assert_non_null(strstr(
                launch.out, "\n\nAvailable curve preferences include:\n    X25519MLKEM768\n"));
        launch_fini(&launch);
}

/* Options of a command line that runs. */
static struct options *run(struct launch *launch, const char *line)
{
        load(launch, line);
        if (launch->action != LAUNCH_RUN)
                fail_msg("%s: %s", line, launch->err ? launch->err : "?");
        return launch->options;
}

static void test_precedence(void **state)
{
        struct launch launch;
        write_file("all.conf",
                "port: 5000; host: h; debug: true; trace: false; logtime: false\n"
                "log_file: f; tls { cert_file: c, key_file: k, timeout: 5, first: true }\n"
                "ping_interval: 7");
        struct options *opts = run(&launch, "midge");
        assert_int_equal(opts->client.port, 4222);
        assert_null(opts->config_file);
        assert_true(opts->log.time);
        assert_null(launch.warnings);
        launch_fini(&launch);

        opts = run(&launch, "midge -c all.conf");
        assert_string_equal(opts->config_file, "all.conf");
        assert_memory_equal(opts->config_digest, "sha256:", 7);
        assert_int_equal(opts->client.port, 5000);
        assert_false(opts->log.time);
        assert_true(opts->log.debug && opts->tls.enabled);
        assert_string_equal(launch.warnings,
                "all.conf:3:1: invalid use of field \"ping_interval\": "
                "ping_interval should be converted to a duration\n");
        launch_fini(&launch);

        opts = run(&launch,
                "midge -p 0x_10 -a 1.2.3.4 -c all.conf -D=false -T -V --log g -p 0b1_1 --tls=0");
        assert_int_equal(opts->client.port, 3);
        assert_string_equal(opts->client.host, "1.2.3.4");
        assert_true(!opts->log.debug && opts->log.trace && opts->log.time);
        assert_string_equal(opts->log.file, "g");
        assert_false(opts->tls.enabled);
        launch_fini(&launch);

        opts = run(&launch, "midge -VV -DV=false -DVV --VV=f -c all.conf");
        assert_true(opts->log.debug);
        assert_false(opts->log.trace || opts->log.trace_verbose);
        launch_fini(&launch);

        opts = run(&launch, "midge -c all.conf --tlscert x --tlskey y --tlscacert z --tlsverify");
        assert_string_equal(opts->tls.pairs[0].cert_file, "x");
        assert_string_equal(opts->tls.ca_file, "z");
        assert_true(opts->tls.verify && opts->tls.handshake_first);
        assert_int_equal(opts->tls.timeout_ns, 5 * SEC); /* the file's stays */
        assert_null(opts->tls.position);
        assert_true(opts->tls_flags.verify && !opts->tls_flags.on);
        launch_fini(&launch);

        opts = run(&launch,
                "midge -m 8222 -ms 0 -n nm -P p --ports_file_dir d -l f -s -r udp://x "
                "--log_size_limit 5 --max_traced_msg_len 6 --profile -1 --loops 2 "
                "--crypto_threads 3 --client_advertise a --logtime_utc --routes '' --js=false");
        assert_int_equal(opts->monitor.http_port, 8222);
        assert_string_equal(opts->server_name, "nm");
        assert_string_equal(opts->pid_file, "p");
        assert_string_equal(opts->ports_file_dir, "d");
        assert_true(opts->log.syslog && opts->log.time_utc);
        assert_string_equal(opts->log.remote_syslog, "udp://x");
        assert_int_equal(opts->log.size_limit_bytes, 5);
        assert_int_equal(opts->log.max_traced_msg_len, 6);
        assert_int_equal(opts->prof_port, -1);
        assert_int_equal(opts->loop_n, 2);
        assert_int_equal(opts->crypto_thread_n, 3);
        assert_string_equal(opts->client.advertise, "a");
        launch_fini(&launch);
}

/* Users and accounts count as changed by every reload, as in the reference. */
enum { ALWAYS_N = 2 };

static bool is_always(const struct option_change *change)
{
        return change->row->type == OPTION_USERS;
}

/* Start with `line` over the text `before`, reload with `after`: the changes, or "!" and the
 * refusal. */
static char *reload(const char *line, const char *before, const char *after)
{
        struct launch launch;
        struct buf text;
        struct option_diff diff;
        struct errbuf eb;
        buf_init(&text);
        write_file("r.conf", before);
        run(&launch, line);
        write_file("r.conf", after);
        struct options *now = options_reload(launch.options, &launch.flags, &hooks, &text);
        if (!now) {
                char *sentence = buf_take_str(&text);
                buf_printf(&text, "!%s", sentence);
                xfree(sentence);
        } else if (options_diff(launch.options, now, &diff, &eb) < 0) {
                buf_printf(&text, "!%s", eb.text);
        } else {
                int always = 0;
                for (int i = 0; i < diff.n; i++) {
                        always += is_always(&diff.changes[i]);
                        if (!is_always(&diff.changes[i]))
                                buf_printf(&text, "%s%s: %s -> %s", text.len > 0 ? ", " : "",
                                        diff.changes[i].row->field, diff.changes[i].was,
                                        diff.changes[i].now);
                }
                assert_int_equal(always, ALWAYS_N);
                option_diff_fini(&diff);
        }
        options_free(now);
        launch_fini(&launch);
        return buf_take_str(&text);
}

#define NKEY_A "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
#define NKEY_B "UBO2MQV67TQTVIRV3XFTEZOACM4WLOCMCDMAWN5QVN5PI2N6JHTVDRON"

static void test_reload(void **state)
{
        static const struct {
                const char *line, *before, *after, *want;
        } cases[] = {
                { "midge -c r.conf", "port: 1", "port: 1 # same", "" },
                { "midge -c r.conf", "port: -1", "port: -1; debug: true", "Debug: false -> true" },
                { "midge -c r.conf", "max_payload: 1k; ping_interval: 3s",
                        "max_payload: 2k; write_deadline: '1m0x'",
                        "!r.conf:1:17: error parsing write_deadline: time: unknown unit \"x\" in "
                        "duration "
                        "\"1m0x\"\n" },
                { "midge -c r.conf", "max_payload: 1k; ping_interval: 3s",
                        "max_payload: 2k; write_deadline: '90s'",
                        "PingInterval: 3s -> 2m0s, MaxPayload: 1000 -> 2000, WriteDeadline: 10s -> "
                        "1m30s" },
                { "midge -c r.conf", "port: 1; debug: true", "port: 2; trace: on",
                        "!config reload not supported for Port: old=1, new=2" },
                { "midge -c r.conf", "http: 1", "http: 2",
                        "!config reload not supported for HTTPPort: old=1, new=2" },
                { "midge -c r.conf", "server_name: a", "debug: true",
                        "!config reload not supported for ServerName: old=a, new=" },
                { "midge -c r.conf", "", "feature_flags {b: true, a: false}",
                        "!config reload not supported for FeatureFlags: old=map[], new=map[a:false "
                        "b:true]" },
                { "midge -c r.conf", "", "write_timeout: retry",
                        "!config reload not supported for WriteTimeout: old=, new=retry" },
                { "midge -c r.conf", "", "lame_duck_duration: 40s",
                        "!config reload not supported for LameDuckDuration: old=2m0s, new=40s" },
                { "midge -c r.conf", "server_tags: a; server_metadata {k: v}",
                        "server_tags: [a, b]", "Tags: [a] -> [a b], Metadata: map[k:v] -> map[]" },
                { "midge -c r.conf", "port: 1", "port: [",
                        "!Parse error on line 1: 'Expected an array value "
                        "terminator \",\" or an array terminator \"]\", but got 'EOF' instead.'" },
                { "midge -c r.conf", "", "max_payload: 65mb",
                        "!max_payload (68157440) cannot be higher than max_pending (67108864)" },
                /* Integers for durations warn; a reload does not care. */
                { "midge -c r.conf", "", "ping_interval: 5", "PingInterval: 2m0s -> 5s" },
                /* TLS counts as changed while it is on. */
                { "midge -c r.conf", "tls {}", "tls { timeout: 1.5 }",
                        "AuthTimeout: 3 -> 2.5, TLSTimeout: 2 -> 1.5, TLSConfig: enabled -> "
                        "enabled" },
                { "midge -c r.conf", "tls {}", "",
                        "AuthTimeout: 3 -> 2, TLSConfig: enabled -> disabled" },
                /* The command line: what is kept, what falls back to the file, what forbids. */
                { "midge -c r.conf -p 7 -D -l f -m 8", "debug: false", "log_file: g", "" },
                { "midge -c r.conf -V", "", "trace: false; debug: true", "Debug: false -> true" },
                { "midge -c r.conf", "logtime: false", "logtime: false", "" },
                { "midge -c r.conf", "logtime: false", "", "Logtime: false -> true" },
                { "midge -c r.conf -T=false", "", "logtime: true", "" },
                { "midge -c r.conf -DVV", "", "trace: false; trace_verbose: false", "" },
                { "midge -c r.conf -n foo", "", "",
                        "!config reload not supported for ServerName: old=foo, new=" },
                { "midge -c r.conf --max_traced_msg_len 5", "", "", "MaxTracedMsgLen: 5 -> 0" },
                { "midge -c r.conf -r udp://x", "", "", "RemoteSyslog: udp://x -> " },
                { "midge -c r.conf --tls --tlscert a --tlskey b", "", "",
                        "!config reload not supported for TLS: old=true, new=false" },
                { "midge -c r.conf --tlsverify --tlscert a --tlskey b", "", "",
                        "!config reload not supported for TLSVerify: old=true, new=false" },
                { "midge -c r.conf --tls=false", "tls {}", "tls {}",
                        "AuthTimeout: 2 -> 3, TLSConfig: disabled -> enabled" },
                { "midge -c r.conf --loops 2", "", "", "" },
                /* Who may connect: secrets are compared and not shown. */
                { "midge -c r.conf", "authorization { user: a, password: b }",
                        "authorization { user: c, password: d }",
                        "Username: a -> c, Password: [REDACTED] -> [REDACTED]" },
                { "midge -c r.conf", "authorization { token: b }", "",
                        "Authorization: [REDACTED] -> " },
                { "midge -c r.conf", "authorization { users: [{user: a}] }", "authorization {}",
                        "" },
                { "midge -c r.conf", "", "authorization { timeout: 5 }", "AuthTimeout: 2 -> 5" },
                { "midge -c r.conf --user x --pass y --auth z", "", "", "" },
                { "midge -c r.conf --user x", "", "authorization { user: a, password: b }",
                        "Password:  -> [REDACTED]" },
                { "midge -c r.conf", "", "authorization { proxy_required: true }",
                        "!config reload not supported for ProxyRequired: old=false, new=true" },
                { "midge -c r.conf",
                        "authorization { users: [{user: a}, {user: b}] }\nno_auth_user: a",
                        "authorization { users: [{user: a}, {user: b}] }\nno_auth_user: b",
                        "!config reload not supported for NoAuthUser: old=a, new=b" },
                { "midge -c r.conf", "authorization { users: [{user: a}] }\nno_auth_user: a",
                        "authorization { users: [{user: a}] }",
                        "!config reload not supported for NoAuthUser: old=a, new=" },
                { "midge -c r.conf", "authorization { users: [{user: a}] }\nno_auth_user: a",
                        "authorization { users: [{user: b}] }", "NoAuthUser: a -> " },
                { "midge -c r.conf",
                        "authorization { users: [{nkey: " NKEY_A "}, {nkey: " NKEY_B
                        ", permissions: {publish: a}}] }",
                        "authorization { users: [{nkey: " NKEY_B
                        ", permissions: {pub: [a]}}, {nkey: " NKEY_A "}] }",
                        "" },
                { "midge -c r.conf",
                        "authorization { users: [{nkey: " NKEY_A ", permissions: {publish: a}}] }",
                        "authorization { users: [{nkey: " NKEY_A ", permissions: {publish: b}}] }",
                        "Nkeys:  -> " },
                { "midge", "", "",
                        "!can only reload config when a file is provided using -c or --config" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char *got = reload(cases[i].line, cases[i].before, cases[i].after);
                if (strcmp(got, cases[i].want) != 0)
                        fail_msg("%s: <%s> -> <%s>\n  got  %s\n  want %s", cases[i].line,
                                cases[i].before, cases[i].after, got, cases[i].want);
                xfree(got);
        }
}

/* Row 38 in a reload: -1 is the port in use, whichever side says it. */
static void test_bound_port(void **state)
{
        static const struct {
                const char *before, *after, *want;
        } cases[] = {
                { "port: -1", "port: -1", "" },
                { "port: -1", "port: 5123", "" },
                { "port: 5123", "port: -1", "" },
                { "port: -1", "port: 4999",
                        "config reload not supported for Port: old=5123, new=4999" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct launch launch;
                struct option_diff diff;
                struct errbuf eb = { "" };
                struct buf text;
                buf_init(&text);
                write_file("r.conf", cases[i].before);
                run(&launch, "midge -c r.conf")->client.bound_port = 5123;
                write_file("r.conf", cases[i].after);
                struct options *now = options_reload(launch.options, &launch.flags, &hooks, &text);
                assert_non_null(now);
                if (options_diff(launch.options, now, &diff, &eb) == 0) {
                        assert_int_equal(diff.n, ALWAYS_N);
                        option_diff_fini(&diff);
                }
                assert_string_equal(eb.text, cases[i].want);
                options_free(now);
                launch_fini(&launch);
        }
}

/* What the log says of a change, for every row that can change while the server runs. */
static void test_lines(void **state)
{
        static const struct {
                const char *before, *after, *want;
        } cases[] = {
                { "", "client_advertise: 'a:1'", "Reload: client_advertise = a:1\n" },
                { "", "max_payload: 1k; ping_interval: '90s'",
                        "Reloaded: ping_interval = 1m30s\nReloaded: max_payload = 1000\n" },
                { "", "server_tags: a; server_metadata {k: v}",
                        "Reloaded: tags\nReloaded: metadata\n" },
                { "", "no_fast_producer_stall: true",
                        "Reloaded: fast producers will not be stalled\n" },
                { "no_fast_producer_stall: true", "",
                        "Reloaded: fast producers will be stalled\n" },
                { "", "logfile: f; pidfile: p",
                        "Reloaded: pid_file = p\nReloaded: log_file = f\n" },
                { "tls {}", "tls {timeout: 1.5, first: '300ms'}",
                        "Reloaded: authorization timeout = 2.5\nReloaded: tls timeout = 1.5\n"
                        "Reloaded: tls = enabled\nReloaded: Client TLS handshake first: true\n"
                        "Reloaded: Client TLS handshake first fallback delay: 300ms\n" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct launch launch;
                struct option_diff diff;
                struct buf text;
                buf_init(&text);
                write_file("r.conf", cases[i].before);
                run(&launch, "midge -c r.conf");
                write_file("r.conf", cases[i].after);
                struct options *now = options_reload(launch.options, &launch.flags, &hooks, &text);
                assert_non_null(now);
                assert_int_equal(options_diff(launch.options, now, &diff, NULL), 0);
                for (int j = 0; j < diff.n; j++) {
                        if (is_always(&diff.changes[j]))
                                continue;
                        option_change_line(&text, &diff.changes[j]);
                        buf_append_char(&text, '\n');
                }
                char *lines = buf_take_str(&text);
                assert_string_equal(lines, cases[i].want);
                xfree(lines);
                option_diff_fini(&diff);
                options_free(now);
                launch_fini(&launch);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exit),
                cmocka_unit_test(test_signal),
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_precedence),
                cmocka_unit_test(test_reload),
                cmocka_unit_test(test_bound_port),
                cmocka_unit_test(test_lines),
        };
        return cmocka_run_group_tests(tests, make_dir, NULL);
}
