/* SPDX-License-Identifier: Apache-2.0 */
/* One connection, from its server's side:
 *
 *   input ──► in ──► head complete ──► exchange ──► on_request … http_answer ──► out queue
 *             ▲                                                     │
 *             └── next request, once the last answer has (nearly) left ◄┘
 *
 * Input is collected in a buffer of our own, because requests may be pipelined: what came behind
 * the one being answered must wait without new bytes to wake it. */
#include "monitor/http_server.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"
#include "peer/tls_failure.h"
#include "proto/http.h"
#include "tls/tls_ctx.h"
#include "tls/verdict.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
        BODY_SKIP_MAX = 256 * 1024,        /* a longer request body ends the connection */
        OUT_HIGH_BYTES = 64 * 1024,        /* no next request while more waits to be read */
        OUT_ALL_BYTES = 256 * 1024 * 1024, /* answers queued on all connections together */
};
#define HEAD_NS (5 * NS_PER_SEC)
#define WRITE_NS (10 * NS_PER_SEC)

struct http_server {
        struct http_server_env env;
        struct tls_ctx *tls;       /* one reference; NULL: plain */
        struct listener *listener; /* NULL: stopped */
        struct list conns;         /* by http_conn.member */
        struct list idle;          /* by http_conn.idle, the longest waiting first */
        unsigned conn_n;
        size_t held_bytes; /* input kept by all connections */
        size_t out_bytes;  /* output queued on all connections */
        struct mail stopped;
        struct fold handshakes; /* failed ones, so that they do not fill the log */
};

struct http_conn {
        struct conn conn;
        struct http_server *server;
        struct list member;
        struct list idle; /* linked while it is the client's turn */
        struct timer head_timer;
        uint64_t accept_ns;
        struct http_reader reader;
        struct buf in;
        size_t body_left;               /* of the last request, to be skipped */
        size_t out_counted;             /* our part of server->out_bytes */
        struct http_exchange *exchange; /* being answered, or NULL */
        bool in_process;                /* process() is on the stack */
        bool eof;                       /* the client will send no more */
        bool last;                      /* the last answer is queued: close when it has left */
        char remote[80];                /* "10.0.0.7:5312" */
};

static void process(struct http_conn *hc);

/* ---- texts ------------------------------------------------------------------------------- */

const char *http_status_text(int status)
{
        switch (status) {
        case 200:
                return "OK";
        case 301:
                return "Moved Permanently";
        case 400:
                return "Bad Request";
        case 404:
                return "Not Found";
        case 431:
                return "Request Header Fields Too Large";
        case 500:
                return "Internal Server Error";
        case 501:
                return "Not Implemented";
        case 503:
                return "Service Unavailable";
        case 505:
                return "HTTP Version Not Supported";
        default:
                return "Unknown";
        }
}

void http_date(uint64_t wall_ns, char *dst, size_t size)
{
        static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                "Aug", "Sep", "Oct", "Nov", "Dec" };
        time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(dst, size, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void remote_address(const struct conn *conn, char *ip, size_t size, int *port)
{
        struct sockaddr_storage ss;
        ip[0] = '\0';
        *port = 0;
        if (!conn_peer_addr(conn, &ss))
                return;
        if (ss.ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;
                inet_ntop(AF_INET, &in->sin_addr, ip, (socklen_t)size);
                *port = ntohs(in->sin_port);
                return;
        }
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, (const char *)&in6->sin6_addr + (mapped ? 12 : 0),
                ip, (socklen_t)size);
        *port = ntohs(in6->sin6_port);
}

static void remote_text(const struct conn *conn, char *dst, size_t size)
{
        char ip[INET6_ADDRSTRLEN];
        int port;
        remote_address(conn, ip, sizeof ip, &port);
        bool v6 = strchr(ip, ':') != NULL;
        snprintf(dst, size, "%s%s%s:%d", v6 ? "[" : "", ip, v6 ? "]" : "", port);
        if (ip[0] == '\0')
                dst[0] = '\0';
}

/* ---- accounts of memory and of whose turn it is ------------------------------------------ */

static void in_consume(struct http_conn *hc, size_t bytes)
{
        buf_consume(&hc->in, bytes);
        hc->server->held_bytes -= bytes;
        if (hc->in.len == 0)
                buf_fini(&hc->in); /* a waiting connection holds no buffer */
}

static void count_out(struct http_conn *hc, size_t pending)
{
        hc->server->out_bytes += pending - hc->out_counted;
        hc->out_counted = pending;
}

static void set_idle(struct http_conn *hc, bool idle)
{
        if (list_linked(&hc->idle))
                list_remove(&hc->idle);
        if (idle)
                list_push_back(&hc->server->idle, &hc->idle);
}

static void arm_head_timer(struct http_conn *hc)
{
        if (!timer_is_armed(&hc->head_timer))
                loop_timer_start(hc->server->env.loop, &hc->head_timer, HEAD_NS);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void send_answer(
        struct http_conn *hc, const struct http_answer *a, const struct http_exchange *ex)
{
        struct buf head = { 0 };
        char date[40];
        const char *connection = !ex->keep_alive  ? "Connection: close\r\n"
                                 : ex->minor == 0 ? "Connection: keep-alive\r\n"
                                                  : "";
        http_date(clock_wall_ns(), date, sizeof date);
        buf_printf(&head, "HTTP/1.%d %d %s\r\n", ex->minor, a->status, http_status_text(a->status));
        if (a->any_origin)
                buf_append_str(&head, "Access-Control-Allow-Origin: *\r\n");
        if (a->content_type)
                buf_printf(&head, "Content-Type: %s\r\n", a->content_type);
        if (a->location)
                buf_printf(&head, "Location: %s\r\n", a->location);
        if (a->nosniff)
                buf_append_str(&head, "X-Content-Type-Options: nosniff\r\n");
        buf_printf(
                &head, "Date: %s\r\nContent-Length: %zu\r\n%s\r\n", date, a->body.len, connection);
        conn_send(&hc->conn, buf_slice(&head));
        buf_fini(&head);
        if (!ex->is_head && a->body.len > 0)
                conn_send(&hc->conn, a->body);
        hc->last = !ex->keep_alive;
        count_out(hc, conn_pending_bytes(&hc->conn));
}

/* What the reader refuses ends the connection. */
static void refuse(struct http_conn *hc, int status)
{
        const struct http_exchange last = { .minor = 1 };
        char body[64];
        snprintf(body, sizeof body, "%d %s", status, http_status_text(status));
        const struct http_answer answer = {
                .status = status,
                .content_type = "text/plain; charset=utf-8",
                .body = slice_str(body),
        };
        in_consume(hc, hc->in.len);
        loop_timer_stop(hc->server->env.loop, &hc->head_timer);
        send_answer(hc, &answer, &last);
}

static bool out_is_full(const struct http_conn *hc, size_t more)
{
        size_t all = hc->server->out_bytes;
        return all > 0 && all + more > OUT_ALL_BYTES;
}

void http_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
        static const struct http_answer busy = {
                .status = 503,
                .content_type = "text/plain; charset=utf-8",
                .body = { "503 Service Unavailable", 23 },
        };
        struct http_conn *hc = exchange->conn;
        if (hc)
                hc->exchange = NULL;
        if (hc && !conn_is_closing(&hc->conn)) {
                if (out_is_full(hc, answer->body.len))
                        answer = &busy;
                send_answer(hc, answer, exchange);
        }
        xfree(exchange);
        if (hc && !hc->in_process)
                process(hc);
}

/* The clean path, as the reference's router sends it. */
static void redirect(struct http_exchange *exchange, struct buf *location)
{
        struct buf body = { 0 };
        if (exchange->query.len)
                buf_printf(location, "?%.*s", SLICE_ARG(exchange->query));
        buf_append_char(location, '\0');
        struct http_answer answer = { .status = 301, .location = location->ptr };
        if (exchange->is_get || exchange->is_head)
                answer.content_type = "text/html; charset=utf-8";
        if (exchange->is_get) {
                buf_append_str(&body, "<a href=\"");
                for (const char *at = location->ptr; *at; at++) {
                        if (*at == '&')
                                buf_append_str(&body, "&amp;");
                        else if (*at == '\'')
                                buf_append_str(&body, "&#39;");
                        else if (*at == '"')
                                buf_append_str(&body, "&#34;");
                        else if (*at == '<')
                                buf_append_str(&body, "&lt;");
                        else if (*at == '>')
                                buf_append_str(&body, "&gt;");
                        else
                                buf_append_char(&body, *at);
                }
                buf_append_str(&body, "\">Moved Permanently</a>.\n\n");
                answer.body = buf_slice(&body);
        }
        http_answer(exchange, &answer);
        buf_fini(&body);
}

/* ---- requests ---------------------------------------------------------------------------- */

static struct http_exchange *exchange_new(
        struct http_conn *hc, const struct http_request *req, struct slice path)
{
        struct http_exchange *ex = xcalloc(1, sizeof *ex + path.len + req->query.len);
        if (path.len)
                memcpy(ex->text, path.ptr, path.len);
        if (req->query.len)
                memcpy(ex->text + path.len, req->query.ptr, req->query.len);
        ex->conn = hc;
        ex->path = slice_of(ex->text, path.len);
        ex->query = slice_of(ex->text + path.len, req->query.len);
        ex->is_get = slice_eq_str(req->method, "GET");
        ex->is_head = slice_eq_str(req->method, "HEAD");
        ex->keep_alive = req->keep_alive;
        ex->minor = req->minor;
        return ex;
}

/* Nobody here reads bodies: a short one is skipped, any other ends the connection after the answer.
 */
static void plan_body(
        struct http_conn *hc, const struct http_request *req, struct http_exchange *ex)
{
        if (req->chunked || req->content_length > BODY_SKIP_MAX || http_header_find(req, "Expect"))
                ex->keep_alive = false;
        else if (req->content_length > 0)
                hc->body_left = (size_t)req->content_length;
}

static void begin(struct http_conn *hc, const struct http_request *req)
{
        struct buf path = { 0 }, location = { 0 };
        struct http_server *server = hc->server;
        loop_timer_stop(server->env.loop, &hc->head_timer);
        bool star = slice_eq_str(req->path, "*");
        if (!http_path_decode(req->path, &path) || path.failed) {
                buf_fini(&path);
                refuse(hc, 400);
                return;
        }
        struct http_exchange *ex = exchange_new(hc, req, buf_slice(&path));
        bool moved = !star && http_path_redirect(req->path, &location);
        plan_body(hc, req, ex);
        hc->exchange = ex;
        in_consume(hc, req->head_bytes);
        if (moved)
                redirect(ex, &location);
        else
                server->env.on_request(server->env.ctx, ex);
        buf_fini(&path);
        buf_fini(&location);
}

static void skip_body(struct http_conn *hc)
{
        size_t n = hc->body_left < hc->in.len ? hc->body_left : hc->in.len;
        hc->body_left -= n;
        if (n)
                in_consume(hc, n);
}

/* Read one request; false when there is none to begin now. */
static bool next_request(struct http_conn *hc)
{
        struct http_request req;
        if (hc->exchange || hc->last || conn_is_closing(&hc->conn) ||
                conn_pending_bytes(&hc->conn) > OUT_HIGH_BYTES)
                return false;
        skip_body(hc);
        if (hc->in.len == 0 && hc->body_left == 0) {
                loop_timer_stop(hc->server->env.loop, &hc->head_timer);
                return false;
        }
        arm_head_timer(hc);
        if (hc->in.len == 0)
                return false;
        int rc = http_read(&hc->reader, hc->in.ptr, hc->in.len, &req);
        if (rc == HTTP_MORE)
                return false;
        if (rc == HTTP_REQUEST)
                begin(hc, &req);
        else
                refuse(hc, hc->reader.status);
        return true;
}

/* Begin what can begin, then settle whose turn it is. */
static void process(struct http_conn *hc)
{
        if (hc->in_process || conn_is_closing(&hc->conn))
                return;
        hc->in_process = true;
        while (next_request(hc))
                ;
        hc->in_process = false;
        bool blocked = conn_pending_bytes(&hc->conn) > OUT_HIGH_BYTES;
        if (hc->eof && hc->exchange == NULL && !blocked)
                hc->last = true;
        set_idle(hc, hc->exchange == NULL && !blocked && !hc->last);
        if (hc->last)
                conn_touch(&hc->conn); /* on_flushed closes */
        if (hc->exchange || blocked || hc->last || hc->eof)
                conn_pause(&hc->conn);
        else
                conn_resume(&hc->conn);
}

/* ---- the connection's events ------------------------------------------------------------- */

static struct http_conn *of(struct conn *conn)
{
        return CONTAINER_OF(conn, struct http_conn, conn);
}

static size_t on_input(struct conn *conn, struct chunk *chunk, struct slice bytes, size_t *need)
{
        struct http_conn *hc = of(conn);
        struct http_server *server = hc->server;
        (void)chunk;
        (void)need;
        if (hc->last)
                return bytes.len;
        size_t before = hc->in.len;
        if (server->held_bytes + bytes.len <= HTTP_HELD_BYTES)
                buf_append_slice(&hc->in, bytes);
        server->held_bytes += hc->in.len - before;
        if (hc->in.len == before)
                refuse(hc, 503);
        process(hc);
        return bytes.len;
}

static void on_eof(struct conn *conn, int err)
{
        struct http_conn *hc = of(conn);
        bool answering = hc->exchange || conn_pending_bytes(conn) > 0;
        if (err != ERR_EOF || !answering) {
                conn_close(conn, CONN_CLOSE_NOW);
                return;
        }
        hc->eof = true; /* half closed: it still wants its answer */
        process(hc);
}

static void on_flushed(struct conn *conn)
{
        struct http_conn *hc = of(conn);
        size_t pending = conn_pending_bytes(conn);
        count_out(hc, pending);
        if (hc->last && hc->exchange == NULL) {
                if (pending == 0)
                        conn_close(conn, CONN_CLOSE_LINGER);
        } else if (pending <= OUT_HIGH_BYTES && hc->exchange == NULL && conn->paused) {
                process(hc);
        }
}

static void on_write_timeout(struct conn *conn, bool moved)
{
        if (!moved)
                conn_close(conn, CONN_CLOSE_NOW);
}

static void on_head_timer(struct timer *timer)
{
        struct http_conn *hc = CONTAINER_OF(timer, struct http_conn, head_timer);
        conn_close(&hc->conn, CONN_CLOSE_FLUSH);
}

static bool looks_like_http(struct slice first)
{
        static const char *const starts[] = { "GET /", "HEAD ", "POST ", "PUT /", "OPTIO" };
        for (size_t i = 0; i < ARRAY_N(starts); i++)
                if (slice_starts(first, slice_str(starts[i])))
                        return true;
        return false;
}

static void log_failure(struct http_conn *hc, const struct tls_failure *failure)
{
        const struct tls_verdict *verdict = &failure->verdict;
        struct http_server *server = hc->server;
        enum log_level level = verdict->quiet ? LOG_DEBUG : LOG_ERROR;
        char line[TLS_FAILURE_LINE_BYTES];
        uint64_t held;
        if (!tls_failure_is_told(&server->handshakes, verdict, slice_str(failure->ip),
                    loop_now_ns(server->env.loop), &held))
                return;
        log_at(level, NULL, "monitoring: TLS handshake error from %s: %s", hc->remote,
                verdict->text);
        tls_failure_line(verdict, held, line, sizeof line);
        log_at(level, NULL, "monitoring: TLS handshake verdict of %s: %s", hc->remote, line);
}

static void tls_failed(struct http_conn *hc, const struct tls_verdict *verdict)
{
        const struct http_server_env *env = &hc->server->env;
        struct tls_failure *failure = xnew(struct tls_failure);
        failure->verdict = *verdict;
        failure->at_ns = clock_wall_ns();
        remote_address(&hc->conn, failure->ip, sizeof failure->ip, &failure->port);
        log_failure(hc, failure);
        env->on_tls_failure(env->ctx, failure);
}

/* TLS port: the first bytes are there, or the time is over. */
static void on_first(struct conn *conn, bool got)
{
        struct http_conn *hc = of(conn);
        struct http_server *server = hc->server;
        struct tls_verdict verdict;
        char first[5];
        uint64_t waited = loop_now_ns(server->env.loop) - hc->accept_ns;
        if (!got || waited >= HEAD_NS) {
                tls_verdict_timeout(&verdict);
                tls_failed(hc, &verdict);
                conn_close(conn, CONN_CLOSE_NOW);
                return;
        }
        ssize_t n = recv(conn->tcp.fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
        if (n == (ssize_t)sizeof first && looks_like_http(slice_of(first, sizeof first))) {
                tls_verdict_set(&verdict, TLS_REASON_HTTP,
                        "client sent an HTTP request to an HTTPS server");
                tls_failed(hc, &verdict);
                conn_send(conn, SLICE_LIT("HTTP/1.0 400 Bad Request\r\n\r\n"
                                          "Client sent an HTTP request to an HTTPS server.\n"));
                conn_close(conn, CONN_CLOSE_LINGER);
                return;
        }
        conn_start_tls(conn, server->tls, server->env.crypto, HEAD_NS - waited, NULL);
}

static void on_secure(struct conn *conn)
{
        arm_head_timer(of(conn));
}

static void on_tls_failed(struct conn *conn, const struct tls_verdict *verdict)
{
        tls_failed(of(conn), verdict);
}

/* ---- life -------------------------------------------------------------------------------- */

static void server_free(struct http_server *server)
{
        struct http_server_env env = server->env;
        tls_ctx_unref(server->tls);
        xfree(server);
        env.on_stopped(env.ctx);
}

static void on_closed(struct conn *conn)
{
        struct http_conn *hc = of(conn);
        struct http_server *server = hc->server;
        loop_timer_stop(server->env.loop, &hc->head_timer);
        if (hc->exchange)
                hc->exchange->conn = NULL;
        set_idle(hc, false);
        list_remove(&hc->member);
        count_out(hc, 0);
        if (hc->in.len)
                in_consume(hc, hc->in.len);
        buf_fini(&hc->in);
        xfree(hc);
        if (--server->conn_n == 0 && server->listener == NULL)
                server_free(server);
}

static const struct conn_ops http_conn_ops = {
        .on_input = on_input,
        .on_first = on_first,
        .on_secure = on_secure,
        .on_tls_failed = on_tls_failed,
        .on_eof = on_eof,
        .on_write_timeout = on_write_timeout,
        .on_flushed = on_flushed,
        .on_closed = on_closed,
};

/* Room for one more? The connection that has waited longest for its client makes it. */
static bool make_room(struct http_server *server)
{
        if (server->conn_n < HTTP_CONN_MAX)
                return true;
        if (list_empty(&server->idle))
                return false;
        struct http_conn *oldest = list_entry(server->idle.next, struct http_conn, idle);
        set_idle(oldest, false);
        conn_close(&oldest->conn, CONN_CLOSE_NOW);
        return server->conn_n < 2 * HTTP_CONN_MAX; /* closing ones still count for a moment */
}

static void on_accept(void *ctx, int fd, const struct sockaddr_storage *peer)
{
        (void)peer;
        struct http_server *server = ctx;
        struct http_conn *hc;
        if (!make_room(server)) {
                close(fd);
                return;
        }
        hc = xnew(struct http_conn);
        if (conn_init(&hc->conn, server->env.loop, fd, &http_conn_ops) < 0) {
                close(fd);
                xfree(hc);
                return;
        }
        hc->server = server;
        hc->accept_ns = loop_now_ns(server->env.loop);
        hc->head_timer.fn = on_head_timer;
        hc->conn.write_deadline_ns = WRITE_NS;
        http_reader_init(&hc->reader, HTTP_HEAD_BYTES_DEFAULT);
        remote_text(&hc->conn, hc->remote, sizeof hc->remote);
        list_push_back(&server->conns, &hc->member);
        server->conn_n++;
        set_idle(hc, true);
        if (server->tls) {
                conn_wait_first(&hc->conn, HEAD_NS);
        } else {
                arm_head_timer(hc);
                conn_open(&hc->conn);
        }
}

int http_server_start(
        struct http_server **out, const struct http_server_env *env, struct errbuf *eb)
{
        struct http_server *server = xnew(struct http_server);
        server->env = *env;
        list_init(&server->conns);
        list_init(&server->idle);
        int rc = listener_open(&server->listener, env->host, env->port, on_accept, server, eb);
        if (rc < 0) {
                xfree(server);
                return rc;
        }
        server->tls = env->tls ? tls_ctx_ref(env->tls) : NULL;
        listener_start(server->listener, env->loop);
        *out = server;
        return 0;
}

int http_server_port(const struct http_server *server)
{
        return listener_port(server->listener);
}

void http_server_set_tls(struct http_server *server, struct tls_ctx *tls)
{
        tls_ctx_unref(server->tls);
        server->tls = tls_ctx_ref(tls);
}

static void on_stopped_mail(struct mail *mail)
{
        server_free(CONTAINER_OF(mail, struct http_server, stopped));
}

void http_server_stop(struct http_server *server)
{
        listener_close(server->listener);
        server->listener = NULL;
        if (server->conn_n == 0) {
                server->stopped.deliver = on_stopped_mail;
                loop_post(server->env.loop, &server->stopped);
                return;
        }
        list_foreach_safe (&server->conns, it)
                conn_close(&list_entry(it, struct http_conn, member)->conn, CONN_CLOSE_NOW);
}
