/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_conn.h"
#include "base/clock.h"
#include "base/mem.h"
#include "os/os.h"
#include "tls/verdict.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char connect_line[] =
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"name\":\"midge bench\","
        "\"version\":\"1\",\"protocol\":0,\"echo\":true}\r\n";
static const char ping_line[] = "PING\r\n";

static void greet(struct bench_conn *bc)
{
        bc->greeted = true;
        conn_send(&bc->conn, SLICE_LIT(connect_line));
        if (bc->greeting)
                conn_send(&bc->conn, slice_str(bc->greeting));
        conn_send(&bc->conn, SLICE_LIT(ping_line));
}

static void fail(struct bench_conn *bc, const char *what)
{
        if (!bc->failed && !bc->shared->opts->quiet)
                fprintf(stderr, "connection failed: %s\n", what);
        bc->failed = true;
        conn_close(&bc->conn, CONN_CLOSE_NOW);
}

/* Lines before the first PONG: INFO, +OK, -ERR. */
static size_t on_line(struct bench_conn *bc, struct slice line)
{
        const struct bench_options *opts = bc->shared->opts;
        if (slice_starts(line, SLICE_LIT("INFO ")) && !bc->greeted) {
                if (bc->shared->tls && !opts->tls_first)
                        conn_start_tls(&bc->conn, bc->shared->tls, bc->shared->crypto, 30 * NS_PER_SEC, opts->host);
                else
                        greet(bc);
        } else if (slice_starts(line, SLICE_LIT("PONG"))) {
                bc->ready = true;
                bc->ops->on_ready(bc);
        } else if (slice_starts(line, SLICE_LIT("-ERR"))) {
                char text[256];
                snprintf(text, sizeof text, "%.*s", SLICE_ARG(line));
                fail(bc, text);
        }
        return line.len;
}

static size_t on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        size_t used = 0;
        (void)chunk;
        (void)need;
        while (!bc->ready && used < bytes.len && conn->state == CONN_OPEN) {
                const char *end = memchr(bytes.ptr + used, '\n', bytes.len - used);
                if (end == NULL)
                        return used;
                used += on_line(bc, slice_of(bytes.ptr + used, (size_t)(end + 1 - bytes.ptr) - used));
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
        fail(CONTAINER_OF(conn, struct bench_conn, conn), verdict->text);
}

static void on_eof(struct conn *conn, int err)
{
        struct bench_conn *bc = CONTAINER_OF(conn, struct bench_conn, conn);
        fail(bc, err == ERR_EOF ? "the server closed it" : err_text(err));
}

static void on_write_timeout(struct conn *conn, bool moved)
{
        (void)moved;
        fail(CONTAINER_OF(conn, struct bench_conn, conn), "the server does not read");
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
        xfree(bc->greeting);
        bc->greeting = NULL;
        bc->ops->on_gone(bc, bc->failed);
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

static int dial_socket(const struct bench_options *opts)
{
        char service[16];
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
        snprintf(service, sizeof service, "%d", opts->port);
        if (getaddrinfo(opts->host, service, &hints, &list) != 0)
                return -EHOSTUNREACH;
        int fd = -ECONNREFUSED;
        for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
                fd = os_socket_stream(ai->ai_family);
                if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS) {
                        int err = -errno;
                        close(fd);
                        fd = err;
                }
        }
        freeaddrinfo(list);
        return fd;
}

bool bench_dial(struct bench_conn *bc, struct loop *loop, struct bench_shared *shared,
        const struct bench_conn_ops *ops, char *greeting)
{
        bc->start_ns = clock_mono_ns();
        int fd = dial_socket(shared->opts);
        if (fd < 0 || conn_init(&bc->conn, loop, fd, &ops_of_conn) < 0) {
                if (!shared->opts->quiet)
                        fprintf(stderr, "cannot connect to %s:%d: %s\n", shared->opts->host, shared->opts->port,
                                err_text(fd < 0 ? fd : -EMFILE));
                if (fd >= 0)
                        close(fd);
                xfree(greeting);
                return false;
        }
        (void)os_set_nodelay(fd);
        bc->ops = ops;
        bc->shared = shared;
        bc->greeting = greeting;
        bc->conn.write_deadline_ns = 0;
        if (shared->tls && shared->opts->tls_first)
                conn_start_tls(&bc->conn, shared->tls, shared->crypto, 30 * NS_PER_SEC, shared->opts->host);
        else
                conn_open(&bc->conn);
        return true;
}
