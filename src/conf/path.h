/* SPDX-License-Identifier: Apache-2.0 */
/* path.h: path arithmetic on text, without asking the file system. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

/* Append the shortest equal path: no empty or "." elements, ".." resolved where possible; "." for
 * "". */
void path_clean(struct buf *out, struct slice path);
/* Append the directory part of path, cleaned: "." when it has none. */
void path_dir(struct buf *out, struct slice path);
/* Append dir/path, cleaned. An absolute path is joined as well. */
void path_join(struct buf *out, struct slice dir, struct slice path);
