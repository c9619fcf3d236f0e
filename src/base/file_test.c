/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[80];

static int setup(void **state)
{
        snprintf(dir, sizeof dir, "/tmp/midge-file-test-XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        snprintf(path, sizeof path, "%s/file", dir);
        return 0;
}

static int teardown(void **state)
{
        unlink(path);
        return rmdir(dir); /* nothing else is in it */
}

static void expect(const char *text)
{
        char found[64] = "";
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t n = fread(found, 1, sizeof found - 1, file);
        fclose(file);
        assert_int_equal(n, strlen(text));
        assert_string_equal(found, text);
}

static int entries(void)
{
        DIR *all = opendir(dir);
        int n = 0;
        assert_non_null(all);
        while (readdir(all))
                n++;
        closedir(all);
        return n - 2;
}

static void replaces_whole_files(void **state)
{
        struct errbuf eb;
        struct stat st;
        assert_int_equal(file_replace(path, SLICE_LIT("a longer text"), &eb), 0);
        expect("a longer text");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(file_replace(path, SLICE_LIT("short"), &eb), 0);
        expect("short");
        assert_int_equal(file_replace(path, SLICE_NULL, &eb), 0);
        expect("");
        assert_int_equal(entries(), 1);
}

static void a_failure_changes_nothing(void **state)
{
        struct errbuf eb;
        struct rlimit before, small;
        char want[128], large[4096];
        memset(large, 'x', sizeof large);
        assert_int_equal(file_replace(path, SLICE_LIT("old"), &eb), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = before;
        small.rlim_cur = 1000;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int rc = file_replace(path, slice_of(large, sizeof large), &eb);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(rc, -EFBIG);
        snprintf(want, sizeof want, "write %s: file too large", path);
        assert_string_equal(eb.text, want);
        expect("old");
        assert_int_equal(entries(), 1);
}

static void says_what_is_in_the_way(void **state)
{
        struct errbuf eb;
        char want[128];
        assert_int_equal(file_replace(path, SLICE_LIT("x"), &eb), 0);
        char below[96];
        snprintf(below, sizeof below, "%s/x", path);
        assert_int_equal(file_replace(below, SLICE_LIT("x"), &eb), -ENOTDIR);
        snprintf(want, sizeof want, "open %s: not a directory", below);
        assert_string_equal(eb.text, want);
        unlink(path);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(file_replace(path, SLICE_LIT("x"), &eb), -EISDIR);
        snprintf(want, sizeof want, "rename %s: is a directory", path);
        assert_string_equal(eb.text, want);
        assert_int_equal(entries(), 1);
        rmdir(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(replaces_whole_files, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failure_changes_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(says_what_is_in_the_way, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
