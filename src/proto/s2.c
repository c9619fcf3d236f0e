/* SPDX-License-Identifier: Apache-2.0 */
/* The two low bits of an element's first byte are its kind:
 *   00  literal   the upper six bits: length - 1, or 60 to 63: the length - 1 follows in 1 to 4 bytes
 *   01  copy      three bits: length - 4; the other three and a byte: offset. Offset 0 is S2's own: the
 *                 offset before this one again; of the lengths, 5 to 7 say that 1 to 3 bytes follow
 *   10  copy      six bits: length - 1; two bytes: offset
 *   11  copy      six bits: length - 1; four bytes: offset
 * A copy may overlap what it writes; then it repeats. */
#include "proto/s2.h"
#include "base/err.h"
#include <pthread.h>

enum {
        CHUNK_COMPRESSED = 0x00,
        CHUNK_PLAIN = 0x01,
        CHUNK_SKIPPABLE = 0x80, /* from here on; below and not known: refused */
        CHUNK_IDENTIFIER = 0xff,
        HEAD_BYTES = 4,
        SUM_BYTES = 4,
        PLAIN_CHUNK_BYTES = 64 * 1024,
};

static const char identifier[] = "\xff\x06\x00\x00S2sTwO";
static const char identifier_of_snappy[] = "\xff\x06\x00\x00sNaPpY";

/* ---- CRC-32C ----------------------------------------------------------------------------- */

static uint32_t crc_table[256];

static void fill_crc_table(void)
{
        for (uint32_t i = 0; i < ARRAY_N(crc_table); i++) {
                uint32_t crc = i;
                for (int bit = 0; bit < 8; bit++)
                        crc = crc & 1 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
                crc_table[i] = crc;
        }
}

/* Masked, so that the checksum of data with checksums in it does not degenerate. */
static uint32_t checksum(struct slice plain)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        uint32_t crc = ~0U;
        pthread_once(&once, fill_crc_table);
        for (size_t i = 0; i < plain.len; i++)
                crc = crc >> 8 ^ crc_table[(crc ^ (uint8_t)plain.ptr[i]) & 0xff];
        crc = ~crc;
        return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

/* ---- blocks ------------------------------------------------------------------------------ */

/* Where a decoding stands. Every read and write goes through these cursors. */
struct decoder {
        const uint8_t *in, *in_end;
        char *out, *out_at, *out_end;
        size_t offset; /* of the last copy; 0: there was none */
};

/* n bytes, little end first; false: the input ends before. */
static bool take(struct decoder *d, size_t n, uint32_t *value)
{
        if ((size_t)(d->in_end - d->in) < n)
                return false;
        *value = 0;
        for (size_t i = 0; i < n; i++)
                *value |= (uint32_t)d->in[i] << (8 * i);
        d->in += n;
        return true;
}

static bool literal(struct decoder *d, uint8_t tag)
{
        uint32_t upper = tag >> 2, length = upper;
        if (upper >= 60 && !take(d, upper - 59, &length))
                return false;
        size_t n = (size_t)length + 1;
        if (n > (size_t)(d->in_end - d->in) || n > (size_t)(d->out_end - d->out_at))
                return false;
        memcpy(d->out_at, d->in, n);
        d->in += n;
        d->out_at += n;
        return true;
}

static bool copy(struct decoder *d, size_t n)
{
        if (d->offset == 0 || d->offset > (size_t)(d->out_at - d->out) ||
                n > (size_t)(d->out_end - d->out_at))
                return false;
        const char *from = d->out_at - d->offset;
        if (d->offset >= n)
                memcpy(d->out_at, from, n);
        else
                for (size_t i = 0; i < n; i++) /* what was just written is read again */
                        d->out_at[i] = from[i];
        d->out_at += n;
        return true;
}

/* S2: the last offset once more. */
static bool repeat(struct decoder *d, uint32_t length)
{
        static const uint32_t base[] = { 4, 1 << 8, 1 << 16 };
        if (length >= 5) {
                uint32_t more;
                if (!take(d, length - 4, &more))
                        return false;
                length = more + base[length - 5];
        }
        return copy(d, (size_t)length + 4);
}

static bool short_copy(struct decoder *d, uint8_t tag)
{
        uint32_t low, length = tag >> 2 & 7;
        if (!take(d, 1, &low))
                return false;
        size_t offset = (size_t)(tag & 0xe0) << 3 | low;
        if (offset == 0)
                return repeat(d, length);
        d->offset = offset;
        return copy(d, (size_t)length + 4);
}

static bool long_copy(struct decoder *d, uint8_t tag, size_t offset_bytes)
{
        uint32_t offset;
        if (!take(d, offset_bytes, &offset))
                return false;
        d->offset = offset;
        return copy(d, (size_t)(tag >> 2) + 1);
}

static bool element(struct decoder *d)
{
        uint8_t tag = *d->in++;
        switch (tag & 3) {
        case 0:
                return literal(d, tag);
        case 1:
                return short_copy(d, tag);
        case 2:
                return long_copy(d, tag, 2);
        default:
                return long_copy(d, tag, 4);
        }
}

/* The length in front of the elements: seven bits a byte, the least first. Returns its size, 0: none. */
static size_t block_head(struct slice block, uint64_t *length)
{
        *length = 0;
        for (size_t i = 0; i < block.len && i < 5; i++) {
                uint8_t byte = (uint8_t)block.ptr[i];
                *length |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (!(byte & 0x80))
                        return *length <= UINT32_MAX ? i + 1 : 0;
        }
        return 0;
}

int s2_block_bytes(struct slice block, size_t *bytes)
{
        uint64_t length;
        if (block_head(block, &length) == 0)
                return ERR_CORRUPT;
        *bytes = (size_t)length;
        return 0;
}

int s2_block_decode(struct slice block, char *dst, size_t bytes)
{
        uint64_t length;
        size_t head = block_head(block, &length);
        struct decoder d = { .out = dst, .out_at = dst, .out_end = dst + bytes };
        if (head == 0 || length != bytes)
                return ERR_CORRUPT;
        d.in = (const uint8_t *)block.ptr + head;
        d.in_end = (const uint8_t *)block.ptr + block.len;
        while (d.in < d.in_end)
                if (!element(&d))
                        return ERR_CORRUPT;
        return d.out_at == d.out_end ? 0 : ERR_CORRUPT;
}

/* ---- streams ----------------------------------------------------------------------------- */

static uint32_t load(const char *ptr, size_t n)
{
        uint32_t value = 0;
        for (size_t i = 0; i < n; i++)
                value |= (uint32_t)(uint8_t)ptr[i] << (8 * i);
        return value;
}

/* Room for `bytes` behind out, and one more so that there always is a place to point at. */
static int make_room(struct buf *out, size_t bytes, size_t max_bytes)
{
        if (bytes > S2_BLOCK_MAX_BYTES)
                return ERR_CORRUPT;
        if (out->len > max_bytes || bytes > max_bytes - out->len)
                return ERR_RANGE;
        return buf_reserve(out, bytes + 1) ? 0 : ERR_NOMEM;
}

/* The body of a chunk of data: a checksum, then the bytes or a block. */
static int read_data(struct slice body, bool compressed, struct buf *out, size_t max_bytes)
{
        if (body.len < SUM_BYTES)
                return ERR_CORRUPT;
        struct slice data = slice_of(body.ptr + SUM_BYTES, body.len - SUM_BYTES);
        size_t bytes = data.len;
        if (compressed && s2_block_bytes(data, &bytes) < 0)
                return ERR_CORRUPT;
        int rc = make_room(out, bytes, max_bytes);
        if (rc < 0)
                return rc;
        char *dst = out->ptr + out->len;
        if (!compressed)
                memcpy(dst, data.ptr, bytes);
        else if (s2_block_decode(data, dst, bytes) < 0)
                return ERR_CORRUPT;
        if (checksum(slice_of(dst, bytes)) != load(body.ptr, SUM_BYTES))
                return ERR_CORRUPT;
        out->len += bytes;
        return 0;
}

static int read_body(struct s2_reader *reader, uint8_t type, struct slice chunk, struct buf *out,
        size_t max_bytes)
{
        struct slice body = slice_of(chunk.ptr + HEAD_BYTES, chunk.len - HEAD_BYTES);
        if (type == CHUNK_IDENTIFIER) {
                if (!slice_eq(chunk, SLICE_LIT(identifier)) &&
                        !slice_eq(chunk, SLICE_LIT(identifier_of_snappy)))
                        return ERR_CORRUPT;
                reader->begun = true;
                return 0;
        }
        if (!reader->begun)
                return ERR_CORRUPT;
        if (type == CHUNK_COMPRESSED || type == CHUNK_PLAIN)
                return read_data(body, type == CHUNK_COMPRESSED, out, max_bytes);
        return type >= CHUNK_SKIPPABLE ? 0 : ERR_CORRUPT;
}

int s2_read_chunk(struct s2_reader *reader, struct slice *in, struct buf *out, size_t max_bytes)
{
        if (in->len < HEAD_BYTES)
                return ERR_AGAIN;
        uint8_t type = (uint8_t)in->ptr[0];
        size_t whole = HEAD_BYTES + (size_t)load(in->ptr + 1, 3);
        if (!reader->begun && type != CHUNK_IDENTIFIER)
                return ERR_CORRUPT; /* do not wait for the rest of something that is no stream */
        if (in->len < whole)
                return ERR_AGAIN;
        int rc = read_body(reader, type, slice_of(in->ptr, whole), out, max_bytes);
        if (rc == 0)
                *in = slice_of(in->ptr + whole, in->len - whole);
        return rc;
}

int s2_decode(struct slice stream, struct buf *out, size_t max_bytes)
{
        struct s2_reader reader = { 0 };
        int rc = 0;
        while (rc == 0 && stream.len > 0)
                rc = s2_read_chunk(&reader, &stream, out, max_bytes);
        return rc == ERR_AGAIN ? ERR_CORRUPT : rc;
}

static void append_number(struct buf *out, uint32_t value, int n)
{
        for (int i = 0; i < n; i++)
                buf_append_char(out, (char)(value >> (8 * i)));
}

void s2_encode(struct slice plain, struct buf *out)
{
        buf_append_slice(out, SLICE_LIT(identifier));
        while (plain.len > 0) {
                size_t n = plain.len < PLAIN_CHUNK_BYTES ? plain.len : PLAIN_CHUNK_BYTES;
                struct slice piece = slice_of(plain.ptr, n);
                buf_append_char(out, CHUNK_PLAIN);
                append_number(out, (uint32_t)(SUM_BYTES + n), 3);
                append_number(out, checksum(piece), SUM_BYTES);
                buf_append_slice(out, piece);
                plain = slice_of(plain.ptr + n, plain.len - n);
        }
}
