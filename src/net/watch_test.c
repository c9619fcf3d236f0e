/* SPDX-License-Identifier: Apache-2.0 */
/* Real files in a directory of their own; the loop runs on the test's thread. */
#include "net/watch.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"
#include "net/watch_path.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[PATH_MAX];

static const char *path(const char *name)
{
        static char paths[8][PATH_MAX + 64];
        static int at;
        char *text = paths[at++ % 8];
        snprintf(text, sizeof paths[0], "%s/%s", dir, name);
        return text;
}

static void put(const char *name, const char *text)
{
        FILE *file = fopen(path(name), "w");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void make_dir(const char *name)
{
        assert_int_equal(mkdir(path(name), 0700), 0);
}

static void make_link(const char *target, const char *name)
{
        assert_int_equal(symlink(target, path(name)), 0);
}

static void move(const char *from, const char *to)
{
        assert_int_equal(rename(path(from), path(to)), 0);
}

static int setup(void **state)
{
        char made[] = "/tmp/midge-watch-test-XXXXXX";
        (void)state;
        return mkdtemp(made) && realpath(made, dir) ? 0 : -1;
}

static int teardown(void **state)
{
        char command[PATH_MAX + 16];
        (void)state;
        snprintf(command, sizeof command, "rm -r '%s'", dir);
        return system(command);
}

/* ---- which directories -------------------------------------------------------------------- */

static void check_dirs(const char *of, int n, ...)
{
        struct watch_dirs dirs = { .n = 0 };
        va_list args;
        watch_dirs_add(&dirs, of);
        assert_int_equal(dirs.n, n);
        va_start(args, n);
        for (int i = 0; i < n; i++)
                assert_string_equal(dirs.at[i], va_arg(args, const char *));
        va_end(args);
        watch_dirs_fini(&dirs);
}

static void directories_of_a_path(void **state)
{
        (void)state;
        make_dir("plain");
        put("plain/tls.crt", "1");
        check_dirs(path("plain/tls.crt"), 1, path("plain"));
        check_dirs(path("plain//./tls.crt"), 1, path("plain/."));
        check_dirs("tls.crt", 1, ".");
        check_dirs("./tls.crt", 1, ".");
        check_dirs("/tls.crt", 1, "/");
        /* As Kubernetes mounts a secret. */
        make_dir("pod");
        make_dir("pod/..1");
        put("pod/..1/tls.crt", "1");
        make_link("..1", "pod/..data");
        make_link("..data/tls.crt", "pod/tls.crt");
        check_dirs(path("pod/tls.crt"), 2, path("pod"), path("pod/..1"));
        /* As certbot keeps its certificates. */
        make_dir("live");
        make_dir("archive");
        put("archive/cert1.pem", "1");
        make_link("../archive/cert1.pem", "live/cert.pem");
        check_dirs(path("live/cert.pem"), 2, path("live"), path("live/../archive"));
        /* A link to an absolute path, and a directory that is a link. */
        make_link(path("live"), "current");
        check_dirs(path("current/cert.pem"), 3, dir, path("live"), path("live/../archive"));
        /* What is not there will appear in what is. */
        check_dirs(path("plain/none/tls.crt"), 2, path("plain"), path("plain/none"));
        make_link("round", "round");
        struct watch_dirs dirs = { .n = 0 };
        watch_dirs_add(&dirs, path("round/tls.crt")); /* ends */
        watch_dirs_fini(&dirs);
}

/* ---- changes ------------------------------------------------------------------------------ */

struct seen {
        struct loop *loop;
        struct watch *watch;
        struct timer limit, action;
        void (*act)(int step);
        int step, calls;
};

static void on_change(void *ctx)
{
        struct seen *seen = ctx;
        seen->calls++;
        loop_stop(seen->loop);
}

static void on_limit(struct timer *timer)
{
        loop_stop(CONTAINER_OF(timer, struct seen, limit)->loop);
}

static void on_action(struct timer *timer)
{
        struct seen *seen = CONTAINER_OF(timer, struct seen, action);
        seen->act(seen->step);
}

/* Do one step while the loop runs, and wait for the call; at most ns. */
static int calls_after(struct seen *seen, int step, uint64_t ns)
{
        int before = seen->calls;
        seen->step = step;
        seen->limit.fn = on_limit;
        seen->action.fn = on_action;
        loop_timer_start(seen->loop, &seen->action, 0);
        loop_timer_start(seen->loop, &seen->limit, ns);
        loop_run(seen->loop);
        loop_timer_stop(seen->loop, &seen->limit);
        return seen->calls - before;
}

static void open_seen(struct seen *seen, void (*act)(int), const char *file)
{
        *seen = (struct seen){ .loop = loop_new(0), .act = act };
        seen->watch = watch_open(seen->loop, on_change, seen);
        watch_files(seen->watch, &file, 1);
}

static void close_seen(struct seen *seen)
{
        watch_close(seen->watch);
        loop_free(seen->loop);
}

#define SOON (20 * NS_PER_SEC)     /* much later than any call should be */
#define QUIET (3 * WATCH_QUIET_NS) /* longer than a call takes */

static void write_steps(int step)
{
        if (step == 1) {
                put("plain/tls.crt", "2");
        } else if (step == 2) {
                put("plain/new", "3");
                move("plain/new", "plain/tls.crt");
        } else if (step == 3) {
                put("plain/other.log", "a log beside it");
        } else if (step == 4) {
                assert_int_equal(unlink(path("plain/tls.crt")), 0);
        } else if (step == 5) {
                put("plain/tls.crt", "4");
        }
}

static void files_that_are_written_and_renamed(void **state)
{
        struct seen seen;
        (void)state;
        open_seen(&seen, write_steps, path("plain/tls.crt"));
        assert_int_equal(calls_after(&seen, 1, SOON), 1);
        assert_int_equal(calls_after(&seen, 2, SOON), 1);
        assert_int_equal(calls_after(&seen, 3, QUIET), 0);
        assert_int_equal(calls_after(&seen, 4, SOON), 1);
        assert_int_equal(calls_after(&seen, 5, SOON), 1);
        close_seen(&seen);
}

static void swap_steps(int step)
{
        char target[16], next[32];
        snprintf(target, sizeof target, "..%d", step + 1);
        snprintf(next, sizeof next, "pod/..%d", step + 1);
        make_dir(next);
        snprintf(next, sizeof next, "pod/..%d/tls.crt", step + 1);
        put(next, "1");
        make_link(target, "pod/..data_tmp");
        move("pod/..data_tmp", "pod/..data");
}

/* Twice: the directory of the second content was not there when the watch began. */
static void links_that_are_swapped(void **state)
{
        struct seen seen;
        (void)state;
        open_seen(&seen, swap_steps, path("pod/tls.crt"));
        assert_int_equal(calls_after(&seen, 1, SOON), 1);
        assert_int_equal(calls_after(&seen, 2, SOON), 1);
        close_seen(&seen);
}

static void certbot_steps(int step)
{
        char target[32], file[32];
        snprintf(target, sizeof target, "../archive/cert%d.pem", step + 1);
        snprintf(file, sizeof file, "archive/cert%d.pem", step + 1);
        put(file, "1");
        assert_int_equal(unlink(path("live/cert.pem")), 0);
        make_link(target, "live/cert.pem");
}

static void links_that_are_made_anew(void **state)
{
        struct seen seen;
        (void)state;
        open_seen(&seen, certbot_steps, path("current/cert.pem"));
        assert_int_equal(calls_after(&seen, 1, SOON), 1);
        assert_int_equal(calls_after(&seen, 2, SOON), 1);
        close_seen(&seen);
}

static void nothing_to_watch(void **state)
{
        struct seen seen;
        const char *none = path("nowhere/at/all");
        (void)state;
        open_seen(&seen, write_steps, none);
        watch_files(seen.watch, NULL, 0);
        assert_int_equal(calls_after(&seen, 1, QUIET), 0);
        close_seen(&seen);
        watch_close(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(directories_of_a_path),
                cmocka_unit_test(files_that_are_written_and_renamed),
                cmocka_unit_test(links_that_are_swapped),
                cmocka_unit_test(links_that_are_made_anew),
                cmocka_unit_test(nothing_to_watch),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
