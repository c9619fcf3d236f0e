/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_internal.h"
#include "os/os.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whoever else lives on the loop waits that long: 16 are 0.1 to 0.2 ms, and the rest is announced again. */
enum { ACCEPTS_PER_EVENT = 16 };
#define BACKOFF_FIRST_NS (10 * NS_PER_MS)
#define BACKOFF_LAST_NS NS_PER_SEC

struct listener {
        struct loop *loop;
        uv_poll_t poll;
        int fd;
        int port;
        listener_fn on_accept;
        void *ctx;
        struct timer backoff;
        uint64_t backoff_ns;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_backoff(struct timer *timer)
{
        struct listener *listener = CONTAINER_OF(timer, struct listener, backoff);
        uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

static void back_off(struct listener *listener, int err)
{
        listener->backoff_ns = listener->backoff_ns ? listener->backoff_ns * 2 : BACKOFF_FIRST_NS;
        if (listener->backoff_ns > BACKOFF_LAST_NS)
                listener->backoff_ns = BACKOFF_LAST_NS;
        char ip[NI_MAXHOST] = "";
        struct sockaddr_storage addr;
        socklen_t len = sizeof addr;
        if (getsockname(listener->fd, (struct sockaddr *)&addr, &len) == 0)
                (void)getnameinfo((struct sockaddr *)&addr, len, ip, sizeof ip, NULL, 0,
                        NI_NUMERICHOST); /* else: without it */
        bool v6 = strchr(ip, ':') != NULL;
        log_error(NULL,
                "Temporary Client Accept Error(accept tcp %s%s%s:%d: accept4: %s), sleeping %llums",
                v6 ? "[" : "", ip, v6 ? "]" : "", listener->port, err_text(err),
                (unsigned long long)(listener->backoff_ns / NS_PER_MS));
        uv_poll_stop(&listener->poll);
        loop_timer_start(listener->loop, &listener->backoff, listener->backoff_ns);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        struct listener *listener = poll->data;
        (void)status;
        (void)events;
        listener->loop->own.now_ns = clock_mono_ns();
        loop_note_event(listener->loop);
        loop_take_mail(listener->loop); /* who connects after a reload finds its settings */
        if (uv_is_closing((uv_handle_t *)poll))
                return; /* a letter closed it */
        for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
                struct sockaddr_storage peer;
                int fd = os_accept(listener->fd, &peer);
                if (fd == -EAGAIN || fd == -EWOULDBLOCK)
                        return;
                if (fd == -EINTR || fd == -ECONNABORTED)
                        continue;
                if (fd < 0) {
                        back_off(listener, fd);
                        return;
                }
                listener->backoff_ns = 0;
                listener->on_accept(listener->ctx, fd, &peer);
        }
}

static int open_socket(const struct addrinfo *ai, const char **step)
{
        int on = 1, off = 0;
        int fd = os_socket_stream(ai->ai_family);
        *step = "socket";
        if (fd < 0)
                return fd;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        (void)os_set_nodelay(fd); /* what is accepted inherits it: one call for all */
        if (ai->ai_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        *step = "bind";
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
                *step = "listen";
                if (listen(fd, os_listen_backlog()) == 0)
                        return fd;
        }
        int err = -errno;
        close(fd);
        return err;
}

static bool is_any(const char *host)
{
        return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The reference listens on both families for an unspecified address. */
static int open_any(int port, const char **step)
{
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        struct addrinfo ai6 = {
                .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&six, .ai_addrlen = sizeof six
        };
        struct addrinfo ai4 = {
                .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&four, .ai_addrlen = sizeof four
        };
        int fd = open_socket(&ai6, step);
        if (fd < 0 && fd != -EADDRINUSE && fd != -EACCES)
                fd = open_socket(&ai4, step); /* a machine without IPv6 */
        return fd;
}

static int open_host(const char *host, int port, const char **step, struct errbuf *eb)
{
        char service[16];
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
        struct addrinfo *list;
        snprintf(service, sizeof service, "%d", port);
        int rc = getaddrinfo(host, service, &hints, &list);
        if (rc != 0)
                return errbuf_set(eb, ERR_NOTFOUND, "listen tcp: lookup %s: %s", host,
                        rc == EAI_NONAME ? "no such host" : gai_strerror(rc));
        int fd = -EADDRNOTAVAIL;
        for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
                fd = open_socket(ai, step);
        freeaddrinfo(list);
        return fd;
}

static int bound_port(int fd)
{
        struct sockaddr_storage addr;
        socklen_t len = sizeof addr;
        if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
                return 0;
        return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                : ((struct sockaddr_in *)&addr)->sin_port);
}

int listener_open(struct listener **out, const char *host, int port, listener_fn on_accept,
        void *ctx, struct errbuf *eb)
{
        const char *step = "listen";
        struct errbuf cause = { "" };
        if (port < 0 || port > UINT16_MAX)
                return errbuf_set(eb, ERR_RANGE, "listen tcp: address %d: invalid port", port);
        int fd = is_any(host) ? open_any(port, &step) : open_host(host, port, &step, &cause);
        if (fd < 0 && cause.text[0])
                return errbuf_set(eb, fd, "%s", cause.text);
        if (fd < 0) {
                bool v6 = strchr(host, ':') != NULL;
                return errbuf_set(eb, fd, "listen tcp %s%s%s:%d: %s: %s", v6 ? "[" : "", host,
                        v6 ? "]" : "", port, step, err_text(fd));
        }
        struct listener *listener = xnew(struct listener);
        listener->fd = fd;
        listener->port = bound_port(fd);
        listener->on_accept = on_accept;
        listener->ctx = ctx;
        listener->backoff.fn = on_backoff;
        *out = listener;
        return 0;
}

void listener_start(struct listener *listener, struct loop *loop)
{
        listener->loop = loop;
        ASSERT(uv_poll_init(&listener->loop->uv->loop, &listener->poll, listener->fd) == 0);
        listener->poll.data = listener;
        uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

int listener_port(const struct listener *listener)
{
        return listener->port;
}

static void on_closed(uv_handle_t *handle)
{
        xfree(handle->data);
}

void listener_close(struct listener *listener)
{
        loop_timer_stop(listener->loop, &listener->backoff);
        uv_poll_stop(&listener->poll);
        uv_close((uv_handle_t *)&listener->poll, on_closed);
        close(listener->fd); /* last: libuv still names the number to the kernel, which reuses it */
}
