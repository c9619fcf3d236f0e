/* SPDX-License-Identifier: Apache-2.0 */
/* forwarder PORT READ-BYTES WAY MESSAGE-BYTES: the least that a server must do with messages. One thread, blocking
 * sends, no protocol: who sends "SUB" first is a sink, and whatever others send goes to every sink. WAY tells
 * what happens to it in between, as if it were messages of that many bytes whose first 20 become another line:
 *
 *   whole     sent from where it was read
 *   copied    line and rest copied for each sink, then sent
 *   once      copied once, the copy sent to all sinks
 *   gathered  line and rest sent from where they lie, two pieces a message
 *
 * bench/floor.py drives it. It ends with its first sink. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SINKS_MAX = 1024, PIECES_MAX = 1024, SEND_BYTES = 256 * 1024 };

static const char line[] = "MSG bench.0 1 1024\r\n";
#define LINE_BYTES (sizeof line - 1)

static struct {
        char *in, *copy;
        size_t read_bytes, msg_bytes;
        const char *way;
        int poll, listener;
        int sinks[SINKS_MAX], sink_n;
} me;

static void fail(const char *what)
{
        perror(what);
        exit(1);
}

static void send_all(int fd, struct iovec *iov, size_t n)
{
        while (n > 0) {
                struct msghdr msg = { .msg_iov = iov,
                        .msg_iovlen = n < PIECES_MAX ? n : PIECES_MAX };
                ssize_t sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
                if (sent < 0)
                        fail("sendmsg");
                for (; n > 0 && (size_t)sent >= iov->iov_len; iov++, n--)
                        sent -= (ssize_t)iov->iov_len;
                if (n > 0) {
                        iov->iov_base = (char *)iov->iov_base + sent;
                        iov->iov_len -= (size_t)sent;
                }
        }
}

static void send_one(int fd, char *bytes, size_t len)
{
        struct iovec iov = { bytes, len };
        send_all(fd, &iov, 1);
}

static size_t copy_messages(const char *from, size_t len)
{
        char *to = me.copy;
        for (size_t at = 0; at < len; at += me.msg_bytes) {
                size_t there = len - at < me.msg_bytes ? len - at : me.msg_bytes;
                size_t rest = there > LINE_BYTES ? there - LINE_BYTES : 0;
                memcpy(to, line, LINE_BYTES);
                memcpy(to + LINE_BYTES, from + at, rest);
                to += LINE_BYTES + rest;
        }
        return (size_t)(to - me.copy);
}

static void send_gathered(int fd, char *from, size_t len)
{
        static struct iovec iov[2 * SEND_BYTES / 64];
        size_t n = 0;
        for (size_t at = 0; at < len; at += me.msg_bytes) {
                size_t there = len - at < me.msg_bytes ? len - at : me.msg_bytes;
                iov[n++] = (struct iovec){ (char *)line, LINE_BYTES };
                iov[n++] = (struct iovec){ from + at, there > LINE_BYTES ? there - LINE_BYTES : 0 };
        }
        send_all(fd, iov, n);
}

static void forward(char *bytes, size_t len)
{
        size_t once = *me.way == 'o' ? copy_messages(bytes, len) : 0;
        for (int i = 0; i < me.sink_n; i++) {
                if (*me.way == 'w')
                        send_one(me.sinks[i], bytes, len);
                else if (*me.way == 'g')
                        send_gathered(me.sinks[i], bytes, len);
                else
                        send_one(me.sinks[i], me.copy,
                                *me.way == 'o' ? once : copy_messages(bytes, len));
        }
}

static void watch(int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        if (epoll_ctl(me.poll, EPOLL_CTL_ADD, fd, &event) != 0)
                fail("epoll_ctl");
}

static void on_readable(int fd)
{
        ssize_t n = recv(fd, me.in, me.read_bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                for (int i = 0; i < me.sink_n; i++)
                        if (me.sinks[i] == fd)
                                exit(0);
                close(fd);
        } else if (n >= 3 && memcmp(me.in, "SUB", 3) == 0 && me.sink_n < SINKS_MAX) {
                me.sinks[me.sink_n++] = fd;
        } else {
                for (size_t at = 0; at < (size_t)n; at += SEND_BYTES)
                        forward(me.in + at,
                                (size_t)n - at < SEND_BYTES ? (size_t)n - at : SEND_BYTES);
        }
}

static void listen_at(int port)
{
        int on = 1;
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        me.listener = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(me.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(me.listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* is inherited */
        if (bind(me.listener, (struct sockaddr *)&addr, sizeof addr) != 0 ||
                listen(me.listener, SINKS_MAX) != 0)
                fail("listen");
}

int main(int argc, char **argv)
{
        if (argc != 5)
                return 2;
        me.read_bytes = strtoul(argv[2], NULL, 10);
        me.way = argv[3];
        me.msg_bytes = strtoul(argv[4], NULL, 10);
        if (me.read_bytes < 3 || me.msg_bytes < 64)
                return 2;
        me.in = malloc(me.read_bytes);
        me.copy = malloc(2 * SEND_BYTES);
        me.poll = epoll_create1(0);
        if (me.in == NULL || me.copy == NULL || me.poll < 0)
                fail("start");
        listen_at(atoi(argv[1]));
        watch(me.listener);
        for (;;) {
                struct epoll_event events[64];
                int n = epoll_wait(me.poll, events, 64, -1);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.fd == me.listener)
                                watch(accept(me.listener, NULL, NULL));
                        else
                                on_readable(events[i].data.fd);
                }
        }
}
