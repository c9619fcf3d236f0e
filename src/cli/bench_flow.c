/* SPDX-License-Identifier: Apache-2.0 */
/* pub, sub, pair, fanout, fanin: publishers pour prepared batches, subscribers compare the line of each
 * message with the one they expect and step over its payload; any other line is read as such.
 *
 * With --vary a subject ends in a number, which counts up from message to message and starts again. It has
 * the same width in all of them, so that they are of one size; a subscriber asks for any number. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include "cli/bench_pace.h"
#include <string.h>

enum { BATCH_BYTES = 64 * 1024, AHEAD_BYTES = 256 * 1024, TICKS_PER_S = 1000 };

struct flow {
        struct bench_conn bc;
        struct list member; /* publisher: in its worker's list */
        bool publisher;
        bool asked, finished; /* publisher: the last PING left, its PONG came */
        struct chunk *batch;  /* publisher: batch_n messages */
        size_t msg_bytes;     /* one message whole, with its line */
        uint64_t batch_n, left;
        uint64_t allowed; /* publisher, with --rate: that may have left by now */
        uint64_t sent;
        uint64_t flying;   /* publisher, with --window: sent and not received yet */
        struct flow *mate; /* the other end of a pair with --window, on the same worker */
        char *line;        /* subscriber: of the messages it expects; owned */
        size_t line_bytes;
        size_t vary_at;    /* in the line, with --vary: the number, whatever it is */
        size_t skip_bytes; /* subscriber: of the message that is still coming */
};

static uint32_t publisher_n(const struct bench_options *opts)
{
        if (opts->mode == BENCH_SUB)
                return 0;
        return opts->mode == BENCH_FANOUT ? 1 : opts->clients;
}

static uint32_t subscriber_n(const struct bench_options *opts)
{
        if (opts->mode == BENCH_PUB)
                return 0;
        if (opts->mode == BENCH_FANIN)
                return 1;
        return opts->mode == BENCH_FANOUT ? opts->subscribers : opts->clients;
}

static uint32_t flow_conn_n(const struct bench_options *opts)
{
        return publisher_n(opts) + subscriber_n(opts);
}

static uint64_t flow_expected(const struct bench_options *opts)
{
        if (opts->mode == BENCH_PUB)
                return 0;
        bool copies = opts->queue == NULL && opts->mode != BENCH_PAIR;
        return opts->msgs * (copies ? subscriber_n(opts) : 1);
}

/* Pairs have a subject each, everybody else shares one. What varies is appended. */
static void subject_of(const struct bench_options *opts, uint32_t i, struct buf *out)
{
        buf_append_str(out, opts->subject);
        if (opts->mode == BENCH_PAIR)
                buf_printf(out, ".%u", i);
        if (opts->vary)
                buf_append_char(out, '.');
}

enum { VARY_DIGITS = 5 };

static void put_number(char *at, uint32_t number)
{
        for (int i = VARY_DIGITS; i-- > 0; number /= 10)
                at[i] = (char)('0' + number % 10);
}

static void append_number(const struct bench_options *opts, struct buf *out)
{
        char digits[VARY_DIGITS];
        put_number(digits, 0);
        if (opts->vary)
                buf_append(out, digits, sizeof digits);
}

/* ---- publisher ----------------------------------------------------------------------------- */

/* batch_n times the same message, whose number, if it has one, counts up. */
static struct chunk *repeated(
        const struct buf *one, uint64_t batch_n, size_t number_at, uint32_t vary)
{
        struct chunk *batch = chunk_new(batch_n * one->len);
        for (uint64_t k = 0; k < batch_n; k++) {
                char *at = batch->data + k * one->len;
                memcpy(at, one->ptr, one->len);
                if (vary)
                        put_number(at + number_at, (uint32_t)(k % vary));
        }
        return batch;
}

/* Publishers of one subject share a batch: the less memory is read, the cheaper the generator. */
static struct chunk *batch_of(
        struct bench_worker *worker, const struct buf *one, uint64_t batch_n, size_t number_at)
{
        uint32_t vary = worker->shared->opts->vary;
        if (worker->shared->opts->mode == BENCH_PAIR)
                return repeated(one, batch_n, number_at, vary);
        if (worker->batch == NULL)
                worker->batch = repeated(one, batch_n, number_at, vary);
        return chunk_ref(worker->batch);
}

static void prepare(struct flow *flow, struct bench_worker *worker, uint32_t i)
{
        const struct bench_options *opts = worker->shared->opts;
        struct buf one = { 0 };
        buf_append_str(&one, "PUB ");
        subject_of(opts, i, &one);
        size_t number_at = one.len;
        append_number(opts, &one);
        buf_printf(&one, " %u\r\n", opts->size);
        for (uint32_t k = 0; k < opts->size; k++)
                buf_append_char(&one, (char)('a' + k % 26));
        buf_append_str(&one, "\r\n");
        flow->msg_bytes = one.len;
        flow->batch_n = one.len < BATCH_BYTES ? BATCH_BYTES / one.len : 1;
        if (flow->batch_n < opts->vary)
                flow->batch_n = opts->vary;
        else if (opts->vary)
                flow->batch_n -= flow->batch_n % opts->vary; /* the next batch goes on */
        flow->left = opts->msgs / publisher_n(opts) + (i < opts->msgs % publisher_n(opts));
        uint64_t most = opts->msgs / publisher_n(opts) + 1;
        if (flow->batch_n > most)
                flow->batch_n = most;
        flow->batch = batch_of(worker, &one, flow->batch_n, number_at);
        buf_fini(&one);
}

/* How many messages may leave now. */
static uint64_t portion(const struct flow *flow)
{
        uint32_t window = flow->bc.shared->opts->window;
        uint64_t n = flow->left < flow->batch_n ? flow->left : flow->batch_n;
        if (flow->bc.conn.out.bytes >= AHEAD_BYTES)
                return 0;
        if (flow->bc.shared->opts->rate > 0 && n > flow->allowed - flow->sent)
                n = flow->allowed - flow->sent;
        return window && n > window - flow->flying ? window - flow->flying : n;
}

static void pour(struct flow *flow)
{
        struct conn *conn = &flow->bc.conn;
        for (uint64_t n; (n = portion(flow)) > 0;) {
                outq_append_ref(
                        &conn->out, flow->batch, slice_of(flow->batch->data, n * flow->msg_bytes));
                flow->left -= n;
                flow->flying += n;
                flow->sent += n;
                atomic_fetch_add_explicit(&flow->bc.shared->done, n, memory_order_relaxed);
        }
        if (flow->left == 0 && !flow->asked) {
                flow->asked = true; /* the PONG tells that the server has read everything */
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

static void flow_pong(struct bench_conn *bc)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        if (!flow->asked || flow->finished)
                return;
        flow->finished = true;
        atomic_fetch_add(&bc->shared->finished, 1);
        if (bc->shared->opts->mode == BENCH_PUB)
                bench_note_end(bc->shared, clock_mono_ns());
}

/* ---- subscriber ---------------------------------------------------------------------------- */

static void count(struct bench_shared *shared, uint64_t n)
{
        if (n == 0)
                return;
        uint64_t total = atomic_fetch_add_explicit(&shared->delivered, n, memory_order_relaxed);
        if (total == 0)
                atomic_store(&shared->first_ns, clock_mono_ns());
        if (total + n >= flow_expected(shared->opts))
                bench_note_end(shared, clock_mono_ns());
}

/* Step over the rest of a message; how many bytes of it were there. Adds to *n when it is whole. */
static size_t skip(struct flow *flow, size_t there, uint64_t *n)
{
        size_t step = there < flow->skip_bytes ? there : flow->skip_bytes;
        flow->skip_bytes -= step;
        *n += flow->skip_bytes == 0;
        return step;
}

static inline bool is_expected(const struct flow *flow, const char *at)
{
        if (flow->vary_at == 0)
                return memcmp(at, flow->line, flow->line_bytes) == 0;
        size_t behind = flow->vary_at + VARY_DIGITS;
        return memcmp(at, flow->line, flow->vary_at) == 0 &&
               memcmp(at + behind, flow->line + behind, flow->line_bytes - behind) == 0;
}

static size_t receive(struct flow *flow, struct slice bytes)
{
        size_t used = 0, line_bytes = flow->line_bytes, msg_bytes = flow->msg_bytes;
        uint64_t n = 0;
        while (used < bytes.len && flow->bc.conn.state == CONN_OPEN) {
                const char *at = bytes.ptr + used;
                size_t left = bytes.len - used, step;
                if (flow->skip_bytes > 0) {
                        used += skip(flow, left, &n);
                } else if (left >= line_bytes && is_expected(flow, at)) {
                        bool whole = left >= msg_bytes;
                        n += whole;
                        flow->skip_bytes = whole ? 0 : msg_bytes - line_bytes;
                        used += whole ? msg_bytes : line_bytes;
                } else {
                        /* another line than the expected one, or no message */
                        step = bench_conn_head(&flow->bc, slice_of(at, left), &flow->skip_bytes);
                        if (step == 0)
                                break;
                        used += step;
                }
        }
        count(flow->bc.shared, n);
        if (flow->mate && n > 0) {
                flow->mate->flying -= n < flow->mate->flying ? n : flow->mate->flying;
                pour(flow->mate);
        }
        return used;
}

/* ---- both ---------------------------------------------------------------------------------- */

static void flow_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
}

static size_t flow_data(struct bench_conn *bc, struct slice bytes)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        size_t used = 0, n;
        if (!flow->publisher)
                return receive(flow, bytes);
        while (used < bytes.len && bc->conn.state == CONN_OPEN) {
                n = bench_conn_line(bc, slice_of(bytes.ptr + used, bytes.len - used));
                if (n == 0)
                        break;
                used += n;
        }
        return used;
}

static void flow_gone(struct bench_conn *bc, bool failed)
{
        struct flow *flow = CONTAINER_OF(bc, struct flow, bc);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        if (list_linked(&flow->member))
                list_remove(&flow->member);
        if (flow->mate)
                flow->mate->mate = NULL;
        if (flow->batch)
                chunk_unref(flow->batch);
        xfree(flow->line);
        xfree(flow);
}

static const struct bench_conn_ops flow_ops = {
        .on_ready = flow_ready,
        .on_data = flow_data,
        .on_pong = flow_pong,
        .on_flushed = flow_flushed,
        .on_gone = flow_gone,
};

static struct flow *dial_subscriber(struct bench_worker *worker, uint32_t i)
{
        const struct bench_options *opts = worker->shared->opts;
        struct flow *flow = xnew(struct flow);
        struct buf subject = { 0 }, sub = { 0 }, line = { 0 };
        subject_of(opts, i, &subject);
        buf_printf(&sub, "SUB %.*s%s %s 1\r\n", SLICE_ARG(buf_slice(&subject)),
                opts->vary ? "*" : "", opts->queue ? opts->queue : "");
        buf_printf(&line, "MSG %.*s", SLICE_ARG(buf_slice(&subject)));
        flow->vary_at = opts->vary ? line.len : 0;
        append_number(opts, &line);
        buf_printf(&line, " 1 %u\r\n", opts->size);
        flow->line_bytes = line.len;
        flow->msg_bytes = line.len + opts->size + 2;
        flow->line = buf_take_str(&line);
        buf_fini(&subject);
        bench_dial(&flow->bc, worker, &flow_ops, buf_take_str(&sub));
        return flow;
}

static void dial_publisher(struct bench_worker *worker, uint32_t i, struct flow *mate)
{
        struct flow *flow = xnew(struct flow);
        flow->publisher = true;
        flow->mate = mate;
        if (mate)
                mate->mate = flow;
        prepare(flow, worker, i);
        list_push_back(&worker->active, &flow->member);
        bench_dial(&flow->bc, worker, &flow_ops, NULL);
}

static void flow_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, subscriber_n(opts))
        {
                struct flow *flow = dial_subscriber(worker, i);
                if (opts->mode == BENCH_PAIR && opts->window)
                        dial_publisher(worker, i, flow);
        }
        if (opts->window == 0)
                bench_share(worker, i, publisher_n(opts)) dial_publisher(worker, i, NULL);
}

/* A thousand times a second each publisher may send what the rate gave it until then. */
static bool on_due(struct bench_worker *worker, uint64_t due_ns)
{
        const struct bench_options *opts = worker->shared->opts;
        double since_s = (double)(due_ns - worker->start_ns) / 1e9;
        list_foreach (&worker->active, it) {
                struct flow *flow = list_entry(it, struct flow, member);
                flow->allowed = (uint64_t)(since_s * opts->rate / publisher_n(opts));
                pour(flow);
        }
        return true;
}

static void flow_go(struct bench_worker *worker)
{
        if (worker->shared->opts->rate > 0) {
                worker->pace = pace_start(worker, TICKS_PER_S,
                        (double)worker->start_ns + 1e9 / TICKS_PER_S, UINT64_MAX, on_due);
                return;
        }
        list_foreach (&worker->active, it)
                pour(list_entry(it, struct flow, member));
}

static void flow_end(struct bench_worker *worker)
{
        pace_stop(worker->pace);
        worker->pace = NULL;
}

static bool flow_done(const struct bench_shared *shared)
{
        const struct bench_options *opts = shared->opts;
        return atomic_load(&shared->finished) >= publisher_n(opts) &&
               atomic_load(&shared->delivered) >= flow_expected(opts);
}

const struct bench_kind bench_flow = {
        .conn_n = flow_conn_n,
        .expected = flow_expected,
        .setup = flow_setup,
        .go = flow_go,
        .end = flow_end,
        .is_done = flow_done,
};
