/* SPDX-License-Identifier: Apache-2.0 */
/* describe_test.c: docs/options.md says what the tables say. When it does not: ninja options-page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "conf/describe.h"
#include "conf/schema.h"

static void test_page(void **state)
{
        struct buf page, file;
        buf_init(&page);
        buf_init(&file);
        options_describe(&page);
        FILE *in = fopen(MIDGE_OPTIONS_PAGE, "r");
        assert_non_null(in);
        char part[4096];
        for (size_t n; (n = fread(part, 1, sizeof part, in)) > 0;)
                buf_append(&file, part, n);
        fclose(in);
        assert_int_equal(page.len, file.len);
        assert_memory_equal(page.ptr, file.ptr, page.len);
        buf_fini(&page);
        buf_fini(&file);
}

/* A spelling belongs to one row, and every refusal of a reload has a name. */
static void test_rows(void **state)
{
        for (int i = 0; i < option_row_n; i++) {
                const struct option_row *row = &option_rows[i];
                assert_true(row->support != OPTION_INTERNAL || row->field[0] != '\0');
                for (int j = 0; row->name[0] && j < option_row_n; j++)
                        if (j != i && schema_is_key(option_rows[j].name, option_rows[j].aliases,
                                              slice_str(row->name)))
                                fail_msg("%s stands in two rows", row->name);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_page),
                cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
