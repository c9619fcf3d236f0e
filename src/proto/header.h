/* SPDX-License-Identifier: Apache-2.0 */
/* header.h: the NATS/1.0 header block: a version line, "Key: value" lines, a blank line, each ended
 * by CRLF. Keys are compared exactly. Blocks come from peers unchecked: nothing here trusts their
 * shape. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>

struct buf;

#define HEADER_VERSION_LINE SLICE_LIT("NATS/1.0\r\n")

/* Value of the first line that starts with "key:", leading spaces skipped, CRLF excluded.
 * Returns false, *value untouched, when there is none. value may be NULL. */
bool header_get(struct slice block, struct slice key, struct slice *value);

/* Take all lines "key:…" out, in place, a last one without CRLF included.
 * Returns the new length; 0 when nothing but the version line is left, as such a block is not worth
 * sending. */
size_t header_remove(char *block, size_t len, struct slice key);

/* Append to out a block with `key: value` as its last line and no other line of that key.
 * block may be empty: a new block is made. */
void header_set(struct slice block, struct slice key, struct slice value, struct buf *out);
