/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

int os_accept(int fd, struct sockaddr_storage *peer)
{
        socklen_t len = sizeof *peer;
        peer->ss_family = AF_UNSPEC;
        int got = accept4(fd, (struct sockaddr *)peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return got < 0 ? -errno : got;
}

int os_socket_stream(int family)
{
        int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        return fd < 0 ? -errno : fd;
}

int os_set_nodelay(int fd)
{
        int on = 1;
        return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ? -errno : 0;
}

int os_listen_backlog(void)
{
        return 4096; /* the kernel cuts it to net.core.somaxconn */
}

int os_send_last(void)
{
        return MSG_MORE;
}

int os_entropy(void *dst, size_t bytes)
{
        char *at = dst;
        while (bytes > 0) {
                ssize_t n = getrandom(at, bytes, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                bytes -= (size_t)n;
        }
        return 0;
}

int os_wake_open(int fd[2])
{
        fd[0] = fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        return fd[0] < 0 ? -errno : 0;
}

void os_wake(int fd)
{
        (void)eventfd_write(fd, 1); /* fails only when it is readable anyway */
}

void os_wake_seen(int fd)
{
        eventfd_t count;
        (void)eventfd_read(fd, &count);
}

void os_wake_close(const int fd[2])
{
        close(fd[0]);
}
