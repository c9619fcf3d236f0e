/* SPDX-License-Identifier: Apache-2.0 */
/* log_test.c: files in a scratch directory, standard error through a pipe, a syslog socket of our
 * own. */
#include "base/log.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static char path[96];

static int dir_make(void **state)
{
        snprintf(dir, sizeof dir, "/tmp/midge-log-XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        snprintf(path, sizeof path, "%s/server.log", dir);
        return 0;
}

/* How many names hold `part`. */
static int dir_count(const char *part, bool remove)
{
        int n = 0;
        DIR *stream = opendir(dir);
        assert_non_null(stream);
        for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
                char full[512];
                if (entry->d_name[0] == '.')
                        continue;
                n += strstr(entry->d_name, part) != NULL;
                snprintf(full, sizeof full, "%s/%s", dir, entry->d_name);
                if (remove)
                        unlink(full);
        }
        closedir(stream);
        return n;
}

static int dir_remove(void **state)
{
        log_close();
        dir_count("", true);
        return rmdir(dir);
}

static char *read_text(const char *from)
{
        struct buf out = { 0 };
        char part[4096];
        int fd = open(from, O_RDONLY);
        assert_true(fd >= 0);
        for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
                buf_append(&out, part, (size_t)n);
        close(fd);
        return buf_take_str(&out);
}

static void check_matches(const char *text, const char *pattern)
{
        regex_t regex;
        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&regex, text, 0, NULL, 0) != 0)
                fail_msg("<%s> does not match <%s>", text, pattern);
        regfree(&regex);
}

/* Compare the log file with want, where every $ stands for this process's "[PID]". */
static void check_file(const char *want)
{
        struct buf full = { 0 };
        for (; *want != '\0'; want++) {
                if (*want == '$')
                        buf_printf(&full, "[%d]", (int)getpid());
                else
                        buf_append_char(&full, *want);
        }
        char *text = read_text(path), *expected = buf_take_str(&full);
        assert_string_equal(text, expected);
        xfree(text);
        xfree(expected);
}

static void open_file(bool debug, bool trace, long long limit, long long max_files)
{
        struct errbuf eb = { "" };
        struct log_options opts = { .file = path,
                .debug = debug,
                .trace = trace,
                .size_limit_bytes = limit,
                .max_files = max_files };
        assert_int_equal(log_open(&opts, &eb), 0);
}

static void cid(const struct log_tag *tag, char *dst, size_t size)
{
        snprintf(dst, size, "127.0.0.1:4000 - cid:7");
}

static void writes_levels(void **state)
{
        const struct log_tag tag = { cid };
        struct stat st;
        log_info(NULL, "lost");
        open_file(false, false, 0, 0);
        log_info(NULL, "one %d", 1);
        log_debug(NULL, "not shown");
        log_warn(&tag, "two");
        log_error(NULL, "three\n");
        log_set_levels(true, true);
        log_debug(NULL, "four");
        log_trace(&tag, "%s", "five");
        log_fatal(NULL, "six");
        log_flush();
        check_file("$ [INF] one 1\n$ [WRN] 127.0.0.1:4000 - cid:7 - two\n$ [ERR] three\n"
                   "$ [DBG] four\n$ [TRC] 127.0.0.1:4000 - cid:7 - five\n$ [FTL] six\n");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0137, 0); /* 0640 less the umask */
}

static void defuses_control_characters(void **state)
{
        open_file(false, false, 0, 0);
        log_error(NULL, "Client Error '%s'",
                "a\x1b[31m\r\x7f\x01"
                "b\tc\xc2\x9b"
                "0m d\xc3\xa9 \x9c");
        log_flush();
        check_file("$ [ERR] Client Error 'a?[31m???b\tc??0m d\xc3\xa9 \x9c'\n");
}

static void writes_the_time(void **state)
{
        static const struct {
                bool utc;
        } rows[] = { { false }, { true } };
        setenv("TZ", "XYZ-5", 1);
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct errbuf eb;
                char pattern[160], local[8], utc[8];
                struct log_options opts = { .file = path, .time = true, .time_utc = rows[i].utc };
                time_t now = time(NULL);
                struct tm tm;
                strftime(utc, sizeof utc, "%H", gmtime_r(&now, &tm));
                strftime(local, sizeof local, "%H", localtime_r(&now, &tm));
                assert_string_not_equal(utc, local);
                unlink(path);
                assert_int_equal(log_open(&opts, &eb), 0);
                log_info(NULL, "x");
                log_flush();
                snprintf(pattern, sizeof pattern,
                        "^\\[%d\\] 20[0-9]{2}/[01][0-9]/[0-3][0-9] %s:[0-5][0-9]:[0-5][0-9]\\."
                        "[0-9]{6} \\[INF\\] x\n$",
                        (int)getpid(), rows[i].utc ? utc : local);
                char *text = read_text(path);
                check_matches(text, pattern);
                xfree(text);
        }
        unsetenv("TZ");
}

static void cuts_long_lines(void **state)
{
        open_file(false, false, 0, 0);
        log_info(NULL, "%0100000d", 0);
        log_info(NULL, "%02000d", 0);
        log_flush();
        char *text = read_text(path), head[32];
        int head_len = snprintf(head, sizeof head, "[%d] [INF] ", (int)getpid());
        char *end = strchr(text, '\n');
        assert_int_equal(end - text, head_len + 64 * 1024);
        assert_int_equal(strlen(end + 1), head_len + 2000 + 1);
        xfree(text);
}

static void refuses_bad_files(void **state)
{
        struct errbuf eb, want;
        open_file(false, false, 0, 0);
        char bad[128];
        snprintf(bad, sizeof bad, "%s/no/such", dir);
        struct log_options opts = { .file = bad };
        assert_true(log_open(&opts, &eb) < 0);
        errbuf_set(&want, 0, "error opening file: open %s: no such file or directory", bad);
        assert_string_equal(eb.text, want.text);
        log_info(NULL, "still here");
        log_flush();
        check_file("$ [INF] still here\n");
}

static void reopens(void **state)
{
        struct errbuf eb;
        char moved[128];
        assert_int_equal(log_reopen(&eb), ERR_NOTFOUND);
        assert_string_equal(eb.text, "no logger");
        open_file(false, false, 0, 0);
        log_info(NULL, "old");
        snprintf(moved, sizeof moved, "%s.1", path);
        assert_int_equal(rename(path, moved), 0);
        log_info(NULL, "still old");
        assert_int_equal(log_reopen(&eb), 0);
        log_info(NULL, "new");
        log_flush();
        check_file("$ [INF] new\n");
        char *text = read_text(moved);
        check_matches(text, "old\n.*still old\n$");
        xfree(text);
}

static void rotates_and_purges(void **state)
{
        char pattern[256], stale[160];
        snprintf(stale, sizeof stale, "%s.2019.05.16.11.21.19.801539000", path);
        int fd = open(stale, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
        snprintf(stale, sizeof stale, "%s.2019.05.16", path); /* no backup of ours */
        fd = open(stale, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
        open_file(false, false, 200, 3);
        for (int i = 0; i < 8; i++) {
                log_info(NULL, "%0210d", i); /* each one overflows */
                log_flush();
        }
        assert_int_equal(dir_count("server.log.", false), 2 + 1);
        char *text = read_text(path);
        snprintf(pattern, sizeof pattern,
                "^\\[%d\\] \\[INF\\] Rotated log, backup saved as "
                "\"%s\\.20[0-9]{2}(\\.[0-9]{2}){5}\\.[0-9]{9}\"\r\n"
                "\\[%d\\] \\[INF\\] Purged log file \"server.log\\.[0-9.]{29}\"\r\n$",
                (int)getpid(), path, (int)getpid());
        check_matches(text, pattern);
        xfree(text);
        assert_int_equal(access(stale, F_OK), 0);
}

/* The clock was wrong, and was set back: what was written since must not go before what was written then. */
static void backups_of_a_wrong_clock_are_the_oldest(void **state)
{
        char wrong[160];
        snprintf(wrong, sizeof wrong, "%s.2999.05.16.11.21.19.801539000", path);
        int fd = open(wrong, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
        open_file(false, false, 200, 3);
        for (int i = 0; i < 2; i++) {
                log_info(NULL, "%0210d", i);
                log_flush();
        }
        assert_int_equal(dir_count("server.log.", false), 2);
        assert_int_equal(access(wrong, F_OK), -1);
}

static void rotates_what_is_too_long(void **state)
{
        open_file(false, false, 0, 0);
        log_info(NULL, "%0300d", 0);
        log_flush();
        open_file(false, false, 100, 0);
        log_flush();
        char *text = read_text(path);
        check_matches(text, "^\\[[0-9]+\\] \\[INF\\] Rotated log, backup saved as \".*\"\r\n$");
        xfree(text);
        assert_int_equal(dir_count("server.log.", false), 1);
}

/* A full disk: lines are lost, counted, and owned up to. */
static void survives_a_full_disk(void **state)
{
        struct errbuf eb;
        assert_int_equal(symlink("/dev/full", path), 0);
        open_file(false, false, 0, 0);
        for (int i = 0; i < 3; i++) {
                log_info(NULL, "lost");
                log_flush();
        }
        assert_int_equal(unlink(path), 0);
        assert_int_equal(log_reopen(&eb), 0);
        log_info(NULL, "found");
        log_flush();
        check_file("$ [WRN] 3 log lines lost: no space left on device\n$ [INF] found\n");
}

/* Standard error that nobody reads: callers go on, and the rest is counted. */
static void drops_when_the_reader_sleeps(void **state)
{
        int ends[2], saved = dup(STDERR_FILENO);
        struct errbuf eb;
        struct log_options opts = { .file = NULL };
        assert_int_equal(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        assert_int_equal(log_open(&opts, &eb), 0);
        for (int i = 0; i < 3000; i++) /* 12 MB */
                log_info(NULL, "%04000d", i);
        unsigned long long total = 0, dropped = 0;
        FILE *stream = fdopen(ends[0], "r");
        char *line = NULL;
        size_t cap = 0;
        while (total + dropped < 3000 && getline(&line, &cap, stream) > 0) {
                unsigned long long more = 0;
                char *at = strstr(line, "[WRN] ");
                if (at == NULL)
                        total++;
                else
                        assert_int_equal(sscanf(at, "[WRN] %llu log lines dropped", &more), 1);
                dropped += more;
        }
        assert_int_equal(total + dropped, 3000);
        assert_in_range(dropped, 500, 2000);
        log_close();
        dup2(saved, STDERR_FILENO);
        close(saved);
        fclose(stream);
        free(line);
}

enum { LOGGERS = 4, LINES = 1000 };

static void log_much(void *ctx)
{
        for (int i = 0; i < LINES; i++)
                log_info(NULL, "thread %d line %d", (int)(intptr_t)ctx, i);
}

static void keeps_order_per_thread(void **state)
{
        struct thread *threads[LOGGERS];
        int next[LOGGERS] = { 0 };
        open_file(false, false, 0, 0);
        for (intptr_t i = 0; i < LOGGERS; i++)
                threads[i] = thread_start("logger", THREAD_TEST, log_much, (void *)i);
        for (int i = 0; i < 50; i++)
                log_flush();
        for (int i = 0; i < LOGGERS; i++)
                thread_join(threads[i]);
        log_close();
        char *text = read_text(path);
        for (char *at = text; (at = strstr(at, "thread ")) != NULL; at++) {
                int thread, number;
                assert_int_equal(sscanf(at, "thread %d line %d\n", &thread, &number), 2);
                assert_in_range(thread, 0, LOGGERS - 1);
                assert_int_equal(number, next[thread]++);
        }
        for (int i = 0; i < LOGGERS; i++)
                assert_int_equal(next[i], LINES);
        xfree(text);
}

static void speaks_syslog(void **state)
{
        struct errbuf eb, want;
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        char url[160], text[512];
        snprintf(addr.sun_path, sizeof addr.sun_path, "%s/sock", dir);
        snprintf(url, sizeof url, "unix://%s", addr.sun_path);
        struct log_options opts = { .remote_syslog = url, .debug = true };

        assert_true(log_open(&opts, &eb) < 0);
        errbuf_set(&want, 0,
                "error connecting to syslog: \"dial unix %s: connect: no such file or directory\"",
                addr.sun_path);
        assert_string_equal(eb.text, want.text);

        int listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof addr), 0);
        assert_int_equal(listen(listener, 4), 0);
        assert_int_equal(log_open(&opts, &eb), 0);
        int fd = accept(listener, NULL, NULL);
        assert_int_equal(log_reopen(&eb), ERR_INVALID);
        assert_string_equal(eb.text, "not a file logger");
        log_warn(NULL, "careful");
        log_debug(NULL, "detail");
        log_close();
        size_t len = 0;
        for (ssize_t n; (n = read(fd, text + len, sizeof text - 1 - len)) > 0;)
                len += (size_t)n;
        text[len] = '\0';
        check_matches(text,
                "^<4>20[0-9-]{8}T[0-9:]{8}(Z|[+-][0-9]{2}:[0-9]{2}) [^ ]+ [^ ]+\\[[0-9]+\\]: "
                "careful\n<7>.*: detail\n$");
        close(fd);
        close(listener);
}

static void refuses_bad_syslog(void **state)
{
        static const struct {
                const char *url, *text;
        } rows[] = {
                { "http://h:1", "error invalid network type: \"http\"" },
                { "nonsense", "error invalid network type: \"\"" },
                { "udp://host", "error connecting to syslog: \"dial udp: address host: missing "
                                "port in address\"" },
                { "tcp://127.0.0.1:1", "error connecting to syslog: \"dial tcp 127.0.0.1:1: "
                                       "connect: connection refused\"" },
        };
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
                struct errbuf eb;
                struct log_options opts = { .remote_syslog = rows[i].url };
                assert_true(log_open(&opts, &eb) < 0);
                assert_string_equal(eb.text, rows[i].text);
        }
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, dir_make, dir_remove)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_DIR(writes_levels),
                IN_DIR(defuses_control_characters),
                IN_DIR(writes_the_time),
                IN_DIR(cuts_long_lines),
                IN_DIR(refuses_bad_files),
                IN_DIR(reopens),
                IN_DIR(rotates_and_purges),
                IN_DIR(backups_of_a_wrong_clock_are_the_oldest),
                IN_DIR(rotates_what_is_too_long),
                IN_DIR(survives_a_full_disk),
                IN_DIR(keeps_order_per_thread),
                IN_DIR(speaks_syslog),
                IN_DIR(refuses_bad_syslog),
                IN_DIR(drops_when_the_reader_sleeps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
