/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_parser.c: the first two bytes choose the settings, the rest is a connection's input.
 * Whatever the input, the operations found and the way it ends do not depend on how the bytes
 * arrive, no slice leaves the input, and a need that was announced is kept. */
#include "fuzz.h"
#include "base/macros.h"
#include "proto/parser.h"

#define FRAMES_MAX 4096

struct outcome {
        int n, result;
        struct {
                enum verb verb;
                size_t consumed;
                uint32_t header_bytes, total_bytes;
                struct slice slice[10]; /* ptr: offset from the operation's begin */
                int64_t max;
        } frame[FRAMES_MAX];
};

static struct outcome whole, split;

static void setup(struct parser *p, uint8_t flags, uint8_t limits)
{
        static const enum verb_kind kinds[] = { VERB_KIND_CLIENT, VERB_KIND_CLIENT, VERB_KIND_ROUTE,
                VERB_KIND_LEAF };

        parser_init(p, kinds[flags & 3]);
        p->headers_ok = flags & 4;
        p->max_payload = flags & 8 ? limits : -1;
        p->max_control_line = flags & 16 ? limits / 4 : 4096;
}

static void record(struct outcome *o, const struct frame *f, const char *data)
{
        const struct slice all[] = { f->msg.subject, f->msg.reply, f->msg.tail, f->msg.wire,
                f->subject, f->queue, f->sid, f->header_size, f->total_size, f->text };

        if (o->n == FRAMES_MAX)
                return;
        o->frame[o->n].verb = f->verb;
        o->frame[o->n].consumed = f->consumed;
        o->frame[o->n].header_bytes = f->msg.header_bytes;
        o->frame[o->n].total_bytes = f->total_bytes;
        o->frame[o->n].max = f->max;
        for (size_t i = 0; i < ARRAY_N(all); i++) {
                size_t at = all[i].len ? (size_t)(all[i].ptr - data) : 0;

                PROPERTY(all[i].len <= f->consumed && at <= f->consumed - all[i].len);
                o->frame[o->n].slice[i] = slice_of((const char *)at, all[i].len);
        }
        o->n++;
}

/* What parser_run() promises of the next operation, told by the frame before it. */
static void check_next_of_run(const struct frame *first, const struct frame *f, const char *data)
{
        struct msg want;
        struct msg run = first->msg;

        run.n = 2;
        run.step = (uint32_t)first->consumed;
        PROPERTY(msg_each(&run, 1, &want));
        PROPERTY(first->verb == f->verb && first->consumed == f->consumed);
        PROPERTY(first->total_bytes == f->total_bytes && first->line_bytes == f->line_bytes);
        PROPERTY(slice_eq(want.subject, f->msg.subject) && slice_eq(want.reply, f->msg.reply));
        PROPERTY(want.tail.ptr == f->msg.tail.ptr && want.tail.len == f->msg.tail.len);
        PROPERTY(want.wire.ptr == f->msg.wire.ptr && want.wire.len == f->msg.wire.len);
        PROPERTY(want.header_bytes == f->msg.header_bytes);
        PROPERTY(memcmp(data, data - first->consumed, f->line_bytes) == 0);
}

static void feed(struct parser *p, struct slice in, size_t *at, size_t visible, struct outcome *o)
{
        struct frame f = { .line_bytes = 0 }, last;
        uint32_t run =
                1; /* operations that the last parser_run() saw and that are still to come, and one */

        for (;;) {
                last = f;
                o->result = parser_next(p, in.ptr + *at, visible - *at, &f);
                PROPERTY(run == 1 || o->result == PARSE_FRAME);
                if (o->result != PARSE_FRAME)
                        break;
                if (run > 1)
                        check_next_of_run(&last, &f, in.ptr + *at);
                run = run > 1 ? run - 1 : parser_run(&f, in.ptr + *at, visible - *at, 5);
                PROPERTY(f.consumed > 0 && f.consumed <= visible - *at);
                PROPERTY((unsigned)f.verb < VERB_COUNT);
                PROPERTY(verb_table[f.verb].kinds & p->kind);
                PROPERTY(f.msg.header_bytes <= f.total_bytes);
                PROPERTY(f.msg.wire.len == (f.msg.wire.len ? f.total_bytes + 2 : 0));
                record(o, &f, in.ptr + *at);
                *at += f.consumed;
        }
        if (o->result == PARSE_MORE && f.need)
                PROPERTY(f.need > visible - *at);
}

static void compare(void)
{
        PROPERTY(whole.n == split.n);
        PROPERTY(whole.result == split.result);
        for (int i = 0; i < whole.n; i++) {
                PROPERTY(whole.frame[i].verb == split.frame[i].verb);
                PROPERTY(whole.frame[i].consumed == split.frame[i].consumed);
                PROPERTY(whole.frame[i].header_bytes == split.frame[i].header_bytes);
                PROPERTY(whole.frame[i].total_bytes == split.frame[i].total_bytes);
                PROPERTY(whole.frame[i].max == split.frame[i].max);
                for (int k = 0; k < 10; k++) {
                        struct slice a = whole.frame[i].slice[k], b = split.frame[i].slice[k];

                        PROPERTY(a.ptr == b.ptr && a.len == b.len);
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice in = slice_of((const char *)data + 2, size - 2);
        size_t at = 0, step;
        struct parser p;

        if (size < 2)
                return 0;
        step = data[0] >> 5 ? data[0] >> 5 : 1;
        setup(&p, data[0], data[1]);
        whole.n = split.n = 0;
        feed(&p, in, &at, in.len, &whole);
        setup(&p, data[0], data[1]);
        at = 0;
        for (size_t visible = 0;; visible += step) {
                feed(&p, in, &at, visible < in.len ? visible : in.len, &split);
                if (visible >= in.len || split.result < 0)
                        break;
        }
        compare();
        return 0;
}
