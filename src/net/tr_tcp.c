/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tr_tcp.h"
#include "os/os.h"
#include <errno.h>
#include <sys/socket.h>

static ssize_t tcp_recv(struct transport *tr, char *dst, size_t dst_bytes)
{
        struct tr_tcp *tcp = (struct tr_tcp *)tr;
        for (;;) {
                ssize_t n = recv(tcp->fd, dst, dst_bytes, 0);
                if (n > 0)
                        return n;
                if (n == 0)
                        return ERR_EOF;
                if (errno == EAGAIN || errno == EWOULDBLOCK)
                        return ERR_AGAIN;
                if (errno != EINTR)
                        return -errno;
        }
}

static ssize_t tcp_send(struct transport *tr, const struct iovec *iov, int iov_n)
{
        struct tr_tcp *tcp = (struct tr_tcp *)tr;
        struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)iov_n };
        int flags = MSG_NOSIGNAL | (tcp->ending ? os_send_last() : 0);
        for (;;) {
                ssize_t n = iov_n == 1 ? send(tcp->fd, iov->iov_base, iov->iov_len, flags)
                                       : sendmsg(tcp->fd, &msg, flags);
                if (n >= 0)
                        return n;
                if (errno == EAGAIN || errno == EWOULDBLOCK)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

static size_t tcp_held(const struct transport *tr)
{
        (void)tr;
        return 0;
}

static bool tcp_has_input(const struct transport *tr)
{
        (void)tr;
        return false;
}

static void tcp_nothing(struct transport *tr)
{
        (void)tr;
}

static const struct transport_ops tcp_ops = {
        .name = "tcp",
        .recv = tcp_recv,
        .send = tcp_send,
        .held = tcp_held,
        .has_input = tcp_has_input,
        .shutdown = tcp_nothing,
        .free = tcp_nothing,
};

void tr_tcp_init(struct tr_tcp *tcp, int fd)
{
        tcp->base = (struct transport){ &tcp_ops, NULL };
        tcp->fd = fd;
        tcp->ending = false;
}
