/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies. Closed loop: each requester has one request out. Open loop (--rate):
 * requests leave on a fixed schedule whatever happened to those before, and a latency counts from
 * the scheduled moment, so that a stalled server is charged for every request it delayed (no
 * coordinated omission). How late requests left is measured as well. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include "cli/bench_pace.h"
#include <string.h>

enum { WINDOW = 1 << 14 }; /* requests of one requester without an answer */

struct party {
        struct bench_conn bc;
        struct list member; /* requester: in its worker's list */
        uint32_t number;
        bool requester;
        uint64_t sent, answered, quota;
        uint64_t *sent_at; /* by sequence, modulo WINDOW */
};

/* ---- one request --------------------------------------------------------------------------- */

/* The inbox of this request alone, given up with the first message: what older clients do. */
static int own_inbox(const struct party *party, char *to, size_t cap)
{
        unsigned long long k = party->sent;
        if (!party->bc.shared->opts->inboxes)
                return 0;
        return snprintf(to, cap, "SUB _INBOX.b%u.%llu %llu\r\nUNSUB %llu 1\r\n", party->number, k,
                k + 1, k + 1);
}

static void send_request(struct party *party, uint64_t at_ns)
{
        const struct bench_options *opts = party->bc.shared->opts;
        struct outq *out = &party->bc.conn.out;
        char line[BENCH_SUBJECT_MAX + 240];
        int n = own_inbox(party, line, sizeof line);
        n += snprintf(line + n, sizeof line - (size_t)n, "PUB %s _INBOX.b%u.%llu %u\r\n",
                opts->subject, party->number, (unsigned long long)party->sent, opts->size);
        party->sent_at[party->sent++ % WINDOW] = at_ns;
        char *dst = outq_reserve(out, (size_t)n + opts->size + 2);
        memcpy(dst, line, (size_t)n);
        memset(dst + n, 'x', opts->size);
        memcpy(dst + n + opts->size, "\r\n", 2);
        outq_commit(out, (size_t)n + opts->size + 2);
        conn_touch(&party->bc.conn);
}

static void answered(struct party *party, struct slice subject)
{
        struct bench_shared *shared = party->bc.shared;
        uint64_t now = clock_mono_ns();
        size_t dot = subject.len;
        unsigned long long seq;
        while (dot > 0 && subject.ptr[dot - 1] != '.')
                dot--;
        if (!slice_to_u64(slice_of(subject.ptr + dot, subject.len - dot), 15, &seq) ||
                seq >= party->sent)
                return; /* not one of ours */
        uint64_t sent_at = party->sent_at[seq % WINDOW];
        hist_add(&party->bc.worker->latency, now > sent_at ? now - sent_at : 0);
        party->answered++;
        atomic_fetch_add_explicit(&shared->done, 1, memory_order_relaxed);
        bench_note_end(shared, now);
        if (shared->opts->rate <= 0 && party->sent < party->quota)
                send_request(party, clock_mono_ns());
}

static void reply(struct party *party, struct slice to, struct slice payload)
{
        struct buf line = { 0 };
        buf_printf(&line, "PUB %.*s %zu\r\n", SLICE_ARG(to), payload.len - 2);
        conn_send(&party->bc.conn, buf_slice(&line));
        conn_send(&party->bc.conn, payload);
        buf_fini(&line);
}

/* One message or line from the start of rest; bytes used. */
static size_t party_take(struct party *party, struct slice rest)
{
        struct bench_msg msg;
        enum bench_msg_result kind = bench_read_msg(rest, &msg);
        if (kind == BENCH_NO_MSG)
                return bench_conn_line(&party->bc, rest);
        if (kind == BENCH_MSG_PARTIAL || rest.len < msg.line_bytes + msg.size + 2)
                return 0;
        if (party->requester)
                answered(party, msg.subject);
        else if (msg.reply.len > 0)
                reply(party, msg.reply, slice_of(rest.ptr + msg.line_bytes, msg.size + 2));
        return msg.line_bytes + msg.size + 2;
}

static size_t party_data(struct bench_conn *bc, struct slice bytes)
{
        struct party *party = CONTAINER_OF(bc, struct party, bc);
        size_t used = 0, n;
        while (used < bytes.len && bc->conn.state == CONN_OPEN) {
                n = party_take(party, slice_of(bytes.ptr + used, bytes.len - used));
                if (n == 0)
                        break;
                used += n;
        }
        return used;
}

static void party_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
}

static void party_gone(struct bench_conn *bc, bool failed)
{
        struct party *party = CONTAINER_OF(bc, struct party, bc);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        pace_halt(bc->worker->pace); /* the run ends; nobody is left to take a turn */
        if (list_linked(&party->member))
                list_remove(&party->member);
        xfree(party->sent_at);
        xfree(party);
}

static const struct bench_conn_ops party_ops = {
        .on_ready = party_ready,
        .on_data = party_data,
        .on_gone = party_gone,
};

/* ---- the schedule -------------------------------------------------------------------------- */

/* Requesters take turns. */
static bool on_due(struct bench_worker *worker, uint64_t due_ns)
{
        struct list *head = &worker->active, *turn = worker->turn;
        if (turn == head)
                turn = head->next;
        struct party *party = list_entry(turn, struct party, member);
        if (party->sent - party->answered >= WINDOW)
                return false;
        worker->turn = turn->next;
        send_request(party, due_ns);
        return true;
}

static void start_pace(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        uint64_t quota = 0;
        uint32_t party_n = 0;
        list_foreach (&worker->active, it) {
                quota += list_entry(it, struct party, member)->quota;
                party_n++;
        }
        if (party_n == 0)
                return;
        double rate = opts->rate * party_n / opts->clients;
        double first_ns = (double)worker->start_ns + 1e9 / rate * worker->index / opts->threads;
        worker->turn = worker->active.next;
        worker->pace = pace_start(worker, rate, first_ns, quota, on_due);
}

/* ---- the run ------------------------------------------------------------------------------- */

static void dial_requester(struct bench_worker *worker, uint32_t i)
{
        const struct bench_options *opts = worker->shared->opts;
        struct party *party = xnew(struct party);
        struct buf sub = { 0 };
        party->number = i;
        party->requester = true;
        party->quota = opts->msgs / opts->clients + (i < opts->msgs % opts->clients);
        party->sent_at = xcalloc(WINDOW, sizeof party->sent_at[0]);
        list_push_back(&worker->active, &party->member);
        if (!opts->inboxes)
                buf_printf(&sub, "SUB _INBOX.b%u.* 1\r\n", i);
        bench_dial(&party->bc, worker, &party_ops, buf_take_str(&sub));
}

static void dial_responder(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        struct party *party = xnew(struct party);
        struct buf sub = { 0 };
        buf_printf(&sub, "SUB %s %s 1\r\n", opts->subject, opts->queue ? opts->queue : "bench");
        bench_dial(&party->bc, worker, &party_ops, buf_take_str(&sub));
}

static uint32_t request_conn_n(const struct bench_options *opts)
{
        return opts->clients + opts->subscribers;
}

static void request_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, opts->subscribers) dial_responder(worker);
        bench_share(worker, i, opts->clients) dial_requester(worker, i);
}

static void request_go(struct bench_worker *worker)
{
        if (worker->shared->opts->rate > 0) {
                start_pace(worker);
                return;
        }
        list_foreach (&worker->active, it) {
                struct party *party = list_entry(it, struct party, member);
                if (party->quota > 0)
                        send_request(party, clock_mono_ns());
        }
}

static void request_end(struct bench_worker *worker)
{
        pace_stop(worker->pace);
        worker->pace = NULL;
}

static bool request_done(const struct bench_shared *shared)
{
        return atomic_load(&shared->done) >= shared->opts->msgs;
}

const struct bench_kind bench_request = {
        .conn_n = request_conn_n,
        .setup = request_setup,
        .go = request_go,
        .end = request_end,
        .is_done = request_done,
};
