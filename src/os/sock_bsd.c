/* SPDX-License-Identifier: Apache-2.0 */
/* sock_bsd.c: sockets by POSIX means, where accept4() and SOCK_NONBLOCK cannot be relied on. */
#include "os/os.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif

enum { ENTROPY_STEP = 256 }; /* getentropy() gives at most so many bytes a call */

/* Two steps: a fork() of another thread in between could inherit fd; midge never forks. */
static int prepare(int fd)
{
        if (fd < 0)
                return -errno;
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
                return fd;
        int code = -errno;
        close(fd);
        return code;
}

int os_accept(int fd, struct sockaddr_storage *peer)
{
        socklen_t len = sizeof *peer;
        peer->ss_family = AF_UNSPEC;
        return prepare(accept(fd, (struct sockaddr *)peer, &len));
}

int os_socket_stream(int family)
{
        return prepare(socket(family, SOCK_STREAM, 0));
}

int os_set_nodelay(int fd)
{
        int on = 1;
        return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ? -errno : 0;
}

int os_listen_backlog(void)
{
        return 1024; /* the kernel cuts it to kern.ipc.somaxconn */
}

int os_send_last(void)
{
        return 0;
}

int os_entropy(void *dst, size_t bytes)
{
        char *at = dst;
        while (bytes > 0) {
                size_t step = bytes < ENTROPY_STEP ? bytes : ENTROPY_STEP;
                if (getentropy(at, step) != 0)
                        return -errno;
                at += step;
                bytes -= step;
        }
        return 0;
}

int os_wake_open(int fd[2])
{
        if (pipe(fd) != 0)
                return -errno;
        int rc = prepare(fd[0]), other = prepare(fd[1]);
        if (rc < 0 || other < 0) {
                if (rc >= 0)
                        close(fd[0]);
                if (other >= 0)
                        close(fd[1]);
                return rc < 0 ? rc : other;
        }
        return 0;
}

void os_wake(int fd)
{
        ssize_t n = write(fd, "", 1); /* fails only when the pipe is readable anyway */
        (void)n;
}

void os_wake_seen(int fd)
{
        char bytes[64];
        while (read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
                continue;
}

void os_wake_close(const int fd[2])
{
        close(fd[0]);
        close(fd[1]);
}
