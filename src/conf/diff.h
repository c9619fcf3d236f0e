/* SPDX-License-Identifier: Apache-2.0 */
/* diff.h: what a reload changes, in the order of option.def. */
#pragma once
#include "conf/schema.h"

struct option_change {
        const struct option_row *row; /* row->field names the change, row->reload its class */
        const char *was, *now;        /* as Go's %v prints them; owned by the arena */
};

struct option_diff {
        struct arena *arena; /* owned */
        struct option_change *changes;
        int n;
};

/* Compare finished options.
 * Returns 0 with the changes, or ERR_CONFIG with "config reload not supported for FIELD: old=…,
 * new=…" for the first difference that a running server cannot take; then there are no changes.
 * With TLS on, the TLSConfig row is always among them: files may have changed behind their names.
 */
MUST_CHECK int options_diff(const struct options *old, const struct options *now,
        struct option_diff *diff, struct errbuf *eb);
void option_diff_fini(struct option_diff *diff);

/* Append the line that a reload logs for the change: "Reloaded: max_payload = 2000". Nothing: it has none. */
void option_change_line(struct buf *out, const struct option_change *change);
