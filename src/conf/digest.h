/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h: one line that tells whether two configurations mean the same. */
#pragma once
#include "conf/ast.h"

#define CONF_DIGEST_BYTES 72 /* "sha256:", 64 hex digits, NUL */

/* SHA-256 over the tree as JSON (keys sorted by bytes, variables and includes resolved) and a
 * newline. Comments, order and quoting do not matter; the case of keys does. */
void conf_digest(const struct conf_value *root, char dst[CONF_DIGEST_BYTES]);
