/* SPDX-License-Identifier: Apache-2.0 */
/* server.h: the composition root: everything is built, started, reloaded and stopped here, in one order.
 * All functions on the control (main) thread. */
#pragma once
#include "base/err.h"
#include "conf/options.h"
#include <stdbool.h>

struct launch;
struct server;
struct tls_options;

/* Serve until a signal ends it. Takes launch->options; the rest of launch (flags, program) must stay
 * valid meanwhile: a reload merges the command line again.
 * Returns the exit status; fatal errors were logged. */
int server_run(struct launch *launch);

/* Can the files of this tls map be loaded? For `-t`: the hook of options_load(). */
MUST_CHECK int server_check_tls(const struct tls_options *opts, struct errbuf *eb);
