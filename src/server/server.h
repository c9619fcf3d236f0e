/* SPDX-License-Identifier: Apache-2.0 */
/* server.h: the composition root: everything is built, started, reloaded and stopped here, in one order.
 * All functions on the control (main) thread. */
#pragma once
#include "base/err.h"
#include "conf/options.h"
#include <stdbool.h>

struct server;
struct tls_options;

/* Serve until a signal ends it. Takes ownership of opts. argc and argv are kept for reloads: what was
 * given on the command line holds again then.
 * Returns the exit status; fatal errors were logged. */
int server_run(struct options *opts, int argc, char **argv);

/* Can the files of this tls map be loaded? For `-t`: the hook of options_load(). */
MUST_CHECK int server_check_tls(const struct tls_options *opts, struct errbuf *eb);
