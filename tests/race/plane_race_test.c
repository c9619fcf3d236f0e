/* SPDX-License-Identifier: Apache-2.0 */
/* plane_race_test.c: the message plane with three loops in one process, over socket pairs.
 *
 *   publishers (threads) ─ PUB orders.<p> <sequence> ─► loops ─► stayers (one per loop and one
 * here) churners (threads)   ─ SUB, UNSUB, SUB with a limit, queue members, hang up, come again
 *   control (main)       ─ new settings every few milliseconds
 *
 * A stayer must see every publisher's numbers in order, without a gap, once per number; a member of
 * the queue group may miss nothing as a group. The rest of the verdict is the sanitizers'. */
#include "account/account.h"
#include "account/registry.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "client/client.h"
#include "dispatch/dispatch.h"
#include "net/crypto_pool.h"
#include "net/loop.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "proto/info.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        LOOPS = 3,
        PUBLISHERS = 3,
        MESSAGES = 20000, /* of each publisher */
        STAYERS = 3,
        MEMBERS = 3, /* of one queue group, one on each loop */
        CHURNERS = 3,
        LIVES = 100, /* connections of each churner */
        JOBS = 20000,
        BARRIERS = 3000,
};

static struct peer_server server;
static struct thread *loop_threads[LOOPS];
static struct options options;
static _Atomic int records;

#define CHECK(cond, ...)                                                                           \
        do {                                                                                       \
                if (!(cond)) {                                                                     \
                        fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                 \
                        fprintf(stderr, __VA_ARGS__);                                              \
                        fputc('\n', stderr);                                                       \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

/* ---- the server's side ------------------------------------------------------------------- */

static struct settings *fresh_settings(void)
{
        const struct server_info info = { .server_id = "N",
                .server_name = "race",
                .version = "2.15.0",
                .go = "c",
                .host = "0.0.0.0",
                .headers = true };
        return settings_new(&options, info_template_new(&info), NULL, NULL, NULL);
}

static void on_closed_record(struct peer_server *peers, struct peer_info *record)
{
        (void)peers;
        atomic_fetch_add(&records, 1);
        peer_info_free(record);
}

static void run_loop(void *ctx)
{
        loop_run(ctx);
}

static void start_server(void)
{
        options.limits = (struct limit_options){ .max_connections = 1000,
                .max_control_line_bytes = 4096,
                .max_payload_bytes = 1 << 20,
                .max_pending_bytes = 64 << 20 };
        options.timing = (struct timing_options){ .ping_interval_ns = 120 * (int64_t)NS_PER_SEC,
                .ping_max = 2,
                .write_deadline_ns = 10 * (int64_t)NS_PER_SEC };
        server.registry = registry_new();
        server.id = "N";
        server.control = loop_new(LOOP_MAX);
        server.on_closed_record = on_closed_record;
        server.loops = xcalloc(LOOPS, sizeof server.loops[0]);
        server.loop_n = LOOPS;
        struct settings *settings = fresh_settings();
        for (unsigned i = 0; i < LOOPS; i++) {
                server.loops[i] = loop_new(i);
                server.loops[i]->roster = roster_new(settings);
                dispatch_new(server.loops[i], &server, 64);
        }
        settings_unref(settings);
        for (unsigned i = 0; i < LOOPS; i++)
                loop_threads[i] = thread_start("loop", THREAD_LOOP, run_loop, server.loops[i]);
}

struct letter {
        struct mail mail;
        struct loop *loop;
        struct settings *settings;
};

static void on_settings(struct mail *mail)
{
        struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
        roster_apply(letter->loop, letter->settings);
        xfree(letter);
}

static void on_drain(struct mail *mail)
{
        struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
        roster_drain(letter->loop);
        xfree(letter);
}

static void post_letter(struct loop *loop, mail_fn deliver, struct settings *settings)
{
        struct letter *letter = xnew(struct letter);
        *letter = (struct letter){ .loop = loop, .settings = settings, .mail.deliver = deliver };
        loop_post(loop, &letter->mail);
}

static void on_stop(struct mail *mail)
{
        loop_stop(server.control);
        xfree(mail);
}

static void stop_server(void)
{
        for (unsigned i = 0; i < LOOPS; i++)
                post_letter(server.loops[i], on_drain, NULL);
        for (unsigned i = 0; i < LOOPS; i++)
                thread_join(loop_threads[i]);
        for (unsigned i = 0; i < LOOPS; i++) {
                roster_free(server.loops[i]->roster);
                dispatch_free(server.loops[i]->dispatch);
                loop_free(server.loops[i]);
        }
        struct mail *stop = xnew(struct mail);
        stop->deliver = on_stop;
        loop_post(server.control, stop);
        loop_run(server.control); /* the records of closed clients */
        rcu_barrier_wait();
        registry_free(server.registry);
        loop_free(server.control);
        xfree(server.loops);
}

/* ---- the clients' side: blocking sockets ------------------------------------------------- */

struct wire {
        int fd;
        char in[64 * 1024];
        size_t len, at;
        bool (*is_over)(void); /* then nothing has to come any more; NULL: something always has */
};

static bool is_over(const struct wire *wire)
{
        return wire->is_over && wire->is_over();
}

static void wire_open(struct wire *wire, unsigned loop)
{
        int pair[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
        CHECK(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0, "fcntl");
        wire->fd = pair[0];
        wire->len = wire->at = 0;
        client_accept_post(&server, server.loops[loop % LOOPS], pair[1], &(struct peer_addr){ 0 });
}

static void wire_put(struct wire *wire, const char *text, size_t len)
{
        while (len > 0) {
                ssize_t n = send(wire->fd, text, len, MSG_NOSIGNAL);
                CHECK(n > 0, "send failed");
                text += n;
                len -= (size_t)n;
        }
}

static void wire_say(struct wire *wire, const char *text)
{
        wire_put(wire, text, strlen(text));
}

/* Bytes are there; false: it is over, or nothing came for a long time. */
static bool wire_wait(const struct wire *wire)
{
        struct pollfd wait = { .fd = wire->fd, .events = POLLIN };
        for (int i = 0; i < 3000 && !is_over(wire); i++)
                if (poll(&wait, 1, 20) > 0)
                        return true;
        return false;
}

/* One line without CRLF; NULL when there is none. */
static char *wire_line(struct wire *wire)
{
        for (;;) {
                char *end = memchr(wire->in + wire->at, '\n', wire->len - wire->at);
                if (end) {
                        char *line = wire->in + wire->at;
                        end[-1] = '\0';
                        wire->at = (size_t)(end + 1 - wire->in);
                        return line;
                }
                memmove(wire->in, wire->in + wire->at, wire->len - wire->at);
                wire->len -= wire->at;
                wire->at = 0;
                if (!wire_wait(wire))
                        return NULL;
                ssize_t n = recv(wire->fd, wire->in + wire->len, sizeof wire->in - wire->len, 0);
                CHECK(n > 0, "the server hung up");
                wire->len += (size_t)n;
        }
}

static void wire_expect(struct wire *wire, const char *prefix)
{
        char *line;
        while ((line = wire_line(wire)) && strncmp(line, prefix, strlen(prefix)) != 0)
                ;
        CHECK(line, "no %s", prefix);
}

static void wire_greet(struct wire *wire, unsigned loop)
{
        wire_open(wire, loop);
        wire_expect(wire, "INFO");
        wire_say(wire,
                "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nPING\r\n");
        wire_expect(wire, "PONG");
}

/* ---- who takes part ---------------------------------------------------------------------- */

static _Atomic int group_got;
static _Atomic int publishing = PUBLISHERS;

static void publish(void *ctx)
{
        unsigned self = (unsigned)(uintptr_t)ctx;
        static const char filler[6000] = { 0 };
        struct wire *wire = xnew(struct wire);
        char head[128];
        wire_greet(wire, self);
        for (int i = 0; i < MESSAGES; i++) {
                size_t fill = i % 50 == 0 ? 5000 : (size_t)(i % 7); /* some by reference */
                int n = snprintf(head, sizeof head, "PUB orders.%u %zu\r\n%08d", self, fill + 8, i);
                wire_put(wire, head, (size_t)n);
                wire_put(wire, filler, fill);
                wire_put(wire, "\r\n", 2);
                if (i % 200 == 0) {
                        wire_say(wire, "PING\r\n");
                        wire_expect(wire, "PONG");
                }
        }
        wire_say(wire, "PING\r\n");
        wire_expect(wire, "PONG");
        close(wire->fd);
        xfree(wire);
        atomic_fetch_sub(&publishing, 1);
}

/* Read one MSG; returns its publisher and sets *number. PUBLISHERS: it is over. */
static unsigned read_msg(struct wire *wire, int *number)
{
        char *line, digits[9] = "";
        unsigned from = 0;
        while ((line = wire_line(wire)) && strncmp(line, "MSG ", 4) != 0)
                ;
        if (!line && is_over(wire))
                return PUBLISHERS;
        CHECK(line, "messages are missing");
        char *size_text = strrchr(line, ' ');
        CHECK(sscanf(line, "MSG orders.%u ", &from) == 1 && size_text, "%s", line);
        size_t left = strtoul(size_text, NULL, 10) + 2, got = 0;
        while (left > 0) {
                if (wire->at == wire->len) {
                        ssize_t n = recv(wire->fd, wire->in, sizeof wire->in, 0);
                        CHECK(n > 0, "the server hung up inside a message");
                        wire->at = 0;
                        wire->len = (size_t)n;
                }
                size_t n = wire->len - wire->at < left ? wire->len - wire->at : left;
                for (size_t i = 0; i < n && got < 8; i++)
                        digits[got++] = wire->in[wire->at + i];
                wire->at += n;
                left -= n;
        }
        *number = (int)strtol(digits, NULL, 10);
        return from;
}

static _Atomic int ready;

static void stay(void *ctx)
{
        struct wire *wire = xnew(struct wire);
        int next[PUBLISHERS] = { 0 }, number;
        wire_greet(wire, (unsigned)(uintptr_t)ctx);
        wire_say(wire, "SUB orders.* 1\r\nPING\r\n");
        wire_expect(wire, "PONG");
        atomic_fetch_add(&ready, 1);
        for (int i = 0; i < PUBLISHERS * MESSAGES; i++) {
                unsigned from = read_msg(wire, &number);
                CHECK(from < PUBLISHERS && number == next[from], "publisher %u: %d instead of %d",
                        from, number, from < PUBLISHERS ? next[from] : -1);
                next[from]++;
        }
        close(wire->fd);
        xfree(wire);
}

static bool group_is_served(void)
{
        return atomic_load(&group_got) >= PUBLISHERS * MESSAGES;
}

/* Another member may get the last message while this one waits for it. */
static void serve_group(void *ctx)
{
        struct wire *wire = xnew(struct wire);
        int number;
        wire_greet(wire, (unsigned)(uintptr_t)ctx);
        wire_say(wire, "SUB orders.> workers 9\r\nPING\r\n");
        wire_expect(wire, "PONG");
        atomic_fetch_add(&ready, 1);
        wire->is_over = group_is_served;
        while (read_msg(wire, &number) < PUBLISHERS)
                atomic_fetch_add(&group_got, 1);
        close(wire->fd);
        xfree(wire);
}

static bool nobody_publishes(void)
{
        return atomic_load(&publishing) == 0;
}

/* Takes what it can get, leaves in the middle of it. Its queue name is its own. */
static void churn(void *ctx)
{
        unsigned self = (unsigned)(uintptr_t)ctx;
        struct wire *wire = xnew(struct wire);
        int number;
        for (unsigned life = 0; life < LIVES && atomic_load(&publishing) > 0; life++) {
                char text[256];
                wire->is_over = NULL;
                wire_greet(wire, self + life);
                wire->is_over = nobody_publishes;
                snprintf(text, sizeof text,
                        "SUB orders.* %u\r\nSUB orders.> q%u a\r\nSUB orders.%u b\r\nUNSUB b 5\r\n"
                        "SUB churn.%u c\r\nUNSUB c\r\n",
                        life, self % 2, self % PUBLISHERS, life);
                wire_say(wire, text);
                for (int i = 0; i < 20 && atomic_load(&publishing) == PUBLISHERS; i++)
                        read_msg(wire, &number);
                snprintf(text, sizeof text, "UNSUB %u\r\nUNSUB a\r\nPING\r\n", life);
                if (life % 3)
                        wire_say(wire, text);
                close(wire->fd);
        }
        xfree(wire);
}

/* ---- crypto pool: every job comes home once, to its own loop ------------------------------ */

struct work {
        struct crypto_job job;
        int value;
};

static _Atomic int jobs_home;

static void work_run(struct crypto_job *job)
{
        CONTAINER_OF(job, struct work, job)->value++;
}

static void work_done(struct mail *mail)
{
        struct work *work = CONTAINER_OF(mail, struct work, job.done);
        CHECK(loop_current() == work->job.home && work->value == 1, "a job went astray");
        xfree(work);
        atomic_fetch_add(&jobs_home, 1);
}

static void post_jobs(struct crypto_pool *pool)
{
        for (int i = 0; i < JOBS;) {
                struct work *work = xnew(struct work);
                work->job = (struct crypto_job){ .run = work_run,
                        .home = server.loops[i % LOOPS],
                        .source = (uint64_t)i % 17,
                        .done = { .deliver = work_done } };
                if (crypto_pool_post(pool, &work->job) == 0)
                        i++;
                else
                        xfree(work); /* full: offer again */
        }
}

/* PING and PONG are a barrier across connections: what was published before the publisher's PONG
 * comes before the PONG of a subscriber who asks afterwards, though they live on different loops,
 * busy with the rest of this test. */
static void check_barrier(void)
{
        struct wire *from = xnew(struct wire), *to = xnew(struct wire);
        wire_greet(from, 0);
        wire_greet(to, 1);
        wire_say(to, "SUB barrier 1\r\nPING\r\n");
        wire_expect(to, "PONG");
        for (int i = 0; i < BARRIERS; i++) {
                wire_say(from, "PUB barrier 2\r\nhi\r\nPING\r\n");
                wire_expect(from, "PONG");
                wire_say(to, "PING\r\n");
                char *line; /* INFO and the server's own PING may stand before it */
                while ((line = wire_line(to)) && strncmp(line, "MSG", 3) != 0)
                        CHECK(strcmp(line, "PONG") != 0, "PONG came before the message");
                CHECK(line, "no message");
                wire_expect(to, "PONG");
        }
        close(from->fd);
        close(to->fd);
        xfree(from);
        xfree(to);
}

static struct thread *begin(thread_fn fn, unsigned self)
{
        return thread_start("actor", THREAD_TEST, fn, (void *)(uintptr_t)self);
}

int main(void)
{
        struct thread *threads[STAYERS + MEMBERS + PUBLISHERS + CHURNERS];
        unsigned n = 0;
        thread_set_role(THREAD_CONTROL, "race");
        start_server();
        for (unsigned i = 0; i < STAYERS; i++)
                threads[n++] = begin(stay, i);
        for (unsigned i = 0; i < MEMBERS; i++)
                threads[n++] = begin(serve_group, i);
        while (atomic_load(&ready) < STAYERS + MEMBERS)
                usleep(1000);
        for (unsigned i = 0; i < PUBLISHERS; i++)
                threads[n++] = begin(publish, i);
        for (unsigned i = 0; i < CHURNERS; i++)
                threads[n++] = begin(churn, i);
        check_barrier();
        struct crypto_pool *pool = crypto_pool_new(2, 64);
        post_jobs(pool);
        while (atomic_load(&publishing) > 0) {
                options.limits.max_payload_bytes ^= 4096; /* any change will do */
                struct settings *settings = fresh_settings();
                for (unsigned i = 0; i < LOOPS; i++)
                        post_letter(server.loops[i], on_settings, settings_ref(settings));
                settings_unref(settings);
                usleep(2000);
        }
        for (unsigned i = 0; i < n; i++)
                thread_join(threads[i]);
        crypto_pool_free(pool);
        while (atomic_load(&jobs_home) < JOBS)
                usleep(1000);
        stop_server();
        CHECK(atomic_load(&records) >= STAYERS + MEMBERS + PUBLISHERS, "%d records",
                atomic_load(&records));
        CHECK(atomic_load(&group_got) == PUBLISHERS * MESSAGES, "%d for the group",
                atomic_load(&group_got));
        return 0;
}
