/* SPDX-License-Identifier: Apache-2.0 */
/* text.h: encodings and quoting. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hex, lower case; dst holds 2*len+1. */
void text_hex(const uint8_t *bytes, size_t len, char *dst);
/* RFC 4648 base32 without padding; dst holds ceil(len*8/5)+1. */
void text_base32(const uint8_t *bytes, size_t len, char *dst);
/* RFC 4648 base64url without padding; dst holds ceil(len*4/3)+1. */
void text_base64url(const uint8_t *bytes, size_t len, char *dst);
/* RFC 4648 base64 with padding; dst holds 4*ceil(len/3)+1. */
void text_base64(const uint8_t *bytes, size_t len, char *dst);

/* Decoders: strict (upper-case base32, no blanks, no stray bits in the last character, the padding
 * that the form asks for). False when the text is not of that form or does not fit into size bytes;
 * then *len is untouched and dst may hold a part. */
MUST_CHECK bool text_base32_decode(struct slice s, uint8_t *dst, size_t size, size_t *len);
MUST_CHECK bool text_base64url_decode(struct slice s, uint8_t *dst, size_t size, size_t *len);
MUST_CHECK bool text_base64_decode(struct slice s, uint8_t *dst, size_t size, size_t *len);

/* Go's %q: double quotes, backslash escapes, printable Unicode left as it is
 * (a code point that Unicode has not assigned counts as printable here). */
void text_quote(struct buf *out, struct slice s);
/* Decode one UTF-8 character; returns its width (1 and U+FFFD for an invalid byte; 0 at the end).
 */
size_t text_utf8(struct slice s, uint32_t *rune);
void text_utf8_append(struct buf *out, uint32_t rune);
