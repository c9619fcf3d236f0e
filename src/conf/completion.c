/* SPDX-License-Identifier: Apache-2.0 */
/* completion.c: the flags as completions of bash and zsh. */
#include "conf/describe.h"
#include "conf/flags_internal.h"
#include <string.h>

#define SIGNALS "ldm stop quit term reopen reload"
#define WORDS "bench cert"

enum value { VALUE_NONE, VALUE_ANY, VALUE_FILE, VALUE_DIR, VALUE_SIGNAL };

static enum value value_of(const struct flag_row *row)
{
        if (row == &flag_rows[FLAG_SIGNAL])
                return VALUE_SIGNAL;
        if (strcmp(row->argument, "<file>") == 0)
                return VALUE_FILE;
        if (strcmp(row->argument, "<dir>") == 0)
                return VALUE_DIR;
        return row->argument[0] ? VALUE_ANY : VALUE_NONE;
}

/* "-p" and "--port", as people write them, each followed by end. */
static void spell(struct buf *out, const struct flag_row *row, const char *between, const char *end)
{
        bool first = true;
        for (const char *at = row->names; *at;) {
                size_t len = strcspn(at, "|");
                buf_printf(out, "%s%s%.*s%s", first ? "" : between, len > 2 ? "--" : "-", (int)len,
                        at, end);
                first = false;
                at += at[len] ? len + 1 : len;
        }
}

static void bash_case(struct buf *out, enum value value, const char *answer)
{
        bool any = false;
        for (int i = 0; i < FLAG_COUNT; i++) {
                if (flag_rows[i].later || value_of(&flag_rows[i]) != value)
                        continue;
                buf_append_str(out, any ? "|" : "        ");
                spell(out, &flag_rows[i], "|", "");
                any = true;
        }
        if (any)
                buf_printf(out, ")\n                %s\n                return ;;\n", answer);
}

void options_describe_bash(struct buf *out)
{
        buf_append_str(out, "# Written from the tables in src/conf by the build.\n"
                            "_midge()\n{\n"
                            "        local cur=${COMP_WORDS[COMP_CWORD]} "
                            "prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                            "        COMPREPLY=()\n"
                            "        case $prev in\n");
        bash_case(out, VALUE_FILE, "COMPREPLY=($(compgen -f -- \"$cur\"))");
        bash_case(out, VALUE_DIR, "COMPREPLY=($(compgen -d -- \"$cur\"))");
        bash_case(out, VALUE_SIGNAL, "COMPREPLY=($(compgen -W '" SIGNALS "' -- \"$cur\"))");
        bash_case(out, VALUE_ANY, ":");
        buf_append_str(out, "        esac\n"
                            "        if [[ $cur != -* && $COMP_CWORD -eq 1 ]]; then\n"
                            "                COMPREPLY=($(compgen -W '" WORDS "' -- \"$cur\"))\n"
                            "                return\n"
                            "        fi\n"
                            "        COMPREPLY=($(compgen -W '");
        for (int i = 0; i < FLAG_COUNT; i++) {
                if (flag_rows[i].later)
                        continue;
                buf_append_str(out, i > 0 ? " " : "");
                spell(out, &flag_rows[i], " ", "");
        }
        buf_append_str(out, "' -- \"$cur\"))\n}\ncomplete -o filenames -F _midge midge\n");
}

/* What stands in single quotes and in brackets of _arguments. */
static void zsh_text(struct buf *out, const char *help)
{
        for (; *help; help++) {
                if (*help == '\'')
                        buf_append_str(out, "'\\''");
                else if (strchr("[]:\\", *help))
                        buf_printf(out, "\\%c", *help);
                else
                        buf_append_char(out, *help == '\n' ? ' ' : *help);
        }
}

static void zsh_flag(struct buf *out, const struct flag_row *row)
{
        static const char *const actions[] = {
                [VALUE_NONE] = "",
                [VALUE_ANY] = ":value: ",
                [VALUE_FILE] = ":file:_files",
                [VALUE_DIR] = ":directory:_files -/",
                [VALUE_SIGNAL] = ":signal:(" SIGNALS ")",
        };
        for (const char *at = row->names; *at;) {
                size_t len = strcspn(at, "|");
                buf_append_str(out, "        '(");
                spell(out, row, " ", "");
                buf_printf(out, ")%s%.*s[", len > 2 ? "--" : "-", (int)len, at);
                zsh_text(out, row->help);
                buf_printf(out, "]%s' \\\n", actions[value_of(row)]);
                at += at[len] ? len + 1 : len;
        }
}

void options_describe_zsh(struct buf *out)
{
        buf_append_str(out, "#compdef midge\n"
                            "# Written from the tables in src/conf by the build.\n"
                            "_arguments \\\n");
        for (int i = 0; i < FLAG_COUNT; i++)
                if (!flag_rows[i].later)
                        zsh_flag(out, &flag_rows[i]);
        buf_append_str(out, "        '1:command:(" WORDS ")' \\\n        '*::argument:_files'\n");
}
