/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h: protocol bytes made fit for a log line. */
#pragma once
#include "base/slice.h"
#include <stddef.h>

struct buf;

/* Append the text of a CONNECT, with the values of pass*, auth_token*, sig, proxy_sig and nkey
 * replaced by [REDACTED]. The text need not be valid JSON; keys are found whatever their case, and
 * a key written with escapes counts as secret. */
void proto_redact_connect(struct slice text, struct buf *out);

/* Append up to 32 bytes of the input from `start`, in Go's %q form, for the line about a protocol
 * error. */
void proto_snippet(struct slice input, size_t start, struct buf *out);
