/* SPDX-License-Identifier: Apache-2.0 */
/* parser.c: one operation at a time out of contiguous bytes.
 *
 *   PUB orders.eu reply 5\r\nhello\r\n
 *   ^verb             line^     ^payload, then CRLF
 *       ^args begin
 *
 * The four verbs that make up the traffic are told by their letters and their arguments are split
 * while the end of the line is searched, in one pass. Everything else goes through verb_table. An
 * incomplete line is split again when more has come, but only once its LF is there: until then just
 * the new bytes are searched (scanned), so a peer that sends byte by byte costs no more than one
 * that does not. */
#include "proto/parser.h"

#define ARGS_MAX 4
#define SEPARATOR_BYTES_MAX 4096 /* blanks between a verb and its first argument */
#define CONTROL_LINE_FACTOR 16   /* for kinds other than client: origin, account, queues */

#define VERB_WORD(a, b, c, d) ((uint32_t)(a) | (b) << 8 | (c) << 16 | (uint32_t)(d) << 24)
#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

/* Begins and lengths apart: a slice written in two halves and copied whole right after waits for
 * the store buffer, which costs more than splitting the line. */
struct args {
        const char *at[ARGS_MAX];
        size_t len[ARGS_MAX];
        int n;
        const char *begin; /* first byte behind the separator */
        const char *end;   /* of the arguments, CR excluded */
        const char *next;  /* behind the LF */
};

enum scan { SCAN_LINE, SCAN_MORE, SCAN_BAD };

static inline bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static inline bool is_separator(char c)
{
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Compilers turn these into one load on little-endian machines. */
static inline uint32_t load_le32(const char *ptr)
{
        const unsigned char *p = (const unsigned char *)ptr;

        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const char *ptr)
{
        const unsigned char *p = (const unsigned char *)ptr;

        return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
               (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
               (uint64_t)p[7] << 56;
}

/* The high bit of each byte below 0x21, which all separators are; of the lowest such byte exactly, because
 * a borrow only runs upwards. */
static inline uint64_t low_bytes(uint64_t word)
{
        return (word - EACH_BYTE(0x21)) & ~word & EACH_BYTE(0x80);
}

/* The first separator of [p, end), or end. Eight bytes at a time. */
static inline const char *token_end(const char *p, const char *end)
{
        while (end - p >= 8) {
                uint64_t low = low_bytes(load_le64(p));

                if (!low) {
                        p += 8;
                        continue;
                }
                p += __builtin_ctzll(low) / 8;
                if (LIKELY(is_separator(*p)))
                        return p;
                p++;
        }
        while (p < end && !is_separator(*p))
                p++;
        return p;
}

static inline struct slice arg(const struct args *a, int i)
{
        return slice_of(a->at[i], a->len[i]);
}

/* Split the arguments of the line that goes on at p, up to its LF. SCAN_BAD: too many, or a CR
 * inside. */
ALWAYS_INLINE enum scan args_scan(const char *p, const char *end, int max, struct args *a)
{
        int n = 0;

        while (p < end && is_blank(*p))
                p++;
        a->begin = p;
        while (p < end) {
                if (LIKELY((unsigned char)*p > ' ' || !is_separator(*p))) {
                        if (UNLIKELY(n == max))
                                return SCAN_BAD;
                        a->at[n] = p;
                        p = token_end(p, end);
                        a->len[n] = (size_t)(p - a->at[n]);
                        n++;
                } else if (*p == '\r' || *p == '\n') {
                        a->end = p;
                        if (*p == '\r' && ++p == end)
                                return SCAN_MORE;
                        a->next = p + 1;
                        a->n = n;
                        return *p == '\n' ? SCAN_LINE : SCAN_BAD;
                }
                if (p < end && is_blank(*p))
                        p++;
        }
        return SCAN_MORE;
}

static inline size_t line_limit(const struct parser *p)
{
        return p->kind == VERB_KIND_CLIENT ? p->max_control_line
                                           : p->max_control_line * CONTROL_LINE_FACTOR;
}

/* The limit counts argument bytes; the separators before them, which the reference lets grow
 * without end, have a bound of their own because they stay in the connection's buffer. */
static inline bool line_is_over(
        const struct parser *p, const char *verb_end, const char *begin, const char *end)
{
        return (size_t)(end - begin) > line_limit(p) ||
               (size_t)(begin - verb_end) > SEPARATOR_BYTES_MAX;
}

/* No LF yet. */
static int line_more(
        struct parser *p, const char *data, size_t len, const char *verb_end, const char *begin)
{
        const char *end = data + len;

        if (end > begin && end[-1] == '\r')
                end--;
        if (line_is_over(p, verb_end, begin, end))
                return ERR_PROTO_CONTROL_LINE;
        if (data + len > begin) {
                p->args_at = (size_t)(begin - data);
                p->scanned = len;
        }
        return PARSE_MORE;
}

/* The whole line from its argument begin, unsplit. Returns PARSE_FRAME when it is there. */
static int line_take(struct parser *p, const char *data, size_t len, size_t verb_bytes,
        struct slice *line, size_t *line_bytes)
{
        const char *end = data + len, *verb_end = data + verb_bytes, *begin = verb_end, *lf;

        while (begin < end && is_blank(*begin))
                begin++;
        lf = begin < end ? memchr(begin, '\n', (size_t)(end - begin)) : NULL;
        if (!lf)
                return line_more(p, data, len, verb_end, begin);
        *line_bytes = (size_t)(lf + 1 - data);
        if (lf > begin && lf[-1] == '\r')
                lf--;
        if (line_is_over(p, verb_end, begin, lf))
                return ERR_PROTO_CONTROL_LINE;
        *line = slice_of(begin, (size_t)(lf - begin));
        return PARSE_FRAME;
}

/* The line could not be split. Its fault shows when it is complete, as the reference does it. */
static int line_unsplit(struct parser *p, const char *data, size_t len, size_t verb_bytes)
{
        struct slice line;
        size_t line_bytes;
        int result = line_take(p, data, len, verb_bytes, &line, &line_bytes);

        return result == PARSE_FRAME ? ERR_PROTO_ARGS : result;
}

static inline int64_t size_of(struct slice token)
{
        int64_t n = 0;

        if (token.len == 0 || token.len > 9)
                return -1;
        for (size_t i = 0; i < token.len; i++) {
                unsigned digit = (unsigned char)token.ptr[i] - (unsigned)'0';

                if (digit > 9)
                        return -1;
                n = n * 10 + digit;
        }
        return n;
}

/* Each field by itself. For the whole struct at once gcc emits `rep stos`; for chained assignments
 * it reads back, as 16 bytes, what it has just stored as two halves. Either costs more than parsing
 * a small PUB. */
static inline void frame_begin(struct frame *out, enum verb verb)
{
        out->verb = verb;
        out->total_bytes = 0;
        out->line_bytes = 0;
        out->consumed = 0;
        out->need = 0;
        out->max = 0;
        out->msg.subject = SLICE_NULL;
        out->msg.reply = SLICE_NULL;
        out->msg.tail = SLICE_NULL;
        out->msg.wire = SLICE_NULL;
        out->msg.header_bytes = 0;
        out->header_size = SLICE_NULL;
        out->total_size = SLICE_NULL;
        out->subject = SLICE_NULL;
        out->queue = SLICE_NULL;
        out->sid = SLICE_NULL;
        out->text = SLICE_NULL;
}

/* The fields that publish_quick() leaves alone. */
static inline void frame_fill(struct frame *out, enum verb verb)
{
        out->verb = verb;
        out->max = 0;
        out->subject = SLICE_NULL;
        out->queue = SLICE_NULL;
        out->sid = SLICE_NULL;
        out->text = SLICE_NULL;
}

static inline int frame_done(struct parser *p, struct frame *out, size_t consumed)
{
        out->consumed = consumed;
        p->scanned = 0;
        p->need = 0;
        return PARSE_FRAME;
}

/* Behind the line: header, payload, CRLF. Sizes are set in *out. */
static inline int payload_take(
        struct parser *p, const char *data, size_t len, size_t line_bytes, struct frame *out)
{
        size_t total = out->total_bytes, need = line_bytes + total + 2;
        const char *body = data + line_bytes;

        if (UNLIKELY(p->max_payload >= 0 && (int64_t)total > p->max_payload))
                return ERR_PROTO_PAYLOAD;
        if (UNLIKELY(len < need)) {
                if (len == need - 1 && body[total] != '\r')
                        return ERR_PROTO_OP;
                p->need = out->need = need;
                return PARSE_MORE;
        }
        if (UNLIKELY(memcmp(body + total, "\r\n", 2) != 0))
                return ERR_PROTO_OP;
        out->msg.wire = slice_of(body, total + 2);
        return frame_done(p, out, need);
}

static inline int sizes_take(
        struct frame *out, struct slice header_size, struct slice total_size, bool with_header)
{
        int64_t header = with_header ? size_of(header_size) : 0, total = size_of(total_size);

        if (UNLIKELY(header < 0 || total < 0 || header > total))
                return ERR_PROTO_ARGS;
        out->header_size = header_size;
        out->total_size = total_size;
        out->msg.header_bytes = (uint32_t)header;
        out->total_bytes = (uint32_t)total;
        return 0;
}

/* Take the argument behind the blank at *at; *at moves to the blank or CR behind it. false: another byte
 * ends it, it is empty, or it comes so near to the end that eight bytes cannot be loaded. */
ALWAYS_INLINE bool quick_arg(const char **at, const char *end, struct slice *arg)
{
        const char *begin = *at + 1, *stop = begin;
        uint64_t low = 0;

        for (; end - stop > 8; stop += 8) {
                low = low_bytes(load_le64(stop));
                if (LIKELY(low))
                        break;
        }
        if (UNLIKELY(!low))
                return false;
        stop += (unsigned)__builtin_ctzll(low) / 8;
        *arg = slice_of(begin, (size_t)(stop - begin));
        *at = stop;
        return LIKELY(stop != begin && (*stop == ' ' || (*stop == '\r' && stop[1] == '\n')));
}

/* A line as client libraries write it, with single blanks and CRLF, is split into *out; returns the byte
 * behind it. NULL: another line, or not all of one; *out is undefined. */
ALWAYS_INLINE const char *publish_quick(const struct parser *p, const char *data, size_t len,
        enum verb verb, size_t verb_bytes, struct frame *out)
{
        const char *at = data + verb_bytes, *end = data + len, *tail;
        struct slice a, b = SLICE_NULL, c = SLICE_NULL, none;
        bool with_header = verb == VERB_HPUB;

        if (UNLIKELY(*at != ' ' || (with_header && !p->headers_ok)))
                return NULL;
        if (UNLIKELY(!quick_arg(&at, end, &out->msg.subject) || *at != ' '))
                return NULL;
        tail = at + 1;
        none = slice_of(tail, 0);
        if (UNLIKELY(!quick_arg(&at, end, &a) || (with_header && *at != ' ')))
                return NULL;
        if (*at == ' ' && UNLIKELY(!quick_arg(&at, end, &b)))
                return NULL;
        if (with_header && *at == ' ' && UNLIKELY(!quick_arg(&at, end, &c)))
                return NULL;
        if (UNLIKELY(*at != '\r' || (size_t)(at - data) - verb_bytes > p->max_control_line))
                return NULL;
        out->msg.reply = none;
        if (with_header ? c.len > 0 : b.len > 0) {
                out->msg.reply = a;
                a = b;
                b = c;
        }
        out->msg.tail = slice_of(tail, (size_t)(at + 2 - tail));
        out->header_size = with_header ? a : none;
        out->total_size = with_header ? b : a;
        out->line_bytes = (uint32_t)(at + 2 - data);
        return at + 2;
}

/* Single blanks and CRLF, as publish_quick() wants them? */
static bool is_plain_line(const char *verb_end, const struct args *a)
{
        const char *at = verb_end;

        for (int i = 0; i < a->n; i++) {
                if (*at != ' ' || a->at[i] != at + 1)
                        return false;
                at = a->at[i] + a->len[i];
        }
        return *at == '\r' && a->next == at + 2;
}

/* The sizes are split: the rest of the operation. */
static inline int publish_rest(
        struct parser *p, const char *data, size_t len, size_t line_bytes, struct frame *out)
{
        bool with_header = out->verb == VERB_HPUB;

        if (UNLIKELY(sizes_take(out, out->header_size, out->total_size, with_header) < 0))
                return ERR_PROTO_ARGS;
        if (with_header && UNLIKELY(out->msg.header_bytes == 0)) {
                out->msg.tail = SLICE_NULL; /* it is delivered as a message without header */
                out->line_bytes = 0;
        }
        return payload_take(p, data, len, line_bytes, out);
}

/* PUB subject [reply] size, HPUB subject [reply] header-size total-size, with any blanks. */
static NOINLINE int publish_split(struct parser *p, const char *data, size_t len, enum verb verb,
        size_t verb_bytes, struct frame *out)
{
        bool with_header = verb == VERB_HPUB;
        int least = with_header ? 3 : 2;
        struct args a;
        enum scan scan = args_scan(data + verb_bytes, data + len, least + 1, &a);
        size_t line_bytes;

        out->verb = verb; /* also beside an error */
        if (UNLIKELY(scan != SCAN_LINE))
                return line_unsplit(p, data, len, verb_bytes);
        if (UNLIKELY(line_is_over(p, data + verb_bytes, a.begin, a.end)))
                return ERR_PROTO_CONTROL_LINE;
        if (UNLIKELY(a.n < least || (with_header && !p->headers_ok)))
                return ERR_PROTO_ARGS;
        frame_begin(out, verb);
        line_bytes = (size_t)(a.next - data);
        out->msg.subject = arg(&a, 0);
        out->msg.reply = slice_of(a.at[1], a.n > least ? a.len[1] : 0);
        out->header_size = slice_of(a.at[a.n - 2], with_header ? a.len[a.n - 2] : 0);
        out->total_size = arg(&a, a.n - 1);
        if (is_plain_line(data + verb_bytes, &a)) {
                out->msg.tail = slice_of(a.at[1], (size_t)(a.next - a.at[1]));
                out->line_bytes = (uint32_t)line_bytes;
        }
        return publish_rest(p, data, len, line_bytes, out);
}

ALWAYS_INLINE int publish_take(struct parser *p, const char *data, size_t len, enum verb verb,
        size_t verb_bytes, struct frame *out)
{
        const char *body = publish_quick(p, data, len, verb, verb_bytes, out);

        if (UNLIKELY(!body))
                return publish_split(p, data, len, verb, verb_bytes, out);
        frame_fill(out, verb);
        return publish_rest(p, data, len, (size_t)(body - data), out);
}

/* SUB subject [queue] sid, UNSUB sid [max]. */
ALWAYS_INLINE int interest_take(struct parser *p, const char *data, size_t len, enum verb verb,
        size_t verb_bytes, struct frame *out)
{
        bool is_sub = verb == VERB_SUB;
        int least = is_sub ? 2 : 1;
        struct args a;
        enum scan scan = args_scan(data + verb_bytes, data + len, least + 1, &a);

        out->verb = verb; /* also beside an error */
        if (UNLIKELY(scan != SCAN_LINE))
                return line_unsplit(p, data, len, verb_bytes);
        if (UNLIKELY(line_is_over(p, data + verb_bytes, a.begin, a.end)))
                return ERR_PROTO_CONTROL_LINE;
        if (UNLIKELY(a.n < least))
                return ERR_PROTO_ARGS;
        frame_begin(out, verb);
        if (is_sub) {
                out->subject = arg(&a, 0);
                out->sid = arg(&a, a.n - 1);
                if (a.n > least)
                        out->queue = arg(&a, 1);
        } else {
                out->sid = arg(&a, 0);
                out->max = a.n > least ? size_of(arg(&a, 1)) : -1;
        }
        return frame_done(p, out, (size_t)(a.next - data));
}

/* SUB as client libraries write it; returns the bytes of it. 0: another line, or not all of one. */
static inline size_t sub_quick(
        const struct parser *p, const char *data, size_t len, struct frame *out)
{
        const char *at = data + 3, *end = data + len;
        struct slice subject, a, b = SLICE_NULL;

        if (UNLIKELY(*at != ' ' || !quick_arg(&at, end, &subject) || *at != ' '))
                return 0;
        if (UNLIKELY(!quick_arg(&at, end, &a) || (*at == ' ' && !quick_arg(&at, end, &b))))
                return 0;
        if (UNLIKELY(*at != '\r' || (size_t)(at - data) - 3 > p->max_control_line))
                return 0;
        frame_begin(out, VERB_SUB);
        out->subject = subject;
        out->queue = b.len > 0 ? a : b;
        out->sid = b.len > 0 ? b : a;
        return (size_t)(at + 2 - data);
}

/* One copy for each hot verb, its number of arguments folded in. */
static int pub_take(struct parser *p, const char *data, size_t len, struct frame *out)
{
        return publish_take(p, data, len, VERB_PUB, 3, out);
}

static int hpub_take(struct parser *p, const char *data, size_t len, struct frame *out)
{
        return publish_take(p, data, len, VERB_HPUB, 4, out);
}

static int sub_take(struct parser *p, const char *data, size_t len, struct frame *out)
{
        size_t line_bytes = sub_quick(p, data, len, out);

        if (UNLIKELY(line_bytes == 0))
                return interest_take(p, data, len, VERB_SUB, 3, out);
        return frame_done(p, out, line_bytes);
}

static int unsub_take(struct parser *p, const char *data, size_t len, struct frame *out)
{
        return interest_take(p, data, len, VERB_UNSUB, 5, out);
}

/* The last argument of *line, which is shortened by it. */
static struct slice last_arg(struct slice *line)
{
        size_t end = line->len, begin;

        while (end > 0 && is_blank(line->ptr[end - 1]))
                end--;
        begin = end;
        while (begin > 0 && !is_blank(line->ptr[begin - 1]))
                begin--;
        line->len = begin;
        return slice_of(line->ptr + begin, end - begin);
}

/* Verbs of other servers: the line stays whole, only the sizes at its end are read. */
static int sized_line_take(struct parser *p, const char *data, size_t len, size_t line_bytes,
        bool with_header, struct frame *out)
{
        struct slice rest = out->text;
        struct slice total = last_arg(&rest);
        struct slice header = with_header ? last_arg(&rest) : SLICE_NULL;

        if (sizes_take(out, header, total, with_header) < 0)
                return ERR_PROTO_ARGS;
        return payload_take(p, data, len, line_bytes, out);
}

static int text_take(
        struct parser *p, const char *data, size_t len, enum verb verb, struct frame *out)
{
        const struct verb_info *info = &verb_table[verb];
        size_t line_bytes = 0;
        int result;

        frame_begin(out, verb);
        result = line_take(p, data, len, info->text.len, &out->text, &line_bytes);
        if (result != PARSE_FRAME)
                return result;
        if (info->shape == VERB_SHAPE_LINE_SIZE || info->shape == VERB_SHAPE_LINE_SIZES)
                return sized_line_take(
                        p, data, len, line_bytes, info->shape == VERB_SHAPE_LINE_SIZES, out);
        if (out->text.len == 0 && (verb == VERB_CONNECT || verb == VERB_INFO))
                return ERR_PROTO_ARGS;
        if (info->shape == VERB_SHAPE_NONE)
                out->text = SLICE_NULL;
        return frame_done(p, out, line_bytes);
}

static int take(struct parser *p, const char *data, size_t len, enum verb verb, struct frame *out)
{
        switch (verb_table[verb].shape) {
        case VERB_SHAPE_PUB:
                return pub_take(p, data, len, out);
        case VERB_SHAPE_HPUB:
                return hpub_take(p, data, len, out);
        case VERB_SHAPE_SUB:
                return sub_take(p, data, len, out);
        case VERB_SHAPE_UNSUB:
                return unsub_take(p, data, len, out);
        case VERB_SHAPE_NONE:
        case VERB_SHAPE_TEXT:
        case VERB_SHAPE_LINE:
        case VERB_SHAPE_LINE_SIZE:
        case VERB_SHAPE_LINE_SIZES:
                break;
        }
        return text_take(p, data, len, verb, out);
}

static inline bool is_letter(char c, char upper)
{
        return (c & 0xdf) == upper;
}

/* The verb, of letters only, and a blank; the caller has checked that there are so many bytes. */
ALWAYS_INLINE bool is_verb(const char *data, const char *upper, size_t letters)
{
        for (size_t i = 0; i < letters; i++) {
                if (!is_letter(data[i], upper[i]))
                        return false;
        }
        return is_blank(data[letters]);
}

/* How many bytes of text, at most len, the data begins with; letters in either case. */
static size_t common_bytes(const char *data, size_t len, struct slice text)
{
        size_t n = 0;

        while (n < len && n < text.len) {
                char want = text.ptr[n];

                if (want >= 'A' && want <= 'Z' ? !is_letter(data[n], want) : data[n] != want)
                        break;
                n++;
        }
        return n;
}

/* PARSE_FRAME: *verb is known and the byte behind it fits. */
static int verb_find(const struct parser *p, const char *data, size_t len, enum verb *verb)
{
        for (int v = 0; v < VERB_COUNT; v++) {
                const struct verb_info *info = &verb_table[v];
                size_t n;

                if (!(info->kinds & p->kind))
                        continue;
                n = common_bytes(data, len, info->text);
                if (n == len)
                        return PARSE_MORE;
                if (n < info->text.len)
                        continue;
                if (info->separator == VERB_SEPARATOR_REQUIRED && !is_blank(data[n]))
                        return ERR_PROTO_OP;
                *verb = (enum verb)v;
                return PARSE_FRAME;
        }
        return ERR_PROTO_OP;
}

/* More of an incomplete operation has come. PARSE_FRAME: worth reading it from its beginning. */
static int resume(struct parser *p, const char *data, size_t len, struct frame *out)
{
        const char *verb_end = data + p->args_at; /* the separators were counted before */

        out->need = p->need;
        if (p->need)
                return len + 1 < p->need ? PARSE_MORE : PARSE_FRAME;
        if (len > p->scanned && memchr(data + p->scanned, '\n', len - p->scanned))
                return PARSE_FRAME;
        return line_more(p, data, len, verb_end, verb_end);
}

void parser_init(struct parser *p, enum verb_kind kind)
{
        *p = (struct parser){ .kind = kind, .max_payload = -1, .max_control_line = 4096 };
}

/* Whatever parser_next() does not tell by its first letters. */
static NOINLINE int next_slow(struct parser *p, const char *data, size_t len, struct frame *out)
{
        enum verb verb;
        int result;

        out->need = 0;
        if (p->scanned || p->need) {
                result = resume(p, data, len, out);
                if (result != PARSE_FRAME)
                        return result;
        }
        if (len > 6 && p->kind == VERB_KIND_CLIENT) {
                if (is_verb(data, "PUB", 3))
                        return pub_take(p, data, len, out);
                if (is_verb(data, "HPUB", 4))
                        return hpub_take(p, data, len, out);
                if (is_verb(data, "SUB", 3))
                        return sub_take(p, data, len, out);
                if (is_verb(data, "UNSUB", 5))
                        return unsub_take(p, data, len, out);
        }
        result = len ? verb_find(p, data, len, &verb) : PARSE_MORE;
        if (result != PARSE_FRAME)
                return result;
        return take(p, data, len, verb, out);
}

int parser_next(struct parser *p, const char *data, size_t len, struct frame *out)
{
        if (UNLIKELY(len <= 6 || p->kind != VERB_KIND_CLIENT || (p->scanned | p->need) != 0))
                return next_slow(p, data, len, out);
        uint32_t word = load_le32(data);
        out->need = 0;
        if (LIKELY((word & VERB_WORD(0xdf, 0xdf, 0xdf, 0xff)) == VERB_WORD('P', 'U', 'B', ' ')))
                return pub_take(p, data, len, out);
        if ((word & VERB_WORD(0xdf, 0xdf, 0xdf, 0xdf)) == VERB_WORD('H', 'P', 'U', 'B') &&
                data[4] == ' ')
                return hpub_take(p, data, len, out);
        if ((word & VERB_WORD(0xdf, 0xdf, 0xdf, 0xff)) == VERB_WORD('S', 'U', 'B', ' '))
                return sub_take(p, data, len, out);
        return next_slow(p, data, len, out);
}

int64_t proto_parse_size(struct slice token)
{
        return size_of(token);
}
