/* SPDX-License-Identifier: Apache-2.0 */
/* files.h: the files behind one `tls` map, as names and as content. Blocks (files). */
#pragma once
#include "conf/options.h"
#include <stdbool.h>
#include <stdint.h>

enum { TLS_FILES_DIGEST_BYTES = 32 };

/* Their paths, in the order of the map; borrowed from opts. Returns how many there are, at most max are
 * stored. */
int tls_files_list(const struct tls_options *opts, const char **paths, int max);

/* SHA-256 over names and contents; a file that cannot be read counts by its error. */
void tls_files_digest(const struct tls_options *opts, uint8_t digest[TLS_FILES_DIGEST_BYTES]);
