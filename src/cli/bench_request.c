/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies. Closed loop: each requester has one request out. Open loop (--rate):
 * requests leave on a fixed schedule whatever happened to those before, and a latency counts from
 * the scheduled moment, so that a stalled server is charged for every request it delayed (no
 * coordinated omission).
 *
 * The loop's timers are too coarse for a schedule of microseconds, so each worker has a thread that
 * does nothing but sleep until the next moment and then wake the loop. How late requests left
 * nevertheless is measured as well. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/bench_conn.h"
#include "os/os.h"
#include <string.h>
#include <time.h>

enum { WINDOW = 1 << 14 }; /* requests of one requester without an answer */

struct party {
        struct bench_conn bc;
        struct list member; /* requester: in its worker's list */
        uint32_t number;
        bool requester;
        uint64_t sent, answered, quota;
        uint64_t *sent_at; /* by sequence, modulo WINDOW */
};

/* The schedule of one worker: request k leaves at start + k * step, from party k % party_n. */
struct pace {
        struct mail mail;
        _Atomic bool posted; /* the letter is on its way */
        _Atomic bool over;
        struct bench_worker *worker;
        struct thread *thread;
        struct list *next; /* whose turn it is */
        double start_ns, step_ns;
        uint64_t sent, quota;
};

/* ---- one request --------------------------------------------------------------------------- */

static void send_request(struct party *party, uint64_t at_ns)
{
        const struct bench_options *opts = party->bc.shared->opts;
        struct outq *out = &party->bc.conn.out;
        char line[BENCH_SUBJECT_MAX + 80];
        int n = snprintf(line, sizeof line, "PUB %s _INBOX.b%u.%llu %u\r\n", opts->subject,
                party->number, (unsigned long long)party->sent, opts->size);
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
        struct pace *pace = bc->worker->pace;
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        if (pace)
                pace->quota = 0; /* the run ends; nobody is left to take a turn */
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

static uint64_t due_ns(const struct pace *pace, uint64_t k)
{
        return (uint64_t)(pace->start_ns + pace->step_ns * (double)k);
}

static struct party *take_turn(struct pace *pace)
{
        struct list *head = &pace->worker->active, *turn = pace->next;
        if (turn == head)
                turn = head->next;
        pace->next = turn->next;
        return list_entry(turn, struct party, member);
}

/* On the loop: send everything whose moment has come. */
static void on_moment(struct mail *mail)
{
        struct pace *pace = CONTAINER_OF(mail, struct pace, mail);
        atomic_store(&pace->posted, false);
        for (uint64_t now = clock_mono_ns(), due; pace->sent < pace->quota; pace->sent++) {
                due = due_ns(pace, pace->sent);
                if (due > now)
                        return;
                struct list *turn = pace->next;
                struct party *party = take_turn(pace);
                if (party->sent - party->answered >= WINDOW) {
                        pace->next = turn; /* it waits, and its clock runs */
                        return;
                }
                hist_add(&pace->worker->lag, now - due);
                send_request(party, due);
        }
}

static void sleep_until(uint64_t at_ns)
{
        uint64_t now = clock_mono_ns();
        if (at_ns <= now)
                return;
        const struct timespec pause = {
                .tv_sec = (time_t)((at_ns - now) / NS_PER_SEC),
                .tv_nsec = (long)((at_ns - now) % NS_PER_SEC),
        };
        nanosleep(&pause, NULL);
}

static void run_pace(void *ctx)
{
        struct pace *pace = ctx;
        uint64_t k = 0;
        os_thread_sharp_timers();
        while (!atomic_load(&pace->over)) {
                if (!atomic_exchange(&pace->posted, true))
                        loop_post(pace->worker->loop, &pace->mail);
                uint64_t now = clock_mono_ns();
                while (due_ns(pace, k) <= now)
                        k++;
                sleep_until(due_ns(pace, k) < now + NS_PER_SEC / 10 ? due_ns(pace, k)
                                                                    : now + NS_PER_SEC / 10);
        }
}

static void start_pace(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        struct pace *pace = xnew(struct pace);
        uint32_t party_n = 0;
        list_foreach (&worker->active, it) {
                pace->quota += list_entry(it, struct party, member)->quota;
                party_n++;
        }
        if (party_n == 0) {
                xfree(pace);
                return;
        }
        pace->worker = worker;
        pace->mail.deliver = on_moment;
        pace->next = worker->active.next;
        pace->step_ns = 1e9 * opts->clients / opts->rate / party_n;
        pace->start_ns = (double)worker->start_ns + pace->step_ns * worker->index / opts->threads;
        worker->pace = pace;
        pace->thread = thread_start("bench-pace", THREAD_NONE, run_pace, pace);
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
        struct pace *pace = worker->pace;
        if (pace == NULL)
                return;
        atomic_store(&pace->over, true);
        thread_join(pace->thread);
        pace->quota = 0; /* a letter may still come: pace lives as long as the process */
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
