/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

int os_accept(int fd)
{
        int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
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
