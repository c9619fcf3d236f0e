/* SPDX-License-Identifier: Apache-2.0 */
/* advertise.h: "host[:port]" of the advertise options. */
#pragma once
#include "base/err.h"

/* Split the text; without a port, or with 0 or -1, port is fallback. host holds at least as many bytes as
 * the text. ERR_CONFIG: the sentence is Go's ("address ::1: too many colons in address"). */
MUST_CHECK int advertise_split(
        const char *text, int fallback, char *host, int *port, struct errbuf *eb);
