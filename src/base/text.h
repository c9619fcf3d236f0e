/* SPDX-License-Identifier: Apache-2.0 */
/* text.h: encodings and quoting. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>

/* Hex, lower case; dst holds 2*len+1. */
void text_hex(const uint8_t *bytes, size_t len, char *dst);
/* RFC 4648 base32 without padding; dst holds ceil(len*8/5)+1. */
void text_base32(const uint8_t *bytes, size_t len, char *dst);
/* RFC 4648 base64url without padding; dst holds ceil(len*4/3)+1. */
void text_base64url(const uint8_t *bytes, size_t len, char *dst);
/* Go's %q: double quotes, backslash escapes, printable Unicode left as it is. */
void text_quote(struct buf *out, struct slice s);
/* Decode one UTF-8 character; returns its width (1 and U+FFFD for an invalid byte; 0 at the end). */
size_t text_utf8(struct slice s, uint32_t *rune);
void text_utf8_append(struct buf *out, uint32_t rune);
