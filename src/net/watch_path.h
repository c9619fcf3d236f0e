/* SPDX-License-Identifier: Apache-2.0 */
/* watch_path.h: which directories decide what a path means. */
#pragma once
#include <stddef.h>

enum { WATCH_DIRS_MAX = 64 };

struct watch_dirs {
        char *at[WATCH_DIRS_MAX]; /* owned; each once */
        int n;
};

/* Add the directory of the file that path leads to, and the directory of each symbolic link on the way.
 * Stops where the path does not lead on: the directories up to there are what a repair will change. */
void watch_dirs_add(struct watch_dirs *dirs, const char *path);
void watch_dirs_fini(struct watch_dirs *dirs);
