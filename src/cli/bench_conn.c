/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_conn.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "os/os.h"
#include "tls/verdict.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DIAL_AT_ONCE = 32, LINE_MAX_BYTES = 1024 * 1024, ANSWER_MS = 5000 };
#define HANDSHAKE_NS (30 * NS_PER_SEC)

/* ---- finding the server -------------------------------------------------------------------- */

/* A connected socket or negative errno. */
static int try_address(const struct addrinfo *ai)
{
        int fd = os_socket_stream(ai->ai_family);
        if (fd < 0)
                return fd;
        int err = 0;
        socklen_t len = sizeof err;
        struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0)
                err = errno;
        if (err == EINPROGRESS)
                err = poll(&pollfd, 1, ANSWER_MS) == 1 &&
                                      getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0
                              ? err
                              : ETIMEDOUT;
        if (err == 0)
                return fd;
        close(fd);
        return -err;
}

int bench_find_server(struct bench_shared *shared, struct errbuf *eb)
{
        const struct bench_options *opts = shared->opts;
        char service[16];
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
        snprintf(service, sizeof service, "%d", opts->port);
        int rc = getaddrinfo(opts->host, service, &hints, &found);
        if (rc != 0)
                return errbuf_set(eb, ERR_NOTFOUND, "%s: %s", opts->host, gai_strerror(rc));
        rc = ERR_NOTFOUND;
        for (struct addrinfo *ai = found; ai && rc != 0; ai = ai->ai_next) {
                rc = try_address(ai);
                if (rc < 0)
                        continue;
                atomic_store(&shared->first_fd, rc);
                memcpy(&shared->addr, ai->ai_addr, ai->ai_addrlen);
                shared->addr_len = ai->ai_addrlen;
                rc = 0;
        }
        freeaddrinfo(found);
        if (rc == 0)
                return 0;
        return errbuf_set(eb, rc, "%s port %d: %s", opts->host, opts->port, err_text(rc));
}

/* ---- failing ------------------------------------------------------------------------------- */

void bench_complain(struct bench_shared *shared, const char *what)
{
        if (!atomic_exchange(&shared->complained, true)) {
                bench_progress_end(shared->opts);
                fprintf(stderr, "midge bench: %s\n", what);
        }
}

void bench_fail(struct bench_conn *bc, const char *what)
{
        if (!bc->failed && !atomic_load(&bc->shared->stop))
                bench_complain(bc->shared, what);
        bc->failed = true;
        conn_close(&bc->conn, CONN_CLOSE_NOW);
}

/* ---- lines --------------------------------------------------------------------------------- */

static void greet(struct bench_conn *bc)
{
        bc->greeted = true;
        conn_send(&bc->conn, slice_str(bc->shared->connect_line));
        if (bc->greeting)
                conn_send(&bc->conn, slice_str(bc->greeting));
        conn_send(&bc->conn, SLICE_LIT("PING\r\n"));
}

/* Why this server cannot serve this run, in *why; said before it would say so less clearly. */
static bool suits(const struct bench_options *opts, struct slice info, struct errbuf *why)
{
        struct errbuf eb;
        json_t *json = json_parse(info, &eb);
        json_int_t max = json_integer_value(json_member(json, "max_payload"));
        bool required = json_is_true(json_member(json, "tls_required"));
        bool offered = required || json_is_true(json_member(json, "tls_available"));
        why->text[0] = '\0';
        if (json == NULL)
                (void)errbuf_set(why, ERR_INVALID, "INFO: %s", eb.text);
        else if (required && !opts->tls)
                (void)errbuf_set(why, ERR_TLS, "the server requires TLS: add --tls");
        else if (opts->tls && !opts->tls_first && !offered)
                (void)errbuf_set(why, ERR_TLS, "the server does not offer TLS");
        else if (max > 0 && opts->size > max)
                (void)errbuf_set(why, ERR_RANGE, "--size %u is above the server's max_payload %lld",
                        opts->size, (long long)max);
        json_decref(json);
        return why->text[0] == '\0';
}

static void on_info(struct bench_conn *bc, struct slice json)
{
        struct bench_shared *shared = bc->shared;
        struct errbuf why;
        if (!atomic_exchange(&shared->info_seen, true) && !suits(shared->opts, json, &why))
                bench_fail(bc, why.text);
        else if (shared->tls && !shared->opts->tls_first)
                conn_start_tls(
                        &bc->conn, shared->tls, shared->crypto, HANDSHAKE_NS, shared->opts->host);
        else
                greet(bc);
}

static void dial_waiting(struct bench_worker *worker);

static void dial_over(struct bench_conn *bc)
{
        if (bc->dialling)
                bc->worker->dialling--;
        bc->dialling = false;
}

static void on_pong(struct bench_conn *bc)
{
        if (bc->ready) {
                if (bc->ops->on_pong)
                        bc->ops->on_pong(bc);
                return;
        }
        bc->ready = true;
        dial_over(bc);
        bc->ops->on_ready(bc);
        dial_waiting(bc->worker);
}

size_t bench_conn_line(struct bench_conn *bc, struct slice bytes)
{
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        if (end == NULL && bytes.len > LINE_MAX_BYTES)
                bench_fail(bc, "the server sent a line without end");
        if (end == NULL)
                return 0;
        size_t whole = (size_t)(end + 1 - bytes.ptr);
        struct slice line = slice_of(bytes.ptr, whole - 1);
        if (line.len && line.ptr[line.len - 1] == '\r')
                line.len--;
        if (slice_starts(line, SLICE_LIT("INFO "))) {
                if (!bc->greeted)
                        on_info(bc, slice_of(line.ptr + 5, line.len - 5));
        } else if (slice_eq(line, SLICE_LIT("PONG"))) {
                on_pong(bc);
        } else if (slice_eq(line, SLICE_LIT("PING"))) {
                conn_send(&bc->conn, SLICE_LIT("PONG\r\n"));
        } else if (!slice_eq(line, SLICE_LIT("+OK"))) {
                char text[300];
                snprintf(text, sizeof text, "the server says: %.*s",
                        line.len < 200 ? (int)line.len : 200, line.ptr);
                bench_fail(bc, text);
        }
        return whole;
}

enum bench_msg_result bench_read_msg(struct slice bytes, struct bench_msg *out)
{
        struct slice word[6];
        size_t n = 0, sizes = slice_starts(bytes, SLICE_LIT("HMSG ")) ? 2 : 1;
        if (sizes == 1 && !slice_starts(bytes, SLICE_LIT("MSG ")))
                return BENCH_NO_MSG;
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        if (end == NULL)
                return bytes.len > LINE_MAX_BYTES ? BENCH_NO_MSG : BENCH_MSG_PARTIAL;
        const char *stop, *last = end[-1] == '\r' ? end - 1 : end;
        for (const char *at = bytes.ptr; at < last && n < ARRAY_N(word); at = stop + 1) {
                for (stop = at; stop < last && *stop != ' ';)
                        stop++;
                word[n++] = slice_of(at, (size_t)(stop - at));
        }
        unsigned long long size;
        if (n < 3 + sizes || n > 4 + sizes || !slice_to_u64(word[n - 1], 9, &size))
                return BENCH_NO_MSG;
        out->subject = word[1];
        out->reply = n == 4 + sizes ? word[3] : SLICE_NULL;
        out->line_bytes = (size_t)(end + 1 - bytes.ptr);
        out->size = (size_t)size;
        return BENCH_MSG;
}

/* ---- what the connection tells -------------------------------------------------------------- */

static size_t on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        size_t used = 0;
        (void)chunk;
        (void)need;
        while (!bc->ready && used < bytes.len && conn->state == CONN_OPEN) {
                size_t n = bench_conn_line(bc, slice_of(bytes.ptr + used, bytes.len - used));
                if (n == 0)
                        return used;
                used += n;
        }
        if (!bc->ready || used == bytes.len || conn->state != CONN_OPEN)
                return used;
        return used + bc->ops->on_data(bc, slice_of(bytes.ptr + used, bytes.len - used));
}

static void on_secure(struct conn *conn)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        if (!bc->shared->opts->tls_first)
                greet(bc); /* INFO came before the handshake */
}

static void on_tls_failed(struct conn *conn, const struct tls_verdict *verdict)
{
        struct errbuf eb;
        (void)errbuf_set(&eb, ERR_TLS, "TLS handshake: %s", verdict->text);
        bench_fail(CONTAINER_OF(conn, struct bench_conn, conn), eb.text);
}

static void on_eof(struct conn *conn, int err)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        struct errbuf eb;
        (void)errbuf_set(&eb, err, "connection lost: %s",
                err == ERR_EOF ? "the server closed it" : err_text(err));
        bench_fail(bc, eb.text);
}

static void on_write_timeout(struct conn *conn, bool moved)
{
        (void)moved;
        bench_fail(CONTAINER_OF(conn, struct bench_conn, conn), "the server does not read");
}

static void on_flushed(struct conn *conn)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        if (bc->ready && bc->ops->on_flushed)
                bc->ops->on_flushed(bc);
}

static void on_closed(struct conn *conn)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        struct bench_worker *worker = bc->worker;
        xfree(bc->greeting);
        dial_over(bc);
        bc->ops->on_gone(bc, bc->failed);
        dial_waiting(worker);
}

static const struct conn_ops ops_of_conn = {
        .on_input = on_input,
        .on_secure = on_secure,
        .on_tls_failed = on_tls_failed,
        .on_eof = on_eof,
        .on_write_timeout = on_write_timeout,
        .on_flushed = on_flushed,
        .on_closed = on_closed,
};

/* ---- dialling ------------------------------------------------------------------------------ */

static int open_socket(struct bench_conn *bc)
{
        struct bench_shared *shared = bc->shared;
        int fd = atomic_exchange(&shared->first_fd, -1), rc = 0;
        bool there = fd >= 0;
        if (!there)
                fd = os_socket_stream(shared->addr.ss_family);
        if (fd < 0)
                return fd;
        (void)os_set_nodelay(fd);
        if (!there)
                rc = connect(fd, (const struct sockaddr *)&shared->addr, shared->addr_len);
        rc = rc != 0 && errno != EINPROGRESS
                     ? -errno
                     : conn_init(&bc->conn, bc->worker->loop, fd, &ops_of_conn);
        if (rc != 0)
                close(fd);
        return rc;
}

static void dial_now(struct bench_conn *bc)
{
        struct bench_shared *shared = bc->shared;
        bc->start_ns = clock_mono_ns();
        int rc = open_socket(bc);
        if (rc != 0) {
                struct errbuf eb;
                (void)errbuf_set(&eb, rc, "cannot connect: %s", err_text(rc));
                bench_complain(shared, eb.text);
                xfree(bc->greeting);
                bc->ops->on_gone(bc, true);
                return;
        }
        bc->dialling = true;
        bc->worker->dialling++;
        bc->conn.write_deadline_ns = 0;
        if (shared->tls && shared->opts->tls_first)
                conn_start_tls(
                        &bc->conn, shared->tls, shared->crypto, HANDSHAKE_NS, shared->opts->host);
        else
                conn_open(&bc->conn);
}

static void dial_waiting(struct bench_worker *worker)
{
        bool storm = worker->shared->opts->mode == BENCH_CONNECT; /* its clients are the limit */
        if (worker->in_dial)
                return;
        worker->in_dial = true;
        while (!list_empty(&worker->waiting) && (storm || worker->dialling < DIAL_AT_ONCE)) {
                struct bench_conn *bc =
                        list_entry(worker->waiting.next, struct bench_conn, waiting);
                list_remove(&bc->waiting);
                dial_now(bc);
        }
        worker->in_dial = false;
}

void bench_dial(struct bench_conn *bc, struct bench_worker *worker,
        const struct bench_conn_ops *ops, char *greeting)
{
        bc->ops = ops;
        bc->worker = worker;
        bc->shared = worker->shared;
        bc->greeting = greeting;
        list_push_back(&worker->waiting, &bc->waiting);
        dial_waiting(worker);
}

size_t bench_conn_head(struct bench_conn *bc, struct slice rest, size_t *body_bytes)
{
        struct bench_msg msg;
        switch (bench_read_msg(rest, &msg)) {
        case BENCH_MSG:
                *body_bytes = msg.size + 2;
                return msg.line_bytes;
        case BENCH_MSG_PARTIAL:
                return 0;
        default:
                return bench_conn_line(bc, rest);
        }
}
