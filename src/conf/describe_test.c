/* SPDX-License-Identifier: Apache-2.0 */
/* describe_test.c: docs/options.md says what the tables say. When it does not: ninja options-page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/mem.h"
#include <string.h>
#include "conf/describe.h"
#include "conf/flags_internal.h"
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

/* Does text hold word with nothing of a word around it? */
static bool has_word(const char *text, const char *word)
{
        static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
        size_t len = strlen(word);
        for (const char *at = text; (at = strstr(at, word)) != NULL; at += len)
                if ((at == text || !strchr(inside, at[-1])) &&
                        (at[len] == '\0' || !strchr(inside, at[len])))
                        return true;
        return false;
}

static void check_flags(void (*describe)(struct buf *out), const char *dash, const char *dashes)
{
        struct buf page = { 0 };
        char name[64], word[80];
        describe(&page);
        char *text = buf_take_str(&page);
        for (int i = 0; i < FLAG_COUNT; i++)
                for (const char *at = flag_rows[i].names; *at;) {
                        size_t len = strcspn(at, "|");
                        snprintf(name, sizeof name, "%.*s", (int)len, at);
                        snprintf(word, sizeof word, "%s%s", len > 2 ? dashes : dash, name);
                        if (has_word(text, word) == flag_rows[i].later)
                                fail_msg("%s", word);
                        at += at[len] ? len + 1 : len;
                }
        xfree(text);
}

static void test_flags_in_all_pages(void **state)
{
        (void)state;
        check_flags(options_describe_man, "\\fB\\-", "\\fB\\-\\-");
        check_flags(options_describe_bash, "-", "--");
        check_flags(options_describe_zsh, "-", "--");
}

static void test_options_in_man(void **state)
{
        struct buf page = { 0 };
        (void)state;
        options_describe_man(&page);
        char *text = buf_take_str(&page);
        for (int i = 0; i < option_row_n; i++) {
                char entry[128];
                snprintf(entry, sizeof entry, "\\fB%s\\fR", option_rows[i].name);
                if (option_rows[i].support == OPTION_DONE && !strstr(text, entry))
                        fail_msg("%s", entry);
        }
        xfree(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_page),
                cmocka_unit_test(test_rows), cmocka_unit_test(test_flags_in_all_pages),
                cmocka_unit_test(test_options_in_man) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
