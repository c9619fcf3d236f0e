/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signal_cmd.h"
#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* No number may reach kill() that stands for more than one process: 0, -1, and 2^32-1, which is cut to -1. */
static void only_single_processes(void **state)
{
        static const struct {
                const char *text;
                long pid; /* 0: refused */
        } cases[] = {
                { "1", 1 },
                { "4711", 4711 },
                { "2147483647", 2147483647 },
                { "2147483648", 0 },
                { "4294967295", 0 },
                { "4294967296", 0 },
                { "4294967297", 0 },
                { "9999999999", 0 },
                { "18446744073709551615", 0 },
                { "99999999999999999999", 0 },
                { "0", 0 },
                { "-1", 0 },
                { "-4711", 0 },
                { "+1", 0 },
                { "", 0 },
                { " 1", 0 },
                { "1 ", 0 },
                { "1\n", 0 },
                { "0x10", 0 },
                { "1e3", 0 },
                { "1*", 0 },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                long pid = 0;
                bool is = signal_cmd_is_pid(cases[i].text, &pid);
                assert_int_equal(is, cases[i].pid != 0);
                assert_int_equal(pid, cases[i].pid);
        }
}

/* Refused before anybody is looked for; here are only texts that could do no harm if they were not. */
static void sentences(void **state)
{
        static const char *const cases[][2] = {
                { "x", "invalid pid: x" },
                { ".", "invalid pid: ." }, /* a directory, not an empty pid file */
                { "1x*", "invalid pid: 1x" },
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct errbuf eb = { "" };
                assert_int_equal(signal_cmd("reload", cases[i][0], &eb), ERR_INVALID);
                assert_string_equal(eb.text, cases[i][1]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_single_processes),
                cmocka_unit_test(sentences),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
