/* SPDX-License-Identifier: Apache-2.0 */
/* s2.h: S2, the extension of Snappy that Go servers compress with.
 * A stream is a row of chunks {type, 24-bit length, body}: first the identifier, then data, compressed or
 * not, each with its checksum; others are passed over or refused by their type. A block, the body of a
 * compressed chunk, is a length and a row of literals and copies. Whatever comes from a peer or a file is
 * bounded by the caller and checked; nothing of it is trusted. Any thread. */
#pragma once
#include "base/buf.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

enum { S2_BLOCK_MAX_BYTES = 4 * 1024 * 1024 }; /* the most that one chunk may decode to */

/* The length that a block says it decodes to, before anything is decoded: 0 or ERR_CORRUPT. */
MUST_CHECK int s2_block_bytes(struct slice block, size_t *bytes);

/* Decode a block into dst, of exactly the `bytes` that s2_block_bytes() told. 0 or ERR_CORRUPT, then dst
 * holds anything. */
MUST_CHECK int s2_block_decode(struct slice block, char *dst, size_t bytes);

/* The position in one stream; begins as zero. */
struct s2_reader {
        bool begun; /* the identifier came */
};

/* Take one chunk off the front of `in` and append what it holds to `out`, nothing more for most types.
 * max_bytes: the most that out may come to hold.
 * Returns: 0, ERR_AGAIN (no whole chunk yet; nothing was taken), ERR_CORRUPT, ERR_RANGE (more than
 * max_bytes), ERR_NOMEM */
MUST_CHECK int s2_read_chunk(
        struct s2_reader *reader, struct slice *in, struct buf *out, size_t max_bytes);

/* A whole stream at once; an end within a chunk is ERR_CORRUPT. Same errors. */
MUST_CHECK int s2_decode(struct slice stream, struct buf *out, size_t max_bytes);

/* Append a stream that holds plain, in uncompressed chunks. */
void s2_encode(struct slice plain, struct buf *out);
