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
                if (!option_may_change(old, now, row)) {
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

/* Lines that do not simply name the option, as the reference words them. */
static const struct {
        const char *field, *words;
        bool tell; /* the new value follows */
} lines[] = {
        { "ClientAdvertise", "Reload: client_advertise = ", true },
        { "Nkeys", "Reloaded: authorization nkey users", false },
        { "Users", "Reloaded: authorization users", false },
        { "Accounts", "Reloaded: accounts", false },
        { "NoAuthUser", "", false }, /* it can only go, with the user, whose line is there */
        { "Username", "Reloaded: authorization username", false },
        { "Password", "Reloaded: authorization password", false },
        { "Authorization", "Reloaded: authorization token", false },
        { "AuthTimeout", "Reloaded: authorization timeout = ", true },
        { "TLSTimeout", "Reloaded: tls timeout = ", true },
        { "TLSHandshakeFirst", "Reloaded: Client TLS handshake first: ", true },
        { "TLSHandshakeFirstFallback",
                "Reloaded: Client TLS handshake first fallback delay: ", true },
        { "OCSPConfig", "Reloaded: OCSP", false },
        { "Tags", "Reloaded: tags", false },
        { "Metadata", "Reloaded: metadata", false },
        { "OCSPCacheConfig", "Reloaded OCSP peer cache", false },
};

void option_change_line(struct buf *out, const struct option_change *change)
{
        const struct option_row *row = change->row;
        if (strcmp(row->field, "NoFastProducerStall") == 0) {
                buf_printf(out, "Reloaded: fast producers will %sbe stalled",
                        strcmp(change->now, "true") == 0 ? "not " : "");
                return;
        }
        if (strcmp(row->field, "PidFile") == 0 && change->now[0] == '\0')
                return; /* the old file stays as it is */
        if (row->type == OPTION_PINS) {
                buf_printf(out, "Reloaded: %s pinned_certs", change->now);
                return;
        }
        for (size_t i = 0; i < ARRAY_N(lines); i++) {
                if (strcmp(row->field, lines[i].field) != 0)
                        continue;
                buf_printf(out, "%s%s", lines[i].words, lines[i].tell ? change->now : "");
                return;
        }
        buf_printf(out, "Reloaded: %s = %s", row->name, change->now);
}
