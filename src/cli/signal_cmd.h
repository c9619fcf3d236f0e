/* SPDX-License-Identifier: Apache-2.0 */
/* signal_cmd.h: `--signal COMMAND[=PID]`: tell another server to stop, quit, reload, … (config.md 3.5). */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* pid: a number, a prefix ending in '*', a file that holds one, or "" for the only server running.
 * Returns 0, or ERR_INVALID with the reference's sentence. */
MUST_CHECK int signal_cmd(const char *command, const char *pid, struct errbuf *eb);

/* Is the text the number of one process? Zero, negative numbers and what the system would cut down to
 * them mean groups of processes, even all of them. */
MUST_CHECK bool signal_cmd_is_pid(const char *text, long *pid);
