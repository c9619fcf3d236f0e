/* SPDX-License-Identifier: Apache-2.0 */
/* text.c: RFC 4648 encodings as one bit pump over an alphabet, UTF-8, and Go's quoting. */
#include "base/text.h"
#include <string.h>

/* An RFC 4648 form: bits per character and the padding group (0: no padding). */
struct code {
        const char *alphabet;
        unsigned bits;
        size_t group;
};

static const struct code code_base32 = { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5, 0 };
static const struct code code_base64url = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, 0
};
static const struct code code_base64 = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, 4
};

static void encode(const struct code *code, const uint8_t *bytes, size_t len, char *dst)
{
        uint32_t pending = 0, mask = (1u << code->bits) - 1;
        unsigned have = 0;
        char *at = dst;
        for (size_t i = 0; i < len; i++) {
                pending = pending << 8 | bytes[i];
                for (have += 8; have >= code->bits;) {
                        have -= code->bits;
                        *at++ = code->alphabet[pending >> have & mask];
                }
        }
        if (have > 0)
                *at++ = code->alphabet[pending << (code->bits - have) & mask];
        while (code->group != 0 && (size_t)(at - dst) % code->group != 0)
                *at++ = '=';
        *at = '\0';
}

static bool unpad(const struct code *code, struct slice *s)
{
        size_t pads = 0;
        if (code->group == 0)
                return true;
        if (s->len % code->group != 0)
                return false;
        for (; pads < 2 && s->len > 0 && s->ptr[s->len - 1] == '='; pads++)
                s->len--;
        return true;
}

static bool decode(const struct code *code, struct slice s, uint8_t *dst, size_t size, size_t *len)
{
        uint32_t pending = 0;
        unsigned have = 0;
        size_t n = 0;
        if (!unpad(code, &s))
                return false;
        for (size_t i = 0; i < s.len; i++) {
                const char *found = memchr(code->alphabet, s.ptr[i], (size_t)1 << code->bits);
                if (found == NULL)
                        return false;
                pending = pending << code->bits | (uint32_t)(found - code->alphabet);
                have += code->bits;
                if (have < 8)
                        continue;
                have -= 8;
                if (n == size)
                        return false;
                dst[n++] = (uint8_t)(pending >> have);
        }
        /* A whole character left over carries no byte; bits that are left must be zero. */
        if (have >= code->bits || (pending & ((1u << have) - 1)) != 0)
                return false;
        *len = n;
        return true;
}

void text_hex(const uint8_t *bytes, size_t len, char *dst)
{
        static const char digits[] = "0123456789abcdef";
        for (size_t i = 0; i < len; i++) {
                *dst++ = digits[bytes[i] >> 4];
                *dst++ = digits[bytes[i] & 15];
        }
        *dst = '\0';
}

void text_base32(const uint8_t *bytes, size_t len, char *dst)
{
        encode(&code_base32, bytes, len, dst);
}

void text_base64url(const uint8_t *bytes, size_t len, char *dst)
{
        encode(&code_base64url, bytes, len, dst);
}

void text_base64(const uint8_t *bytes, size_t len, char *dst)
{
        encode(&code_base64, bytes, len, dst);
}

bool text_base32_decode(struct slice s, uint8_t *dst, size_t size, size_t *len)
{
        return decode(&code_base32, s, dst, size, len);
}

bool text_base64url_decode(struct slice s, uint8_t *dst, size_t size, size_t *len)
{
        return decode(&code_base64url, s, dst, size, len);
}

bool text_base64_decode(struct slice s, uint8_t *dst, size_t size, size_t *len)
{
        return decode(&code_base64, s, dst, size, len);
}

/* RFC 3629: the first byte fixes the width, and for some widths narrows the second byte so that
 * overlong forms, surrogates and values above U+10FFFF fall out. */
size_t text_utf8(struct slice s, uint32_t *rune)
{
        *rune = 0xfffd;
        if (s.len == 0)
                return 0;
        uint8_t first = (uint8_t)s.ptr[0];
        if (first < 0x80) {
                *rune = first;
                return 1;
        }
        if (first < 0xc2 || first > 0xf4)
                return 1;
        size_t width = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (s.len < width)
                return 1;
        uint32_t value = first & (0x7fu >> width);
        for (size_t i = 1; i < width; i++) {
                uint8_t byte = (uint8_t)s.ptr[i];
                if (byte < low || byte > high)
                        return 1;
                value = value << 6 | (byte & 0x3f);
                low = 0x80;
                high = 0xbf;
        }
        *rune = value;
        return width;
}

void text_utf8_append(struct buf *out, uint32_t rune)
{
        if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
                rune = 0xfffd;
        if (rune < 0x80) {
                buf_append_char(out, (char)rune);
                return;
        }
        int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
        static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
        char bytes[4] = { (char)(lead[more] | rune >> (6 * more)) };
        for (int i = 1; i <= more; i++)
                bytes[i] = (char)(0x80 | (rune >> (6 * (more - i)) & 0x3f));
        buf_append(out, bytes, (size_t)more + 1);
}

/* What Unicode calls control, format, private use, noncharacter, or a space other than U+0020. */
static bool printable(uint32_t rune)
{
        static const struct {
                uint32_t from, to;
        } hidden[] = {
                { 0x00, 0x1f },
                { 0x7f, 0xa0 },
                { 0xad, 0xad },
                { 0x600, 0x605 },
                { 0x61c, 0x61c },
                { 0x6dd, 0x6dd },
                { 0x70f, 0x70f },
                { 0x8e2, 0x8e2 },
                { 0x1680, 0x1680 },
                { 0x180e, 0x180e },
                { 0x2000, 0x200f },
                { 0x2028, 0x202f },
                { 0x205f, 0x206f },
                { 0x3000, 0x3000 },
                { 0xd800, 0xf8ff },
                { 0xfdd0, 0xfdef },
                { 0xfeff, 0xfeff },
                { 0xfff0, 0xfffb },
                { 0xfffe, 0xffff },
                { 0x110bd, 0x110bd },
                { 0x110cd, 0x110cd },
                { 0x1bca0, 0x1bca3 },
                { 0x1d173, 0x1d17a },
                { 0xe0000, 0xe00ff },
                { 0xe01f0, 0x10ffff },
        };
        for (size_t i = 0; i < ARRAY_N(hidden); i++) {
                if (rune >= hidden[i].from && rune <= hidden[i].to)
                        return false;
        }
        return true;
}

static void quote_rune(struct buf *out, uint32_t rune)
{
        static const char names[] = "abtnvfr"; /* U+0007 to U+000D */
        if (rune == '"' || rune == '\\')
                buf_printf(out, "\\%c", (char)rune);
        else if (rune >= 0x07 && rune <= 0x0d)
                buf_printf(out, "\\%c", names[rune - 0x07]);
        else if (printable(rune))
                text_utf8_append(out, rune);
        else if (rune < 0x80)
                buf_printf(out, "\\x%02x", (unsigned)rune);
        else
                buf_printf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)rune);
}

void text_quote(struct buf *out, struct slice s)
{
        uint32_t rune;
        buf_append_char(out, '"');
        for (size_t at = 0, width; at < s.len; at += width) {
                width = text_utf8(slice_of(s.ptr + at, s.len - at), &rune);
                if (width == 1 && rune == 0xfffd)
                        buf_printf(out, "\\x%02x", (unsigned)(uint8_t)s.ptr[at]);
                else
                        quote_rune(out, rune);
        }
        buf_append_char(out, '"');
}
