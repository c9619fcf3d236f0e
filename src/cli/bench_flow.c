/* SPDX-License-Identifier: Apache-2.0 */
/* pub, sub, pair, fanout: publishers pour prepared batches, subscribers count bytes. Every message of one
 * subscription has the same length, so bytes are messages. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include <stdio.h>

enum { BATCH_BYTES = 64 * 1024, AHEAD_BYTES = 256 * 1024 };

struct flow {
        struct bench_conn bc;
        struct list member;              /* publisher: in its worker's list */
        struct chunk *batch;             /* publisher: batch_n messages of msg_bytes each */
        size_t msg_bytes;
        uint64_t batch_n, left;
        uint64_t partial_bytes;          /* subscriber: of the message that is still coming */
        bool publisher, flushing;
};

static uint32_t publisher_n(const struct bench_options *opts)
{
        if (opts->mode == BENCH_SUB)
                return 0;
        return opts->mode == BENCH_FANOUT ? 1 : opts->clients;
}

static uint32_t subscriber_n(const struct bench_options *opts)
{
        switch (opts->mode) {
        case BENCH_PUB:
                return 0;
        case BENCH_FANOUT:
                return opts->subscribers;
        default:
                return opts->clients;
        }
}

static uint64_t expected(const struct bench_options *opts)
{
        if (opts->mode == BENCH_PUB)
                return 0;
        bool copies = opts->queue == NULL && (opts->mode == BENCH_FANOUT || opts->mode == BENCH_SUB);
        return opts->msgs * (copies ? subscriber_n(opts) : 1);
}

static uint32_t flow_conn_n(const struct bench_options *opts)
{
        return publisher_n(opts) + subscriber_n(opts);
}

/* Pairs have a subject each, everybody else shares one. */
static void subject_of(const struct bench_options *opts, uint32_t i, struct buf *out)
{
        if (opts->mode == BENCH_PAIR)
                buf_printf(out, "%s.%u", opts->subject, i);
        else
                buf_append_str(out, opts->subject);
}

static void prepare(struct flow *flow, uint32_t i)
{
        const struct bench_options *opts = flow->bc.shared->opts;
        struct buf one = { 0 };
        buf_append_str(&one, "PUB ");
        subject_of(opts, i, &one);
        buf_printf(&one, " %u\r\n", opts->size);
        for (uint32_t k = 0; k < opts->size; k++)
                buf_append_char(&one, (char)('a' + k % 26));
        buf_append_str(&one, "\r\n");
        flow->msg_bytes = one.len;
        flow->batch_n = one.len < BATCH_BYTES ? BATCH_BYTES / one.len : 1;
        flow->left = opts->msgs / publisher_n(opts) + (i < opts->msgs % publisher_n(opts));
        flow->batch = chunk_new(flow->batch_n * one.len);
        for (uint64_t k = 0; k < flow->batch_n; k++)
                memcpy(flow->batch->data + k * one.len, one.ptr, one.len);
        buf_fini(&one);
}

static void pour(struct flow *flow)
{
        struct conn *conn = &flow->bc.conn;
        while (flow->left > 0 && conn->out.bytes < AHEAD_BYTES) {
                uint64_t n = flow->left < flow->batch_n ? flow->left : flow->batch_n;
                outq_append_ref(&conn->out, flow->batch, slice_of(flow->batch->data, n * flow->msg_bytes));
                flow->left -= n;
                atomic_fetch_add_explicit(&flow->bc.shared->done, n, memory_order_relaxed);
        }
        if (flow->left == 0 && !flow->flushing) {
                flow->flushing = true; /* the PONG tells that the server has read everything */
                conn_send(conn, SLICE_LIT("PING\r\n"));
        }
        if (conn->out.bytes > 0)
                conn_touch(conn);
}

static void flow_flushed(struct bench_conn *bc)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        if (flow->publisher && atomic_load(&bc->shared->go) && flow->left > 0 && !bc->conn.blocked)
                pour(flow);
}

static void flow_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
}

static void count(struct flow *flow, size_t bytes)
{
        struct bench_shared *shared = flow->bc.shared;
        flow->partial_bytes += bytes;
        uint64_t n = flow->partial_bytes / flow->msg_bytes;
        flow->partial_bytes -= n * flow->msg_bytes;
        if (n == 0)
                return;
        uint64_t total = atomic_fetch_add_explicit(&shared->delivered, n, memory_order_relaxed) + n;
        if (total >= expected(shared->opts))
                bench_note_end(shared, clock_mono_ns());
}

static size_t flow_data(struct bench_conn *bc, struct slice bytes)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        if (!flow->publisher) {
                count(flow, bytes.len);
                return bytes.len;
        }
        if (flow->flushing && memchr(bytes.ptr, '\n', bytes.len)) {
                atomic_fetch_add(&bc->shared->finished, 1);
                if (expected(bc->shared->opts) == 0)
                        bench_note_end(bc->shared, clock_mono_ns());
        }
        return bytes.len;
}

static void flow_free(struct flow *flow)
{
        if (list_linked(&flow->member))
                list_remove(&flow->member);
        if (flow->batch)
                chunk_unref(flow->batch);
        xfree(flow);
}

static void flow_gone(struct bench_conn *bc, bool failed)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        flow_free(flow);
}

static const struct bench_conn_ops flow_ops = {
        .on_ready = flow_ready,
        .on_data = flow_data,
        .on_flushed = flow_flushed,
        .on_gone = flow_gone,
};

static void dial(struct bench_worker *worker, struct flow *flow, char *greeting)
{
        if (bench_dial(&flow->bc, worker->loop, worker->shared, &flow_ops, greeting))
                return;
        atomic_fetch_add(&worker->shared->errors, 1);
        flow_free(flow);
}

static void flow_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, subscriber_n(opts)) {
                struct flow *flow = xnew(struct flow);
                struct buf line = { 0 }, subject = { 0 };
                subject_of(opts, i, &subject);
                buf_printf(&line, "SUB %.*s %s 1\r\n", SLICE_ARG(buf_slice(&subject)),
                        opts->queue ? opts->queue : "");
                flow->msg_bytes = (size_t)snprintf(NULL, 0, "MSG %.*s 1 %u\r\n",
                                          SLICE_ARG(buf_slice(&subject)), opts->size) + opts->size + 2;
                buf_fini(&subject);
                dial(worker, flow, buf_take_str(&line));
        }
        bench_share(worker, i, publisher_n(opts)) {
                struct flow *flow = xnew(struct flow);
                flow->publisher = true;
                flow->bc.shared = worker->shared;
                prepare(flow, i);
                list_push_back(&worker->publishers, &flow->member);
                dial(worker, flow, NULL);
        }
}

static void flow_go(struct bench_worker *worker)
{
        list_foreach(&worker->publishers, it)
                pour(list_entry(it, struct flow, member));
}

static bool flow_done(const struct bench_shared *shared)
{
        const struct bench_options *opts = shared->opts;
        return atomic_load(&shared->finished) >= publisher_n(opts) &&
               atomic_load(&shared->delivered) >= expected(opts);
}

const struct bench_kind bench_flow = { flow_conn_n, flow_setup, flow_go, flow_done };
