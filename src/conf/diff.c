/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c: two sets of options, row by row. */
#include "conf/diff.h"

static const char *print(
        struct arena *arena, const struct options *opts, const struct option_row *row)
{
        struct buf text;
        buf_init(&text);
        option_print(&text, opts, row);
        const char *kept = arena_str(arena, buf_slice(&text));
        buf_fini(&text);
        return kept;
}

int options_diff(const struct options *old, const struct options *now, struct option_diff *diff,
        struct errbuf *eb)
{
        *diff = (struct option_diff){ .arena = arena_new() };
        diff->changes = arena_alloc(diff->arena, (size_t)option_row_n * sizeof *diff->changes);
        for (int i = 0; i < option_row_n; i++) {
                const struct option_row *row = &option_rows[i];
                if (row->field[0] == '\0' || option_same(old, now, row))
                        continue;
                const char *was = print(diff->arena, old, row);
                const char *is = print(diff->arena, now, row);
                if (row->reload == OPTION_NEVER) {
                        errbuf_set(eb, ERR_CONFIG,
                                "config reload not supported for %s: old=%s, new=%s", row->field,
                                was, is);
                        option_diff_fini(diff);
                        return ERR_CONFIG;
                }
                diff->changes[diff->n++] = (struct option_change){ row, was, is };
        }
        return 0;
}

void option_diff_fini(struct option_diff *diff)
{
        arena_free(diff->arena);
        *diff = (struct option_diff){ 0 };
}
