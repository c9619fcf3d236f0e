/* SPDX-License-Identifier: Apache-2.0 */
/* bare_server -c FILE: what midge bench costs a server that does nothing else. One thread, epoll, blocking sends, the
 * TLS library's own handshake, keys and tickets. INFO and PONG are constants; a message goes to the first subscription
 * whose subject is its own, or begins it in front of a '*'; nothing is checked, limited or counted, and nobody else
 * waits meanwhile. It understands the modes connect, request and pair, and no more. bench/compare.py takes it for a
 * server: it reads of the configuration what that program writes (port, cert_file, key_file), says that it is ready,
 * and has a version. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        EVENTS_MAX = 64,
        READ_BYTES = 1024 * 1024,
        SEND_BYTES = 256 * 1024, /* so much for one client leaves at once, less at the turn's end */
        BACKLOG = 1024,
        LINE_BYTES = 4096, /* of the configuration */
        WORDS_MAX = 4,
        SUBS_MAX = 1024,
        NAME_BYTES = 64,
        OPERATION_LEAST = 5, /* in front of the line feed: "PING\r" */
};

static const char info[] =
        "INFO {\"server_id\":\"bare\",\"version\":\"2.15.1\",\"proto\":1,\"headers\":true,"
        "\"max_payload\":1048576%s}\r\n";
static const char pong[] = "PONG\r\n";

struct client {
        int fd;
        SSL *ssl;   /* NULL: without TLS */
        char *rest; /* of the last read: the beginning of an operation */
        size_t rest_n;
        char *out;
        size_t out_n, out_cap;
        struct client *next_dirty;
        bool is_dirty;
};

struct word {
        const char *at;
        size_t len;
};

struct sub {
        char subject[NAME_BYTES], sid[NAME_BYTES];
        size_t subject_n, sid_n;
        bool begins; /* it ended in '*' */
        struct client *client;
};

static struct {
        char certificate[LINE_BYTES], key[LINE_BYTES];
        int port;
        SSL_CTX *tls;
        int poll, listener;
        struct client *dirty;
        struct sub subs[SUBS_MAX];
        size_t sub_n;
        char in[READ_BYTES];
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
        if (me.certificate[0] == '\0')
                return;
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

/* ---- writing ----------------------------------------------------------------------------- */

static bool is_full(const struct client *client, ssize_t sent)
{
        if (client->ssl)
                return SSL_get_error(client->ssl, (int)sent) == SSL_ERROR_WANT_WRITE;
        return errno == EAGAIN;
}

/* A client that has gone gets nothing; its end is the next thing that is read. */
static void send_all(struct client *client, const char *bytes, size_t n)
{
        while (n > 0) {
                struct pollfd room = { .fd = client->fd, .events = POLLOUT };
                ssize_t sent = client->ssl ? SSL_write(client->ssl, bytes, (int)n)
                                           : send(client->fd, bytes, n, MSG_NOSIGNAL);
                if (sent > 0) {
                        bytes += sent;
                        n -= (size_t)sent;
                } else if (!is_full(client, sent) || poll(&room, 1, -1) < 0) {
                        ERR_clear_error(); /* else the next one who asks takes it for its own */
                        return;
                }
        }
}

static void flush(struct client *client)
{
        send_all(client, client->out, client->out_n);
        client->out_n = 0;
}

static void append(struct client *client, const char *bytes, size_t n)
{
        if (client->out_n + n > client->out_cap) {
                client->out_cap = (client->out_n + n) * 2;
                client->out = realloc(client->out, client->out_cap);
                if (client->out == NULL)
                        fail("memory");
        }
        memcpy(client->out + client->out_n, bytes, n);
        client->out_n += n;
        if (!client->is_dirty) {
                client->is_dirty = true;
                client->next_dirty = me.dirty;
                me.dirty = client;
        }
}

static void append_word(struct client *client, struct word word)
{
        append(client, word.at, word.len);
        append(client, " ", 1);
}

static void flush_all(void)
{
        for (; me.dirty; me.dirty = me.dirty->next_dirty) {
                me.dirty->is_dirty = false;
                flush(me.dirty);
        }
}

/* ---- reading ----------------------------------------------------------------------------- */

static size_t split(const char *at, const char *end, struct word *words)
{
        size_t n = 0;
        while (n < WORDS_MAX) {
                while (at < end && *at == ' ')
                        at++;
                if (at == end)
                        break;
                words[n].at = at;
                while (at < end && *at != ' ')
                        at++;
                words[n].len = (size_t)(at - words[n].at);
                n++;
        }
        return n;
}

static void subscribe(struct client *client, const struct word *words, size_t n)
{
        struct word subject = words[0], sid = words[n - 1];
        if (me.sub_n == SUBS_MAX || subject.len >= NAME_BYTES || sid.len >= NAME_BYTES)
                fail("subscription");
        struct sub *sub = &me.subs[me.sub_n++];
        sub->begins = subject.at[subject.len - 1] == '*';
        sub->subject_n = subject.len - sub->begins;
        sub->sid_n = sid.len;
        sub->client = client;
        memcpy(sub->subject, subject.at, subject.len);
        memcpy(sub->sid, sid.at, sid.len);
}

static const struct sub *find(struct word subject)
{
        for (size_t i = 0; i < me.sub_n; i++) {
                const struct sub *sub = &me.subs[i];
                if ((sub->begins ? subject.len > sub->subject_n : subject.len == sub->subject_n) &&
                        memcmp(subject.at, sub->subject, sub->subject_n) == 0)
                        return sub;
        }
        return NULL;
}

static void forward(const struct word *words, size_t n, const char *payload, size_t payload_n)
{
        const struct sub *sub = find(words[0]);
        if (sub == NULL)
                return;
        append(sub->client, "MSG ", 4);
        append_word(sub->client, words[0]);
        append_word(sub->client, (struct word){ sub->sid, sub->sid_n });
        if (n == 3)
                append_word(sub->client, words[1]);
        append(sub->client, words[n - 1].at, words[n - 1].len);
        append(sub->client, "\r\n", 2);
        append(sub->client, payload, payload_n);
        if (sub->client->out_n >= SEND_BYTES)
                flush(sub->client);
}

/* One operation, complete or not; how many bytes it has, 0: it goes on. */
static size_t operate(struct client *client, const char *at, size_t n)
{
        struct word words[WORDS_MAX];
        const char *lf = memchr(at, '\n', n);
        if (lf == NULL || lf - at < OPERATION_LEAST)
                return lf ? (size_t)(lf + 1 - at) : 0;
        size_t used = (size_t)(lf + 1 - at);
        if (memcmp(at, "PING", 4) == 0)
                append(client, pong, sizeof pong - 1);
        bool pub = memcmp(at, "PUB ", 4) == 0;
        if (!pub && memcmp(at, "SUB ", 4) != 0)
                return used;
        size_t word_n = split(at + 4, lf - 1, words);
        if (word_n < 2)
                return used;
        if (!pub) {
                subscribe(client, words, word_n);
                return used;
        }
        size_t payload_n = strtoul(words[word_n - 1].at, NULL, 10) + 2;
        if (payload_n > n - used)
                return 0;
        forward(words, word_n, lf + 1, payload_n);
        return used + payload_n;
}

static void operate_all(struct client *client, size_t n)
{
        size_t at = 0, used;
        while (at < n && (used = operate(client, me.in + at, n - at)) > 0)
                at += used;
        client->rest_n = n - at;
        if (client->rest_n == 0)
                return;
        if (client->rest_n == sizeof me.in)
                fail("an operation that is larger than a read");
        client->rest = realloc(client->rest, client->rest_n);
        if (client->rest == NULL)
                fail("memory");
        memcpy(client->rest, me.in + at, client->rest_n);
}

/* False: it has gone, or never spoke TLS. */
static bool serve(struct client *client)
{
        ssize_t n;
        do {
                size_t have = client->rest_n;
                if (have > 0)
                        memcpy(me.in, client->rest, have);
                n = client->ssl ? SSL_read(client->ssl, me.in + have, (int)(READ_BYTES - have))
                                : recv(client->fd, me.in + have, READ_BYTES - have, 0);
                if (n > 0)
                        operate_all(client, have + (size_t)n);
        } while (n > 0 && client->ssl); /* it may hold more, which no event would announce */
        if (client->ssl)
                return SSL_get_error(client->ssl, (int)n) == SSL_ERROR_WANT_READ;
        return n > 0 || (n < 0 && errno == EAGAIN);
}

/* ---- clients ----------------------------------------------------------------------------- */

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
        char text[sizeof info + NAME_BYTES];
        int fd = accept4(me.listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
                return;
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL || (me.tls && (client->ssl = SSL_new(me.tls)) == NULL))
                fail("memory");
        client->fd = fd;
        watch(fd, client);
        int n = snprintf(text, sizeof text, info, me.tls ? ",\"tls_required\":true" : "");
        send(fd, text, (size_t)n, MSG_NOSIGNAL);
        if (me.tls) {
                SSL_set_fd(client->ssl, fd);
                SSL_set_accept_state(client->ssl); /* the first SSL_read() shakes hands */
        }
}

static void drop(struct client *client)
{
        for (size_t i = me.sub_n; i-- > 0;)
                if (me.subs[i].client == client)
                        me.subs[i] = me.subs[--me.sub_n];
        flush_all(); /* the list of the dirty must not keep it */
        SSL_free(client->ssl);
        ERR_clear_error();
        close(client->fd);
        free(client->rest);
        free(client->out);
        free(client);
}

static void on_event(struct client *client)
{
        if (client == NULL)
                take_client();
        else if (!serve(client))
                drop(client);
}

int main(int argc, char **argv)
{
        struct epoll_event events[EVENTS_MAX];
        if (argc != 3 || strcmp(argv[1], "-c") != 0) {
                puts("bare_server: v0");
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
                flush_all();
        }
}
