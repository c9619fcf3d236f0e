/* SPDX-License-Identifier: Apache-2.0 */
/* subs: very many subscriptions, then messages to random ones of them. Subscription i stands for the
 * message subject.A.i, where A is i / 1000; seven of ten say just that, the others subject.*.i,
 * *.A.i (the star in place of the subject's last word) and subject.A.i.> (whose message has a word
 * more), so that a match meets wildcards at every level and yet each message has one receiver.
 *
 * Every connection subscribes to its share and publishes its share. All bytes are made before they
 * are needed: what the generator computes meanwhile would be taken from the server. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench_conn.h"
#include <string.h>

enum {
        CHUNK_BYTES = 64 * 1024,
        AHEAD_BYTES = 256 * 1024,
        SPREAD = 7919, /* a prime: subscribes in an order that jumps about */
        LINE_MAX = BENCH_SUBJECT_MAX + 64,
};

/* Chunks that are sent one after the other, then a PING. */
struct reel {
        struct part {
                struct chunk *chunk;
                size_t len;
        } * part;
        size_t n, next;
        bool asked;
};

struct crowd {
        struct bench_conn bc;
        struct list member; /* in worker->active */
        struct reel subs, msgs, *playing;
        size_t skip_bytes; /* of the message that is still coming */
};

/* ---- the bytes ------------------------------------------------------------------------------- */

/* Room at the end for so many bytes, which commit() makes a part of it. */
static char *reserve(struct reel *reel, size_t bytes)
{
        struct part *last = reel->n ? &reel->part[reel->n - 1] : NULL;
        if (last == NULL || last->chunk->cap - last->len < bytes) {
                reel->part = xrealloc(reel->part, (reel->n + 1) * sizeof reel->part[0]);
                last = &reel->part[reel->n++];
                last->chunk = chunk_new(bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES);
                last->len = 0;
        }
        return last->chunk->data + last->len;
}

static void commit(struct reel *reel, size_t bytes)
{
        reel->part[reel->n - 1].len += bytes;
}

static const char *last_token(const char *subject)
{
        const char *dot = strrchr(subject, '.');
        return dot ? dot + 1 : subject;
}

/* What subscription i asks for, or what its message is called; bytes of it. */
static int subject_of(char *to, const char *subject, uint64_t i, bool message)
{
        unsigned long long a = i / 1000, c = i;
        switch (i % 10) {
        case 7:
                return message ? snprintf(to, LINE_MAX, "%s.%llu.%llu", subject, a, c)
                               : snprintf(to, LINE_MAX, "%s.*.%llu", subject, c);
        case 8:
                return message ? snprintf(to, LINE_MAX, "%s.%llu.%llu", subject, a, c)
                               : snprintf(to, LINE_MAX, "%.*s*.%llu.%llu",
                                         (int)(last_token(subject) - subject), subject, a, c);
        case 9:
                return snprintf(
                        to, LINE_MAX, "%s.%llu.%llu.%s", subject, a, c, message ? "x" : ">");
        default:
                return snprintf(to, LINE_MAX, "%s.%llu.%llu", subject, a, c);
        }
}

static void add_sub(struct reel *reel, const char *subject, uint64_t i, uint64_t sid)
{
        char *to = reserve(reel, 2 * LINE_MAX), *at = to;
        memcpy(at, "SUB ", 4);
        at += 4 + subject_of(at + 4, subject, i, false);
        at += snprintf(at, 32, " %llu\r\n", (unsigned long long)sid);
        commit(reel, (size_t)(at - to));
}

static void add_msg(struct reel *reel, const struct bench_options *opts, uint64_t i)
{
        char *to = reserve(reel, 2 * LINE_MAX + opts->size), *at = to;
        memcpy(at, "PUB ", 4);
        at += 4 + subject_of(at + 4, opts->subject, i, true);
        at += snprintf(at, 32, " %u\r\n", opts->size);
        memset(at, 'x', opts->size);
        memcpy(at + opts->size, "\r\n", 2);
        commit(reel, (size_t)(at - to) + opts->size + 2);
}

/* xorshift64* */
static uint64_t random_next(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 2685821657736338717ULL;
}

static void record(struct crowd *crowd, const struct bench_options *opts, uint32_t number)
{
        uint64_t total = opts->subscriptions, step = total % SPREAD ? SPREAD : 1, sid = 0;
        uint64_t state = 88172645463325252ULL + number;
        for (uint64_t k = number; k < total; k += opts->clients)
                add_sub(&crowd->subs, opts->subject, k * step % total, ++sid);
        for (uint64_t k = number; k < opts->msgs; k += opts->clients)
                add_msg(&crowd->msgs, opts, random_next(&state) % total);
}

static void reel_fini(struct reel *reel)
{
        for (size_t i = 0; i < reel->n; i++)
                chunk_unref(reel->part[i].chunk);
        xfree(reel->part);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void pour(struct crowd *crowd)
{
        struct conn *conn = &crowd->bc.conn;
        struct reel *reel = crowd->playing;
        while (reel->next < reel->n && conn->out.bytes < AHEAD_BYTES) {
                const struct part *part = &reel->part[reel->next++];
                outq_append_ref(&conn->out, part->chunk, slice_of(part->chunk->data, part->len));
        }
        if (reel->next == reel->n && !reel->asked) {
                reel->asked = true; /* the PONG tells that the server has done everything */
                conn_send(conn, SLICE_LIT("PING\r\n"));
        }
        if (conn->out.bytes > 0)
                conn_touch(conn);
}

static void crowd_flushed(struct bench_conn *bc)
{
        struct crowd *crowd = CONTAINER_OF(bc, struct crowd, bc);
        if (crowd->playing && !crowd->playing->asked && !bc->conn.blocked)
                pour(crowd);
}

static void crowd_pong(struct bench_conn *bc)
{
        struct crowd *crowd = CONTAINER_OF(bc, struct crowd, bc);
        if (crowd->playing == NULL || !crowd->playing->asked)
                return;
        bool subscribed = crowd->playing == &crowd->subs;
        crowd->playing = NULL;
        bench_note_end(bc->shared, clock_mono_ns());
        atomic_fetch_add(subscribed ? &bc->shared->prepared : &bc->shared->finished, 1);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* One line, message or part of one from the start of rest; bytes used. */
static size_t take(struct crowd *crowd, struct slice rest, uint64_t *n)
{
        if (crowd->skip_bytes > 0) {
                size_t step = rest.len < crowd->skip_bytes ? rest.len : crowd->skip_bytes;
                crowd->skip_bytes -= step;
                *n += crowd->skip_bytes == 0;
                return step;
        }
        return bench_conn_head(&crowd->bc, rest, &crowd->skip_bytes);
}

static size_t crowd_data(struct bench_conn *bc, struct slice bytes)
{
        struct crowd *crowd = CONTAINER_OF(bc, struct crowd, bc);
        size_t used = 0, step;
        uint64_t n = 0;
        while (used < bytes.len && bc->conn.state == CONN_OPEN) {
                step = take(crowd, slice_of(bytes.ptr + used, bytes.len - used), &n);
                if (step == 0)
                        break;
                used += step;
        }
        if (n > 0) {
                atomic_fetch_add_explicit(&bc->shared->delivered, n, memory_order_relaxed);
                bench_note_end(bc->shared, clock_mono_ns());
        }
        return used;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void crowd_ready(struct bench_conn *bc)
{
        atomic_fetch_add(&bc->shared->ready, 1);
}

static void crowd_gone(struct bench_conn *bc, bool failed)
{
        struct crowd *crowd = CONTAINER_OF(bc, struct crowd, bc);
        if (failed)
                atomic_fetch_add(&bc->shared->errors, 1);
        list_remove(&crowd->member);
        reel_fini(&crowd->subs);
        reel_fini(&crowd->msgs);
        xfree(crowd);
}

static const struct bench_conn_ops crowd_ops = {
        .on_ready = crowd_ready,
        .on_data = crowd_data,
        .on_pong = crowd_pong,
        .on_flushed = crowd_flushed,
        .on_gone = crowd_gone,
};

static uint32_t subs_conn_n(const struct bench_options *opts)
{
        return opts->clients;
}

static uint64_t subs_expected(const struct bench_options *opts)
{
        return opts->msgs;
}

static void subs_setup(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, opts->clients)
        {
                struct crowd *crowd = xnew(struct crowd);
                record(crowd, opts, i);
                list_push_back(&worker->active, &crowd->member);
                bench_dial(&crowd->bc, worker, &crowd_ops, NULL);
        }
}

static void play(struct bench_worker *worker, bool messages)
{
        list_foreach (&worker->active, it) {
                struct crowd *crowd = list_entry(it, struct crowd, member);
                crowd->playing = messages ? &crowd->msgs : &crowd->subs;
                pour(crowd);
        }
}

static void subs_prepare(struct bench_worker *worker)
{
        play(worker, false);
}

static void subs_go(struct bench_worker *worker)
{
        const struct bench_options *opts = worker->shared->opts;
        bench_share(worker, i, opts->clients) atomic_fetch_add(&worker->shared->done,
                opts->msgs / opts->clients + (i < opts->msgs % opts->clients));
        play(worker, true);
}

static bool subs_done(const struct bench_shared *shared)
{
        return atomic_load(&shared->finished) >= shared->opts->clients &&
               atomic_load(&shared->delivered) >= shared->opts->msgs;
}

const struct bench_kind bench_subs = {
        .conn_n = subs_conn_n,
        .expected = subs_expected,
        .setup = subs_setup,
        .prepare = subs_prepare,
        .go = subs_go,
        .is_done = subs_done,
};
