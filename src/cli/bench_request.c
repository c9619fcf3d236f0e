/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies. Closed loop: each requester has one request out. Open loop (--rate): requests leave
 * on a fixed schedule whatever happened to those before, and a latency counts from the scheduled moment,
 * so that a stalled server is charged for every request it delayed (no coordinated omission). */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 1 << 14, TICK_NS = 1000 * 1000 };

struct party {
        struct bench_conn bc;
        struct bench_worker *worker;
        struct list member;
        struct timer tick;               /* open loop */
        uint32_t number;
        bool requester;
        uint64_t sent, answered, quota;
        uint64_t *sent_at;               /* by sequence, modulo WINDOW */
        double per_ns;                   /* open loop: requests per nanosecond of this requester */
};

struct msg_line {
        struct slice subject, reply;
        size_t size, total;              /* payload; the whole message */
};

/* One "MSG subject sid [reply] size\r\n…" from the start of bytes; false: incomplete or no MSG. */
static bool read_msg(struct slice bytes, struct msg_line *out)
{
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        struct slice word[5];
        int n = 0;
        if (end == NULL || !slice_starts(bytes, SLICE_LIT("MSG ")))
                return false;
        for (const char *at = bytes.ptr; at < end - 1 && n < 5;) {
                const char *stop = at;
                while (stop < end - 1 && *stop != ' ')
                        stop++;
                word[n++] = slice_of(at, (size_t)(stop - at));
                at = stop + 1;
        }
        unsigned long long size;
        if (n < 4 || !slice_to_u64(word[n - 1], 9, &size))
                return false;
        out->subject = word[1];
        out->reply = n == 5 ? word[3] : SLICE_NULL;
        out->size = (size_t)size;
        out->total = (size_t)(end + 1 - bytes.ptr) + (size_t)size + 2;
        return out->total <= bytes.len;
}

static void send_request(struct party *party, uint64_t at_ns)
{
        const struct bench_options *opts = party->bc.shared->opts;
        char line[256];
        int n = snprintf(line, sizeof line, "PUB %s _INBOX.b%u.%llu %u\r\n", opts->subject, party->number,
                (unsigned long long)party->sent, opts->size);
        party->sent_at[party->sent++ % WINDOW] = at_ns;
        char *dst = outq_reserve(&party->bc.conn.out, (size_t)n + opts->size + 2);
        memcpy(dst, line, (size_t)n);
        memset(dst + n, 'x', opts->size);
        memcpy(dst + n + opts->size, "\r\n", 2);
        outq_commit(&party->bc.conn.out, (size_t)n + opts->size + 2);
        conn_touch(&party->bc.conn);
}

static void answered(struct party *party, struct slice subject)
{
        struct bench_shared *shared = party->bc.shared;
        uint64_t now = clock_mono_ns();
        char digits[24];
        size_t dot = subject.len;
        while (dot > 0 && subject.ptr[dot - 1] != '.')
                dot--;
        snprintf(digits, sizeof digits, "%.*s", (int)(subject.len - dot), subject.ptr + dot);
        uint64_t seq = strtoull(digits, NULL, 10);
        hist_add(&party->worker->latency, now - party->sent_at[seq % WINDOW]);
        party->answered++;
        uint64_t done = atomic_fetch_add_explicit(&shared->done, 1, memory_order_relaxed) + 1;
        if (done >= shared->opts->msgs)
                bench_note_end(shared, now);
        if (shared->opts->rate <= 0 && party->sent < party->quota)
                send_request(party, clock_mono_ns());
}

static void reply(struct party *party, const struct msg_line *msg, struct slice whole)
{
        struct slice payload = slice_of(whole.ptr + msg->total - msg->size - 2, msg->size + 2);
        char line[256];
        int n = snprintf(line, sizeof line, "PUB %.*s %zu\r\n", SLICE_ARG(msg->reply), msg->size);
        conn_send(&party->bc.conn, slice_of(line, (size_t)n));
        conn_send(&party->bc.conn, payload);
}

static size_t party_data(struct bench_conn *bc, struct slice bytes)
{
        struct party *party = CONTAINER_OF(bc, struct party, bc);
        struct msg_line msg;
        size_t used = 0;
        while (used < bytes.len) {
                struct slice rest = slice_of(bytes.ptr + used, bytes.len - used);
                if (slice_starts(rest, SLICE_LIT("PING\r\n"))) {
                        conn_send(&bc->conn, SLICE_LIT("PONG\r\n"));
                        used += 6;
                        continue;
                }
                if (!read_msg(rest, &msg))
                        break;
                if (party->requester)
                        answered(party, msg.subject);
                else
                        reply(party, &msg, rest);
                used += msg.total;
        }
        return used;
}

static void party_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
}

static void party_free(struct party *party)
{
        if (list_linked(&party->member))
                list_remove(&party->member);
        xfree(party->sent_at);
        xfree(party);
}

static void party_gone(struct bench_conn *bc, bool failed)
{
        struct party *party = CONTAINER_OF(bc, struct party, bc);
        loop_timer_stop(party->worker->loop, &party->tick);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        party_free(party);
}

static const struct bench_conn_ops party_ops = {
        .on_ready = party_ready,
        .on_data = party_data,
        .on_gone = party_gone,
};

/* Send everything whose moment has come. */
static void on_tick(struct timer *timer)
{
        struct party *party = CONTAINER_OF(timer, struct party, tick);
        uint64_t now = clock_mono_ns(), start = party->worker->start_ns;
        uint64_t due = (uint64_t)((double)(now - start) * party->per_ns);
        if (due > party->quota)
                due = party->quota;
        while (party->sent < due && party->sent - party->answered < WINDOW)
                send_request(party, start + (uint64_t)((double)(party->sent + 1) / party->per_ns));
        if (party->sent < party->quota)
                loop_timer_start(party->worker->loop, timer, TICK_NS);
}

static void dial(struct bench_worker *worker, uint32_t i, bool requester)
{
        const struct bench_options *opts = worker->shared->opts;
        struct party *party = xnew(struct party);
        struct buf line = { 0 };
        party->worker = worker;
        party->number = i;
        party->requester = requester;
        party->tick.fn = on_tick;
        if (requester) {
                buf_printf(&line, "SUB _INBOX.b%u.* 1\r\n", i);
                party->quota = opts->msgs / opts->clients + (i < opts->msgs % opts->clients);
                party->per_ns = opts->rate / opts->clients / 1e9;
                party->sent_at = xcalloc(WINDOW, sizeof party->sent_at[0]);
                list_push_back(&worker->publishers, &party->member);
        } else {
                buf_printf(&line, "SUB %s %s 1\r\n", opts->subject, opts->queue ? opts->queue : "bench");
        }
        if (bench_dial(&party->bc, worker->loop, worker->shared, &party_ops, buf_take_str(&line)))
                return;
        atomic_fetch_add(&worker->shared->errors, 1);
        party_free(party);
}

static uint32_t request_conn_n(const struct bench_options *opts)
{
        return opts->clients + opts->subscribers;
}

static void request_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, opts->subscribers)
                dial(worker, i, false);
        bench_share(worker, i, opts->clients)
                dial(worker, i, true);
}

static void request_go(struct bench_worker *worker)
{
        list_foreach(&worker->publishers, it) {
                struct party *party = list_entry(it, struct party, member);
                if (worker->shared->opts->rate > 0)
                        on_tick(&party->tick);
                else if (party->quota > 0)
                        send_request(party, clock_mono_ns());
        }
}

static bool request_done(const struct bench_shared *shared)
{
        return atomic_load(&shared->done) >= shared->opts->msgs;
}

const struct bench_kind bench_request = { request_conn_n, request_setup, request_go, request_done };
