/* SPDX-License-Identifier: Apache-2.0 */
/* file.h: writing files to the last byte. Blocks: for no loop. Any thread. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* Write all of it at the file's position, and have it on the disk. 0 or a negative errno. */
MUST_CHECK int file_write_all(int fd, struct slice bytes);

/* Put a file of mode 0600 in the place of path, by way of a temporary one beside it: whoever reads path, whenever
 * this ends, finds the old file or the new one. Returns 0, or a negative errno and "write PATH: no space left
 * on device" in eb; then the old one stays and nothing is left behind. */
MUST_CHECK int file_replace(const char *path, struct slice bytes, struct errbuf *eb);
