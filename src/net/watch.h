/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h: tells when files that are named by their paths have become other files.
 *
 * What is watched are the directories that decide what a path means: the one of the file, and the one of
 * every symbolic link on the way to it, so that both a file that is written or renamed into place and a
 * link that is swapped (Kubernetes' ..data, certbot's live/) are seen. Where the system cannot watch
 * (network file systems, no watches left), the files are looked at every WATCH_POLL_NS instead.
 * A burst of changes is one call, WATCH_QUIET_NS after the last of them, at most WATCH_BURST_NS after the
 * first. Everything on the loop's thread. */
#pragma once
#include "base/macros.h"
#include <stdint.h>

#define WATCH_QUIET_NS (200 * NS_PER_MS)
#define WATCH_BURST_NS (2 * NS_PER_SEC)
#define WATCH_POLL_NS (5 * NS_PER_SEC)

struct loop;
struct watch;

/* Something changed: which file and how is for the callee to find out. */
typedef void (*watch_fn)(void *ctx);

struct watch *watch_open(struct loop *loop, watch_fn fn, void *ctx);
/* Watch these files and no others; the paths are copied. Relative ones belong to the working directory. */
void watch_files(struct watch *watch, const char *const *paths, int n);
/* fn is not called any more; the memory goes in a later turn of the loop, or with it. NULL is fine. */
void watch_close(struct watch *watch);
