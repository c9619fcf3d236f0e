/* SPDX-License-Identifier: Apache-2.0 */
/* tls_floor -c FILE: the least that a server with the TLS library must do for a connection. One thread, epoll, the
 * library's own handshake, keys and tickets; INFO and PONG are constants, nothing is limited, parsed or counted,
 * and nobody else waits meanwhile. bench/compare.py takes it for a server: it reads of the configuration what that
 * program writes (port, cert_file, key_file), says that it is ready, and has a version. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, READ_BYTES = 16 * 1024, BACKLOG = 1024, LINE_BYTES = 4096 };

static const char info[] =
        "INFO {\"server_id\":\"floor\",\"version\":\"2.15.1\",\"proto\":1,\"headers\":true,"
        "\"max_payload\":1048576,\"tls_required\":true}\r\n";
static const char pong[] = "PONG\r\n";

struct client {
        int fd;
        SSL *ssl;
};

static struct {
        char certificate[LINE_BYTES], key[LINE_BYTES];
        int port;
        SSL_CTX *tls;
        int poll, listener;
} me;

static void fail(const char *what)
{
        perror(what);
        exit(1);
}

static void read_configuration(const char *path)
{
        char line[LINE_BYTES];
        FILE *file = fopen(path, "r");
        if (file == NULL)
                fail(path);
        while (fgets(line, sizeof line, file)) {
                sscanf(line, "listen: \"127.0.0.1:%d", &me.port);
                sscanf(line, " cert_file: \"%4095[^\"]", me.certificate);
                sscanf(line, " key_file: \"%4095[^\"]", me.key);
        }
        fclose(file);
}

static void open_tls(void)
{
        me.tls = SSL_CTX_new(TLS_server_method());
        if (me.tls == NULL || SSL_CTX_use_certificate_chain_file(me.tls, me.certificate) != 1 ||
                SSL_CTX_use_PrivateKey_file(me.tls, me.key, SSL_FILETYPE_PEM) != 1 ||
                SSL_CTX_set1_groups_list(me.tls, "X25519:P-256") != 1) {
                ERR_print_errors_fp(stderr);
                exit(1);
        }
        SSL_CTX_set_num_tickets(me.tls, 1);
        SSL_CTX_set_session_cache_mode(me.tls, SSL_SESS_CACHE_OFF);
}

static void watch(int fd, struct client *client)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
        if (epoll_ctl(me.poll, EPOLL_CTL_ADD, fd, &event) != 0)
                fail("epoll_ctl");
}

static void open_listener(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)me.port),
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
        if (argc != 3 || strcmp(argv[1], "-c") != 0) {
                puts("tls_floor: v0");
                return argc == 2 && strcmp(argv[1], "--version") == 0 ? 0 : 2;
        }
        signal(SIGPIPE, SIG_IGN);
        read_configuration(argv[2]);
        open_tls();
        open_listener();
        fputs("Server is ready\n", stderr);
        for (;;) {
                int n = epoll_wait(me.poll, events, EVENTS_MAX, -1);
                for (int i = 0; i < n; i++)
                        on_event(events[i].data.ptr);
        }
}
