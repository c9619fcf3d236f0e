/* SPDX-License-Identifier: Apache-2.0 */
/* encode_client.c: the builders that are not worth inlining. */
#include "proto/encode_client.h"
#include "base/buf.h"

size_t encode_size(char *dst, uint64_t n)
{
        char digits[ENCODE_SIZE_MAX];
        size_t at = sizeof(digits);

        do {
                digits[--at] = (char)('0' + n % 10);
                n /= 10;
        } while (n);
        memcpy(dst, digits + at, sizeof(digits) - at);
        return sizeof(digits) - at;
}

void encode_msg_tail(
        struct buf *out, struct slice reply, struct slice header_size, struct slice total_size)
{
        if (reply.len) {
                buf_append_slice(out, reply);
                buf_append_char(out, ' ');
        }
        if (header_size.len) {
                buf_append_slice(out, header_size);
                buf_append_char(out, ' ');
        }
        buf_append_slice(out, total_size);
        buf_append_slice(out, ENCODE_CRLF);
}

size_t encode_err(char *dst, struct slice text)
{
        char *p = encode_put(dst, SLICE_LIT("-ERR '"));

        p = encode_put(p, text);
        p = encode_put(p, SLICE_LIT("'\r\n"));
        return (size_t)(p - dst);
}

size_t encode_no_responders(char *dst, struct slice reply, struct slice sid, struct slice subject)
{
        const struct slice begin = SLICE_LIT("NATS/1.0 503\r\nNats-Subject: ");
        const struct slice end = SLICE_LIT("\r\n\r\n");
        char digits[ENCODE_SIZE_MAX];
        size_t digit_n = encode_size(digits, begin.len + subject.len + end.len);
        struct slice size = slice_of(digits, digit_n);
        char *p = encode_msg_line(dst, true, reply, sid);

        p = encode_put(p, size);
        *p++ = ' ';
        p = encode_put(p, size);
        p = encode_put(p, ENCODE_CRLF);
        p = encode_put(p, begin);
        p = encode_put(p, subject);
        p = encode_put(p, end);
        p = encode_put(p, ENCODE_CRLF);
        return (size_t)(p - dst);
}
