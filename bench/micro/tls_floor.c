/* SPDX-License-Identifier: Apache-2.0 */
/* tls_floor PORT CERTIFICATE KEY: the least that a server with the TLS library must do for a connection. One thread,
 * epoll, the library's own handshake, keys and tickets; INFO and PONG are constants, nothing is limited, parsed
 * or counted, and nobody else waits meanwhile. bench/tls_floor.py drives it. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, READ_BYTES = 16 * 1024, BACKLOG = 1024 };

static const char info[] =
        "INFO {\"server_id\":\"floor\",\"version\":\"2.15.1\",\"proto\":1,\"headers\":true,"
        "\"max_payload\":1048576,\"tls_required\":true}\r\n";
static const char pong[] = "PONG\r\n";

struct client {
        int fd;
        SSL *ssl;
};

static struct {
        SSL_CTX *tls;
        int poll, listener;
} me;

static void fail(const char *what)
{
        perror(what);
        exit(1);
}

static void open_tls(const char *certificate, const char *key)
{
        me.tls = SSL_CTX_new(TLS_server_method());
        if (me.tls == NULL || SSL_CTX_use_certificate_chain_file(me.tls, certificate) != 1 ||
                SSL_CTX_use_PrivateKey_file(me.tls, key, SSL_FILETYPE_PEM) != 1 ||
                SSL_CTX_set1_groups_list(me.tls, "X25519:P-256") != 1)
                fail("TLS");
        SSL_CTX_set_num_tickets(me.tls, 1);
        SSL_CTX_set_session_cache_mode(me.tls, SSL_SESS_CACHE_OFF);
}

static void watch(int fd, struct client *client)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
        if (epoll_ctl(me.poll, EPOLL_CTL_ADD, fd, &event) != 0)
                fail("epoll_ctl");
}

static void open_listener(int port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const int on = 1;
        me.poll = epoll_create1(0);
        me.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        setsockopt(me.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(me.listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (bind(me.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
                listen(me.listener, BACKLOG) != 0)
                fail("listen");
        watch(me.listener, NULL);
}

static void take_client(void)
{
        int fd = accept4(me.listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
                return;
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL || (client->ssl = SSL_new(me.tls)) == NULL)
                fail("memory");
        client->fd = fd;
        SSL_set_fd(client->ssl, fd);
        SSL_set_accept_state(client->ssl);
        watch(fd, client);
        send(fd, info, sizeof info - 1, MSG_NOSIGNAL);
}

/* False: it has gone, or never spoke TLS. */
static bool serve(SSL *ssl)
{
        static char in[READ_BYTES];
        int n;
        while ((n = SSL_read(ssl, in, sizeof in)) > 0) /* shakes hands first */
                if (memmem(in, (size_t)n, "PING", 4))
                        SSL_write(ssl, pong, sizeof pong - 1);
        return SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;
}

static void on_event(struct client *client)
{
        if (client == NULL) {
                take_client();
        } else if (!serve(client->ssl)) {
                SSL_free(client->ssl);
                close(client->fd);
                free(client);
        }
}

int main(int argc, char **argv)
{
        struct epoll_event events[EVENTS_MAX];
        if (argc != 4)
                return 2;
        signal(SIGPIPE, SIG_IGN);
        open_tls(argv[2], argv[3]);
        open_listener(atoi(argv[1]));
        for (;;) {
                int n = epoll_wait(me.poll, events, EVENTS_MAX, -1);
                for (int i = 0; i < n; i++)
                        on_event(events[i].data.ptr);
        }
}
