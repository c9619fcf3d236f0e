/* SPDX-License-Identifier: Apache-2.0 */
/* man.c: the tables as a manual page, in the language of man(7). */
#include "base/version.h"
#include "conf/describe.h"
#include "conf/doc_rows.h"
#include "conf/flags_internal.h"
#include <string.h>

/* Hyphens that may be copied into a shell, no escapes, no line that begins as a request. */
static void text(struct buf *out, const char *s, size_t len)
{
        bool line_start = out->len == 0 || out->ptr[out->len - 1] == '\n';
        if (len > 0 && line_start && (s[0] == '.' || s[0] == '\''))
                buf_append_str(out, "\\&");
        for (size_t i = 0; i < len; i++) {
                if (s[i] == '-')
                        buf_append_str(out, "\\-");
                else if (s[i] == '\\')
                        buf_append_str(out, "\\e");
                else
                        buf_append_char(out, s[i] == '\n' ? ' ' : s[i]);
        }
}

static void str(struct buf *out, const char *s)
{
        text(out, s, strlen(s));
}

/* A paragraph whose tag line holds the names in bold, joined by ", ". */
static void tag(struct buf *out, const char *name, const char *aliases, const char *dash)
{
        const char *list[2] = { name, aliases };
        bool first = true;
        buf_append_str(out, ".TP\n");
        for (size_t l = 0; l < ARRAY_N(list); l++) {
                for (const char *at = list[l]; *at;) {
                        size_t len = strcspn(at, "|");
                        buf_append_str(out, first ? "\\fB" : ", \\fB");
                        str(out, dash[0] && len > 2 ? "--" : dash);
                        text(out, at, len);
                        buf_append_str(out, "\\fR");
                        first = false;
                        at += at[len] ? len + 1 : len;
                }
        }
}

static void flag_entry(struct buf *out, const struct flag_row *row)
{
        tag(out, row->names, "", "-");
        if (row->argument[0]) {
                buf_append_char(out, ' ');
                buf_append_str(out, "\\fI");
                str(out, row->argument);
                buf_append_str(out, "\\fR");
        }
        buf_append_char(out, '\n');
        str(out, row->help);
        buf_append_char(out, '\n');
}

static void flags(struct buf *out)
{
        const char *section = "";
        buf_append_str(out, ".SH OPTIONS\n"
                            "One or two dashes are alike. A value follows, or stands behind an "
                            "equals sign. A flag wins over\nthe same option of the file.\n");
        for (int i = 0; i < FLAG_COUNT; i++) {
                const struct flag_row *row = &flag_rows[i];
                if (row->later)
                        continue;
                if (strcmp(section, row->section) != 0)
                        buf_printf(out, ".SS %s\n", row->section);
                section = row->section;
                flag_entry(out, row);
        }
}

static void option_entry(struct buf *out, const char *name, const char *aliases, const char *preset,
        const char *help)
{
        tag(out, name, aliases, "");
        buf_append_char(out, '\n');
        str(out, help);
        if (preset[0]) {
                buf_append_str(out, " (default: ");
                str(out, preset);
                buf_append_char(out, ')');
        }
        buf_append_char(out, '\n');
}

static void map(struct buf *out, const struct doc_rows *table)
{
        buf_append_str(out, ".SS ");
        for (const char *c = table->title; *c; c++)
                if (*c != '`')
                        buf_append_char(out, *c);
        buf_append_char(out, '\n');
        for (size_t i = 0; i < table->n; i++) {
                const struct doc_row *row = &table->rows[i];
                option_entry(out, row->name, row->aliases, row->preset, row->help);
        }
}

static void options(struct buf *out)
{
        buf_append_str(out,
                ".SH CONFIGURATION FILE\n"
                "The file is in the NATS configuration language: \\fIoption\\fR: \\fIvalue\\fR, "
                "one "
                "on a line, maps in\nbraces, lists in brackets, comments behind # or //. Names are "
                "the same in any case. $NAME stands for\na variable of the file or of the "
                "environment.\n");
        for (int i = 0; i < option_row_n; i++)
                if (option_rows[i].support == OPTION_DONE)
                        option_entry(out, option_rows[i].name, option_rows[i].aliases,
                                option_rows[i].preset, option_rows[i].help);
        for (int i = 0; i < DOC_MAP_COUNT; i++)
                map(out, &doc_maps[i]);
}

void options_describe_man(struct buf *out)
{
        buf_printf(out,
                ".\\\" Written from the tables in src/conf by the build.\n"
                ".TH MIDGE 1 \"\" \"midge %s\" \"User Commands\"\n"
                ".SH NAME\nmidge \\- a NATS server whose heart is TLS\n"
                ".SH SYNOPSIS\n.B midge\n[\\fIoptions\\fR]\n.br\n.B midge bench\n\\fIscenario\\fR "
                "[\\fIoptions\\fR]\n.br\n.B midge cert dev\n\\fIdirectory\\fR\n"
                ".SH DESCRIPTION\n"
                "midge serves NATS clients. It takes the flags, the configuration file and the "
                "signals of nats\\-server.\n.B midge bench\nmeasures a server; its own \\-\\-help "
                "lists the scenarios.\n.B midge cert dev\nmakes certificates for development.\n",
                MIDGE_VERSION);
        flags(out);
        options(out);
        buf_append_str(out,
                ".SH SIGNALS\n"
                ".TP\n\\fBINT\\fR, \\fBTERM\\fR\nend; TERM is ignored while lame duck is under "
                "way\n"
                ".TP\n\\fBHUP\\fR\nread the configuration again; when it is wrong, nothing "
                "changes\n"
                ".TP\n\\fBUSR1\\fR\nclose and open the log file\n"
                ".TP\n\\fBUSR2\\fR\nlame duck: no new clients, those that are there are closed "
                "little by little\n"
                ".SH ENVIRONMENT\n"
                ".TP\n\\fB$NAME\\fR\nin the configuration file, when the file itself has no such "
                "variable\n"
                ".TP\n\\fBTZ\\fR\nzone of the times in the log\n"
                ".TP\n\\fBSSL_CERT_FILE\\fR, \\fBSSL_CERT_DIR\\fR\nthe system's authorities, for a "
                "tls map with verify and without ca_file\n"
                ".SH EXIT STATUS\n"
                ".TP\n0\nended by a signal; help, version, \\-t and \\-\\-signal succeeded; a flag "
                "was wrong\n"
                ".TP\n1\nanything else\n"
                ".SH SEE ALSO\nThe pages under docs/ of the source: running, tls, options, "
                "compatibility, performance.\n");
}
