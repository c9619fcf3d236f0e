/* SPDX-License-Identifier: Apache-2.0 */
/* flags_usage.c: the texts of --help and --help_tls, from the tables. */
#include "conf/doc_rows.h"
#include "conf/flags_internal.h"

#define FLAG_COLUMN 4  /* where the names begin */
#define HELP_COLUMN 37 /* where the help text begins */

static void pad_to(struct buf *out, size_t line_at, size_t column)
{
        while (out->len - line_at < column)
                buf_append_char(out, ' ');
}

/* "-a, --addr, --net <host>"; names that would not leave a gap before the help go to a second line.
 */
static void names_column(struct buf *out, const struct flag_row *row, size_t *line_at)
{
        bool first = true;
        size_t before = 0;
        for (const char *name = row->names; *name;) {
                size_t len = strcspn(name, "|");
                bool last = name[len] == '\0';
                bool is_short = len <= 2 || strcmp(row->names, "DVV") == 0;
                size_t tail = last && row->argument[0] ? strlen(row->argument) + 1 : 0;
                size_t need = (first ? 0 : 2) + len + 2 + tail;
                if (!first && out->len - *line_at + need > HELP_COLUMN - 1) {
                        buf_append_char(out, '\n');
                        *line_at = out->len;
                        first = true;
                }
                if (first)
                        pad_to(out, *line_at, FLAG_COLUMN + (is_short ? 0 : 4));
                else
                        buf_append_str(out, before == 2 ? "," : ", ");
                buf_printf(out, "%s%.*s", is_short ? "-" : "--", (int)len, name);
                before = len;
                first = false;
                name += last ? len : len + 1;
        }
        if (row->argument[0])
                buf_printf(out, " %s", row->argument);
}

static void entry(struct buf *out, const struct flag_row *row)
{
        size_t line_at = out->len;
        names_column(out, row, &line_at);
        for (const char *help = row->help;;) {
                size_t len = strcspn(help, "\n");
                pad_to(out, line_at, HELP_COLUMN);
                buf_append(out, help, len);
                buf_append_char(out, '\n');
                line_at = out->len;
                if (help[len] == '\0')
                        return;
                help += len + 1;
        }
}

/* What the program does besides serving (cli/midge_main.c). */
static const char *const commands =
        "\nCommands:\n"
        "    cert dev <dir>                   Make certificates for development, to try TLS at "
        "once\n"
        "    bench <mode>                     Load a server and measure it (bench --help)\n"
        "\n";

void flags_usage(struct buf *out, const char *program)
{
        const char *section = "";
        buf_printf(out, "\nUsage: %s [options]\n", program);
        for (int i = 0; i < FLAG_COUNT; i++) {
                const struct flag_row *row = &flag_rows[i];
                if (row->later)
                        continue;
                if (strcmp(section, row->section) != 0)
                        buf_printf(out, "\n%s:\n", row->section);
                section = row->section;
                entry(out, row);
        }
        buf_append_str(out, commands);
}

static const char *const tls_sample =
        "\n"
        "TLS is configured by a tls block in the configuration file:\n"
        "\n"
        "    tls {\n"
        "        cert_file:   \"./certs/server-cert.pem\"\n"
        "        key_file:    \"./certs/server-key.pem\"\n"
        "        ca_file:     \"./certs/ca.pem\"\n"
        "        verify:      true\n"
        "        min_version: \"1.3\"\n"
        "    }\n"
        "\n"
        "Available cipher suites include:\n"
#define SUITE(name, insecure) "    " name "\n"
#include "conf/suite.def"
        "\n"
        "Available curve preferences include:\n"
#define GROUP(name) "    " name "\n"
#include "conf/suite.def"
        ;

/* A map as it would stand in the file, every key at its default, but for the one that makes it count. */
static void sample_map(struct buf *out, int indent, const char *name, const struct doc_rows *table)
{
        buf_printf(out, "%*s%s {\n", indent, "", name);
        for (size_t i = 0; i < table->n; i++) {
                const struct doc_row *row = &table->rows[i];
                const char *value = strcmp(row->name, "verify") == 0 ? "true" : row->preset;
                bool last = i + 1 == table->n;
                buf_printf(out, "%*s# %s\n%*s%s: %s\n%s", indent + 4, "", row->help, indent + 4, "",
                        row->name, value, last ? "" : "\n");
        }
        buf_printf(out, "%*s}\n", indent, "");
}

void flags_usage_tls(struct buf *out)
{
        buf_append_str(out, tls_sample);
        buf_append_str(out,
                "\nWith OCSP the issuers of client certificates are asked whether they are "
                "revoked:\n\n"
                "    tls {\n        ...\n        verify: true\n"
                "        # in short\n        ocsp_peer: true\n        # at length\n");
        sample_map(out, 8, "ocsp_peer", &doc_maps[DOC_OCSP_PEER]);
        buf_append_str(out, "        ...\n    }\n"
                            "\nTheir answers are kept, unless ocsp_cache is false:\n\n"
                            "    # in short\n    ocsp_cache: true\n    # at length\n");
        sample_map(out, 4, "ocsp_cache", &doc_maps[DOC_OCSP_CACHE]);
}
