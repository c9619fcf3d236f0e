/* SPDX-License-Identifier: Apache-2.0 */
/* Each transcript is parsed whole, cut in two at every byte, and byte by byte; the operations found
 * and the way it ends must be the same. client-protocol 8.1, "Wire protocol and parser"; rows are
 * named at the tables. */
#include "proto/parser.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct settings {
        enum verb_kind kind;
        bool no_headers;
        int64_t max_payload; /* 0: no limit */
        size_t max_control_line;
};

struct transcript {
        const char *input;
        const char *want; /* operations as describe() writes them, then the end */
        struct settings set;
};

/* Input, what is found, and settings that differ from the default. */
#define CASE(in, out, ...)                                                                         \
        {                                                                                          \
                .input = (in), .want = (out), .set = { __VA_ARGS__ }                               \
        }

static void put(struct buf *out, const char *name, struct slice s)
{
        if (s.len)
                buf_printf(out, " %s=%.*s", name, SLICE_ARG(s));
}

static void describe(const struct frame *f, struct buf *out)
{
        buf_append_str(out, verb_text(f->verb));
        put(out, "subject", f->msg.subject.len ? f->msg.subject : f->subject);
        put(out, "reply", f->msg.reply);
        put(out, "queue", f->queue);
        put(out, "sid", f->sid);
        if (f->verb == VERB_UNSUB)
                buf_printf(out, " max=%d", (int)f->max);
        put(out, "text", f->text);
        if (f->total_size.len) {
                assert_int_equal(f->msg.wire.len, f->total_bytes + 2);
                assert_true(f->msg.header_bytes <= f->total_bytes);
                put(out, "hdr", f->header_size);
                put(out, "size", f->total_size);
                put(out, "header", slice_of(f->msg.wire.ptr, f->msg.header_bytes));
                put(out, "payload", msg_payload(&f->msg));
        }
        buf_append_str(out, "; ");
}

static const char *end_name(int result)
{
        switch (result) {
        case PARSE_MORE:
                return "more";
        case ERR_PROTO_OP:
                return "op";
        case ERR_PROTO_ARGS:
                return "args";
        case ERR_PROTO_CONTROL_LINE:
                return "line";
        case ERR_PROTO_PAYLOAD:
                return "payload";
        }
        return "?";
}

/* What a connection does: show the parser `visible` bytes, then more. Returns the last result. */
static int feed(struct parser *p, struct slice input, size_t *at, size_t visible, struct buf *out)
{
        for (;;) {
                struct frame frame;
                int result = parser_next(p, input.ptr + *at, visible - *at, &frame);

                if (result == PARSE_MORE && frame.need)
                        assert_true(frame.need > visible - *at);
                if (result != PARSE_FRAME)
                        return result;
                assert_true(frame.consumed > 0 && frame.consumed <= visible - *at);
                describe(&frame, out);
                *at += frame.consumed;
        }
}

static void parser_set(struct parser *p, const struct settings *set)
{
        parser_init(p, set->kind ? set->kind : VERB_KIND_CLIENT);
        p->headers_ok = !set->no_headers;
        if (set->max_payload)
                p->max_payload = set->max_payload;
        if (set->max_control_line)
                p->max_control_line = set->max_control_line;
}

/* Bytes become visible at first, then `step` at a time. A copy on the heap lets the sanitizer see
 * overreads. */
static void check(const struct transcript *t, struct slice input, size_t first, size_t step)
{
        struct parser p;
        struct buf out = { 0 };
        size_t at = 0, visible = first;
        int result;
        char *text;

        parser_set(&p, &t->set);
        for (;;) {
                size_t bytes = visible < input.len ? visible : input.len;
                char *copy = xmalloc(bytes + 1);

                memcpy(copy, input.ptr, bytes);
                copy = xrealloc(copy, bytes ? bytes : 1);
                result = feed(&p, slice_of(copy, bytes), &at, bytes, &out);
                xfree(copy);
                if (result < 0 || visible >= input.len)
                        break;
                visible += step;
        }
        buf_append_str(&out, end_name(result));
        text = buf_take_str(&out);
        assert_string_equal(text, t->want);
        xfree(text);
        buf_fini(&out);
}

static void check_all(const struct transcript *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct slice input = slice_str(cases[i].input);

                check(&cases[i], input, input.len, 1);
                check(&cases[i], input, 0, 1);
                for (size_t cut = 1; cut < input.len; cut++)
                        check(&cases[i], input, cut, input.len);
        }
}

/* "malformed verbs, arg counts, payload terminators all rejected": TestShouldFail; "unknown
 * operation": TestProtoErr; "PUBS / SUBX-style verbs rejected": TestPubToArgState,
 * TestSubToArgState. */
static void test_should_fail(void **state)
{
        static const struct transcript cases[] = {
                CASE("xxx", "op"),
                CASE("Px", "op"),
                CASE("PIx", "op"),
                CASE("PINx", "op"),
                CASE(" PING", "op"),
                CASE("POx", "op"),
                CASE("PONx", "op"),
                CASE("+x", "op"),
                CASE("+Ox", "op"),
                CASE("-x", "op"),
                CASE("-Ex", "op"),
                CASE("-ERx", "op"),
                CASE("-ERRx", "op"),
                CASE("Cx", "op"),
                CASE("COx", "op"),
                CASE("CONx", "op"),
                CASE("CONNx", "op"),
                CASE("CONNEx", "op"),
                CASE("CONNECx", "op"),
                CASE("CONNECT \r\n", "args"),
                CASE("CONNECT\n", "args"),
                CASE("PUx", "op"),
                CASE("PUBx", "op"),
                CASE("PUBS foo 2\r\n", "op"),
                CASE("PUB\r\n", "op"),
                CASE("PUB foo\r\n", "args"),
                CASE("PUB  \r\n", "args"),
                CASE("PUB \n", "args"),
                CASE("PUB foo bar       \r\n", "args"),
                CASE("PUB foo bar baz 2\r\nok\r\n", "args"),
                CASE("PUB foo 2\r\nok \r\n", "op"),
                CASE("PUB foo 2\r\nok\r \n", "op"),
                CASE("PUB foo 2\r\nok\n\n", "op"),
                CASE("Sx", "op"),
                CASE("SUx", "op"),
                CASE("SUBX foo 1\r\n", "op"),
                CASE("SUB\r\n", "op"),
                CASE("SUB  \r\n", "args"),
                CASE("SUB foo\r\n", "args"),
                CASE("SUB foo bar baz 22\r\n", "args"),
                CASE("Ux", "op"),
                CASE("UNx", "op"),
                CASE("UNSx", "op"),
                CASE("UNSUx", "op"),
                CASE("UNSUBx", "op"),
                CASE("UNSUBUNSUB 1\r\n", "op"),
                CASE("UNSUB_2\r\n", "op"),
                CASE("UNSUB_UNSUB_UNSUB 2\r\n", "op"),
                CASE("UNSUB_\t2\r\n", "op"),
                CASE("UNSUB\r\n", "op"),
                CASE("UNSUB \r\n", "args"),
                CASE("UNSUB          \t       \r\n", "args"),
                CASE("UNSUB 1 2 3\r\n", "args"),
                CASE("Ix", "op"),
                CASE("INx", "op"),
                CASE("INFx", "op"),
                CASE("INFO  \r\n", "args"),
                CASE("HMSG a 1 0 0\r\n", "op"),
                CASE("Mx", "op"),
                CASE("MSG a 1 2\r\n", "op"),
                CASE("RMSG a", "op"),
                CASE("LS+ a", "op"),
                CASE("A+ x", "op"),
                CASE("\r\n", "op"),
                CASE("\n", "op"),
                CASE("PING\r\n\r\n", "PING; op"),
                CASE("PING\r\n PING\r\n", "PING; op"),
                CASE("PUB fo\ro 2\r\nok\r\n", "args"),
        };

        check_all(cases, ARRAY_N(cases));
}

/* TestParsePing, TestParsePong, TestParseOK, TestParseConnect, TestProtoCrash, TestSplitConnectArg.
 */
static void test_simple_verbs(void **state)
{
        static const struct transcript cases[] = {
                CASE("", "more"),
                CASE("PING\r\n", "PING; more"),
                CASE("ping\n", "PING; more"),
                CASE("PiNg  \r", "more"),
                CASE("PINGxyz\r\nPONG  \t\r\n", "PING; PONG; more"),
                CASE("PINGPING\nPONG\n", "PING; PONG; more"),
                CASE("+OK\r\n+ok junk\n", "+OK; +OK; more"),
                CASE("-ERR 'Some Error'\r\n", "-ERR text='Some Error'; more"),
                CASE("-err \t\tx\n", "-ERR text=x; more"),
                CASE("-ERR \r\n", "-ERR; more"),
                CASE("CONNECT {\"verbose\":false}\r\n", "CONNECT text={\"verbose\":false}; more"),
                CASE("CONNECT{}\r\n", "CONNECT text={}; more"),
                CASE("connect\t  {\"a\": 1}  \nPING\n", "CONNECT text={\"a\": 1}  ; PING; more"),
                CASE("INFO {}\r\n", "INFO text={}; more"),
                CASE("info{\"x\":[1,2]}\n", "INFO text={\"x\":[1,2]}; more"),
        };

        check_all(cases, ARRAY_N(cases));
}

/* TestParseSub, TestSplitBufferSubOp, TestSplitBufferUnsubOp, TestSplitDanglingArgBuf. */
static void test_interest(void **state)
{
        static const struct transcript cases[] = {
                CASE("SUB foo 1\r\n", "SUB subject=foo sid=1; more"),
                CASE("sUb\tfoo.*\t \tq\t22 \t\n", "SUB subject=foo.* queue=q sid=22; more"),
                CASE("SUB  a.very.long.subject.with.many.tokens.>    "
                     "and-a-sid-of-words\r\nPING\r\n",
                        "SUB subject=a.very.long.subject.with.many.tokens.> "
                        "sid=and-a-sid-of-words; "
                        "PING; more"),
                CASE("SUB \x01\x02\xff\x7f \x03\r\n",
                        "SUB subject=\x01\x02\xff\x7f sid=\x03; more"),
                CASE("UNSUB 1\r\n", "UNSUB sid=1 max=-1; more"),
                CASE("unsub 1 5\n", "UNSUB sid=1 max=5; more"),
                CASE("UNSUB  x\t0\r\n", "UNSUB sid=x max=0; more"),
                CASE("UNSUB 1 many\r\n", "UNSUB sid=1 max=-1; more"),
                CASE("UNSUB 1 1234567890\r\n", "UNSUB sid=1 max=-1; more"),
                CASE("SUB foo 1", "more"),
        };

        check_all(cases, ARRAY_N(cases));
}

/* TestParsePub, TestParsePubArg, TestSplitBufferPubOp to Op5, TestIncompletePubArg,
 * TestProtoBasics, TestAsyncClientWithRunningServer. */
static void test_pub(void **state)
{
        static const struct transcript cases[] = {
                CASE("PUB a 2\r\nok\r\n", "PUB subject=a size=2 payload=ok; more"),
                CASE("PUB foo.bar in 5\r\nhello\r\n",
                        "PUB subject=foo.bar reply=in size=5 payload=hello; more"),
                CASE("pub \t foo \t  in\t\t 5\t\nhello\r\n",
                        "PUB subject=foo reply=in size=5 payload=hello; more"),
                CASE("PUB a 0\r\n\r\n", "PUB subject=a size=0; more"),
                CASE("PUB a 005\r\nhello\r\nPUB b 1\nx\r\n",
                        "PUB subject=a size=005 payload=hello; "
                        "PUB subject=b size=1 payload=x; more"),
                CASE("PUB a 11\r\nhello world\r", "more"),
                CASE("PUB a 4\r\n\r\n\r\n\r\nPING\r\n",
                        "PUB subject=a size=4 payload=\r\n\r\n; PING; more"),
                CASE("PUB a 2\r\nlonger\r\n", "op"),
                CASE("PUB a 5\r\nPUB b 1\r\nx\r\n", "op"),
                CASE("PUB orders.europe.west.inventory._INBOX.reply "
                     "16\r\n0123456789abcdef\r\n+OK\r\n",
                        "PUB subject=orders.europe.west.inventory._INBOX.reply size=16 "
                        "payload=0123456789abcdef; +OK; more"),
        };

        check_all(cases, ARRAY_N(cases));
}

/* TestParsePubBadSize, TestParsePubSizeOverflow, TestParseSize. */
static void test_sizes(void **state)
{
        static const struct transcript cases[] = {
                CASE("PUB a b\r\n", "args"),
                CASE("PUB a -1\r\n", "args"),
                CASE("PUB a +1\r\n", "args"),
                CASE("PUB a 0x1\r\n", "args"),
                CASE("PUB a 1a\r\n", "args"),
                CASE("PUB a 1234567890\r\n", "args"),
                CASE("PUB a 99999999999999999999\r\n", "args"),
                CASE("PUB a 999999999\r\n", "more"),
                CASE("PUB a 3333333333333333333333333333333333333333333333\r\n", "args"),
        };
        static const struct {
                const char *text;
                int64_t n;
        } sizes[] = { { "", -1 }, { "0", 0 }, { "00", 0 }, { "12345678", 12345678 },
                { "999999999", 999999999 }, { "1234567890", -1 }, { "0000000001", -1 },
                { "1/", -1 }, { "1:", -1 }, { " 1", -1 }, { "1\x80", -1 } };

        check_all(cases, ARRAY_N(cases));
        for (size_t i = 0; i < ARRAY_N(sizes); i++)
                assert_int_equal(proto_parse_size(slice_str(sizes[i].text)), sizes[i].n);
}

/* TestParseHeaderPub, TestParseHeaderPubArg. */
static void test_hpub(void **state)
{
        static const struct transcript cases[] = {
                CASE("HPUB foo 12 17\r\nname:derek\r\nHELLO\r\n",
                        "HPUB subject=foo hdr=12 size=17 header=name:derek\r\n payload=HELLO; "
                        "more"),
                CASE("hpub foo INBOX.22 012 0017\nname:derek\r\nHELLO\r\n",
                        "HPUB subject=foo reply=INBOX.22 hdr=012 size=0017 header=name:derek\r\n "
                        "payload=HELLO; more"),
                CASE("HPUB foo 0 5\r\nHELLO\r\n",
                        "HPUB subject=foo hdr=0 size=5 payload=HELLO; more"),
                CASE("HPUB foo 12 12\r\nname:derek\r\n\r\n",
                        "HPUB subject=foo hdr=12 size=12 header=name:derek\r\n; more"),
                CASE("HPUB foo 22 17\r\n", "args"),
                CASE("HPUB foo 17\r\n", "args"),
                CASE("HPUB foo x 17\r\n", "args"),
                CASE("HPUB foo 12 x\r\n", "args"),
                CASE("HPUB foo -1 17\r\n", "args"),
                CASE("HPUB foo a b 12 17\r\n", "args"),
                CASE("HPUB\r\n", "op"),
                CASE("HPUBS", "op"),
                CASE("HPUB foo 12 17\r\n", "args", .no_headers = true),
        };

        check_all(cases, ARRAY_N(cases));
}

/* TestMaxPayload, TestClosedMaxPayload, TestMaxPayloadOverrun: before the payload arrives, after
 * the arguments are found good; the limit counts the header. */
static void test_max_payload(void **state)
{
        static const struct transcript cases[] = {
                CASE("PUB a 5\r\nhello\r\n", "PUB subject=a size=5 payload=hello; more",
                        .max_payload = 5),
                CASE("PUB a 6\r\n", "payload", .max_payload = 5),
                CASE("PUB a 999999999\n", "payload", .max_payload = 1048576),
                CASE("PUB a 18446744073709551600\r\n", "args", .max_payload = 5),
                CASE("PUB a 123456789012\r\n", "args", .max_payload = 5),
                CASE("HPUB a 2 6\r\n", "payload", .max_payload = 5),
                CASE("HPUB a 7 6\r\n", "args", .max_payload = 5),
                CASE("HPUB a 2 6\r\n", "args", .max_payload = 5, .no_headers = true),
        };

        check_all(cases, ARRAY_N(cases));
}

/* What an error about the payload leaves for the log and for tracing. */
static void test_max_payload_frame(void **state)
{
        struct slice input = SLICE_LIT("HPUB a.b in 10 600\r\nNATS/1.");
        struct parser p;
        struct frame frame;

        parser_init(&p, VERB_KIND_CLIENT);
        p.headers_ok = true;
        p.max_payload = 599;
        assert_int_equal(ERR_PROTO_PAYLOAD, parser_next(&p, input.ptr, input.len, &frame));
        assert_true(slice_eq_str(frame.msg.subject, "a.b"));
        assert_true(slice_eq_str(frame.msg.reply, "in"));
        assert_int_equal(frame.total_bytes, 600);
}

/* TestMaxControlLine, TestControlLineMaximums. */
static void test_control_line(void **state)
{
        static const struct transcript cases[] = {
                CASE("PUB foo.b 2\r\nok\r\n", "PUB subject=foo.b size=2 payload=ok; more",
                        .max_control_line = 7),
                CASE("PUB foo.ba 2\r\nok\r\n", "line", .max_control_line = 7),
                CASE("PUB foo.bar.b", "line", .max_control_line = 8),
                CASE("PUB foo.bar.\r", "more", .max_control_line = 8),
                CASE("PUB foo.b  2\r\nok\r\n", "line", .max_control_line = 7),
                CASE("PUB a b c d e f g\r\n", "line", .max_control_line = 8),
                CASE("PUB a b c d \r\n", "args", .max_control_line = 8),
                CASE("SUB foo 12345\r\n", "line", .max_control_line = 8),
                CASE("UNSUB 123456789", "line", .max_control_line = 8),
                CASE("CONNECT {\"a\":1}\r\n", "CONNECT text={\"a\":1}; more",
                        .max_control_line = 7),
                CASE("CONNECT {\"a\":12}\r\n", "line", .max_control_line = 7),
                CASE("-ERR 'too long'\r\n", "line", .max_control_line = 8),
                CASE("PING12345678\r\n", "PING; more", .max_control_line = 8),
                CASE("PING123456789\r\n", "line", .max_control_line = 8),
                CASE("PUB          a 1\r\nx\r\n", "PUB subject=a size=1 payload=x; more",
                        .max_control_line = 8),
        };

        check_all(cases, ARRAY_N(cases));
}

/* Blanks behind the verb are not arguments, but they are bounded. */
static void test_separators(void **state)
{
        enum { BLANKS = 4096 };
        static char line[3 + BLANKS + 1];
        struct parser p;
        struct frame frame;

        memcpy(line, "SUB", 3);
        memset(line + 3, ' ', BLANKS + 1);
        parser_init(&p, VERB_KIND_CLIENT);
        assert_int_equal(PARSE_MORE, parser_next(&p, line, 3 + BLANKS, &frame));
        assert_int_equal(ERR_PROTO_CONTROL_LINE, parser_next(&p, line, 3 + BLANKS + 1, &frame));
}

/* TestMaxControlLineNonClientUpperBound: 16 times the limit for other kinds. */
static void test_control_line_of_others(void **state)
{
        enum { LIMIT = 4096 * 16 };
        static char line[4 + LIMIT + 2];

        memcpy(line, "RS+ ", 4);
        for (int extra = -1; extra <= 1; extra++) {
                size_t len = (size_t)(4 + LIMIT + extra);
                struct parser p;
                struct frame frame;

                memset(line + 4, 'x', LIMIT + 2);
                parser_init(&p, VERB_KIND_ROUTE);
                assert_int_equal(PARSE_MORE, parser_next(&p, line, len / 2, &frame));
                assert_int_equal(p.scanned, len / 2);
                assert_int_equal(extra > 0 ? ERR_PROTO_CONTROL_LINE : PARSE_MORE,
                        parser_next(&p, line, len, &frame));
                line[len] = '\n';
                parser_init(&p, VERB_KIND_ROUTE);
                assert_int_equal(extra > 0 ? ERR_PROTO_CONTROL_LINE : PARSE_FRAME,
                        parser_next(&p, line, len + 1, &frame));
        }
}

/* Verbs between servers: the line whole, the sizes read. TestShouldFail, second list. */
static void test_server_verbs(void **state)
{
        static const struct transcript cases[] = {
                CASE("RMSG $G a.b 2\r\nok\r\n", "RMSG text=$G a.b 2 size=2 payload=ok; more",
                        .kind = VERB_KIND_ROUTE),
                CASE("HMSG $G a.b + r q1 2 4\r\nh:ok\r\n",
                        "HMSG text=$G a.b + r q1 2 4 hdr=2 size=4 header=h: payload=ok; more",
                        .kind = VERB_KIND_LEAF),
                CASE("LMSG a 0 \t\r\n\r\nLS+ a\r\nls- a q\n",
                        "LMSG text=a 0 \t size=0; LS+ text=a; LS- text=a q; more",
                        .kind = VERB_KIND_LEAF),
                CASE("RS+ $G a q 3\r\nRS- $G a\r\nA+ x\r\nA- x\r\n",
                        "RS+ text=$G a q 3; RS- text=$G a; A+ text=x; A- text=x; more",
                        .kind = VERB_KIND_GATEWAY),
                CASE("HMSG a 4 2\r\n", "args", .kind = VERB_KIND_ROUTE),
                CASE("HMSG 2\r\n", "args", .kind = VERB_KIND_ROUTE),
                CASE("RMSG\r\n", "op", .kind = VERB_KIND_ROUTE),
                CASE("RMSG \r\n", "args", .kind = VERB_KIND_ROUTE),
                CASE("PUB a 0\r\n", "op", .kind = VERB_KIND_ROUTE),
                CASE("MSG  \r\n", "op", .kind = VERB_KIND_ROUTE),
                CASE("RS+ a", "op", .kind = VERB_KIND_LEAF),
        };

        check_all(cases, ARRAY_N(cases));
}

/* The need hint: once the line is read the owner knows how much to wait for, and is not misled. */
static void test_need(void **state)
{
        char input[64] = "PUB a 16\r\n0123456789abcdef\r\nPING\r\n";
        struct parser p;
        struct frame frame;

        parser_init(&p, VERB_KIND_CLIENT);
        assert_int_equal(PARSE_MORE, parser_next(&p, input, 9, &frame));
        assert_int_equal(frame.need, 0);
        for (size_t len = 10; len < 28; len++) {
                assert_int_equal(PARSE_MORE, parser_next(&p, input, len, &frame));
                assert_int_equal(frame.need, 28);
        }
        assert_int_equal(PARSE_FRAME, parser_next(&p, input, 34, &frame));
        assert_int_equal(frame.consumed, 28);
        assert_int_equal(p.need, 0);
        assert_int_equal(PARSE_FRAME, parser_next(&p, input + 28, 6, &frame));
        assert_int_equal(frame.verb, VERB_PING);
        assert_int_equal(frame.total_bytes, 0);
        assert_int_equal(frame.msg.subject.len, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_should_fail),
                cmocka_unit_test(test_simple_verbs),
                cmocka_unit_test(test_interest),
                cmocka_unit_test(test_pub),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_hpub),
                cmocka_unit_test(test_max_payload),
                cmocka_unit_test(test_max_payload_frame),
                cmocka_unit_test(test_control_line),
                cmocka_unit_test(test_separators),
                cmocka_unit_test(test_control_line_of_others),
                cmocka_unit_test(test_server_verbs),
                cmocka_unit_test(test_need),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
