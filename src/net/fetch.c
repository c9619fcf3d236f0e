/* SPDX-License-Identifier: Apache-2.0 */
/* The library speaks HTTP; the socket is ours, because only then the time limit and the stop hold for all
 * of it: connecting, the TLS handshake, and a server that sends a byte a minute. */
#include "net/fetch.h"
#include "base/clock.h"
#include "base/mem.h"
#include "os/os.h"
#include "tls/verify.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        STOP_LATENCY_MS = 50, /* how often a wait looks at stop */
        LINE_MAX_BYTES = 16 * 1024,
};

/* A socket with a limit of time, as the source and sink below the library's BIOs. */
struct link {
        int fd;
        uint64_t deadline_ns; /* monotonic */
        const _Atomic bool *stop;
        int error; /* why it ended: 0, a negative errno, ERR_CLOSED */
        char peer[INET6_ADDRSTRLEN + 16];
};

struct url {
        char *host, *port, *path, *query;
        int tls;
};

static bool has_stopped(const struct link *link)
{
        return link->stop && atomic_load_explicit(link->stop, memory_order_relaxed);
}

/* Wait for events on the socket. Returns 0 or a negative code. */
static int wait_for(const struct link *link, short events)
{
        for (;;) {
                uint64_t now = clock_mono_ns();
                if (has_stopped(link))
                        return ERR_CLOSED;
                if (now >= link->deadline_ns)
                        return -ETIMEDOUT;
                uint64_t left_ms = (link->deadline_ns - now) / NS_PER_MS + 1;
                struct pollfd poll_fd = { link->fd, events, 0 };
                int n = poll(&poll_fd, 1,
                        left_ms < STOP_LATENCY_MS ? (int)left_ms : (int)STOP_LATENCY_MS);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

static bool is_retry(int error)
{
        return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int link_write(BIO *bio, const char *bytes, int len)
{
        struct link *link = BIO_get_data(bio);
        BIO_clear_retry_flags(bio);
        while (link->error == 0) {
                ssize_t n = send(link->fd, bytes, (size_t)len, 0);
                if (n >= 0)
                        return (int)n;
                link->error = is_retry(errno) ? wait_for(link, POLLOUT) : -errno;
        }
        return -1;
}

static int link_read(BIO *bio, char *bytes, int len)
{
        struct link *link = BIO_get_data(bio);
        BIO_clear_retry_flags(bio);
        while (link->error == 0) {
                ssize_t n = recv(link->fd, bytes, (size_t)len, 0);
                if (n >= 0)
                        return (int)n;
                link->error = is_retry(errno) ? wait_for(link, POLLIN) : -errno;
        }
        return -1;
}

static long link_ctrl(BIO *bio, int command, long number, void *ptr)
{
        return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO *link_bio(struct link *link, BIO_METHOD **method)
{
        *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "link with a deadline");
        if (*method == NULL || !BIO_meth_set_write(*method, link_write) ||
                !BIO_meth_set_read(*method, link_read) || !BIO_meth_set_ctrl(*method, link_ctrl))
                return NULL;
        BIO *bio = BIO_new(*method);
        if (bio) {
                BIO_set_data(bio, link);
                BIO_set_init(bio, 1);
        }
        return bio;
}

/* --- connecting ---------------------------------------------------------------------------------
 */

static void name_peer(struct link *link, const struct addrinfo *to)
{
        char ip[INET6_ADDRSTRLEN] = "?";
        bool v6 = to->ai_family == AF_INET6;
        const struct sockaddr_in *four = (const struct sockaddr_in *)to->ai_addr;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)to->ai_addr;
        inet_ntop(
                to->ai_family, v6 ? (const void *)&six->sin6_addr : &four->sin_addr, ip, sizeof ip);
        snprintf(link->peer, sizeof link->peer, v6 ? "[%s]:%d" : "%s:%d", ip,
                ntohs(v6 ? six->sin6_port : four->sin_port));
}

static int finish_connect(const struct link *link)
{
        int error = 0;
        socklen_t len = sizeof error;
        int rc = wait_for(link, POLLOUT);
        if (rc == 0 && getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        return rc ? rc : -error;
}

static int connect_to(struct link *link, const struct addrinfo *to)
{
        name_peer(link, to);
        link->fd = os_socket_stream(to->ai_family);
        if (link->fd < 0)
                return link->fd;
        int rc = connect(link->fd, to->ai_addr, to->ai_addrlen) == 0 ? 0
                 : errno == EINPROGRESS                              ? finish_connect(link)
                                                                     : -errno;
        if (rc < 0) {
                close(link->fd);
                link->fd = -1;
        }
        return rc;
}

/* The first address that answers. */
static int dial(struct link *link, const struct url *url, struct errbuf *eb)
{
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        struct addrinfo *all = NULL;
        if (has_stopped(link))
                return ERR_CLOSED;
        int found = getaddrinfo(url->host, url->port, &hints, &all);
        if (has_stopped(link)) { /* perhaps long ago, and the process is ending */
                if (found == 0)
                        freeaddrinfo(all);
                return ERR_CLOSED;
        }
        if (found != 0)
                return errbuf_set(eb, ERR_IO, "dial tcp: lookup %s: %s", url->host,
                        found == EAI_NONAME ? "no such host" : gai_strerror(found));
        int rc = -EADDRNOTAVAIL;
        for (const struct addrinfo *to = all; to && link->fd < 0; to = to->ai_next) {
                rc = connect_to(link, to);
                if (rc == ERR_CLOSED || rc == -ETIMEDOUT)
                        break;
        }
        freeaddrinfo(all);
        if (rc < 0)
                errbuf_set(eb, rc, "dial tcp %s: connect: %s", link->peer, err_text(rc));
        return rc;
}

/* --- TLS ----------------------------------------------------------------------------------------
 */

static bool expect(SSL *ssl, const char *host)
{
        return verify_expect_name(ssl, host) &&
               (verify_is_ip(host) || SSL_set_tlsext_host_name(ssl, host) == 1);
}

static int explain_tls(SSL *ssl, struct errbuf *eb)
{
        long verify = SSL_get_verify_result(ssl);
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        if (verify != X509_V_OK)
                return errbuf_set(eb, ERR_TLS, "tls: failed to verify certificate: x509: %s",
                        X509_verify_cert_error_string(verify));
        return errbuf_set(eb, ERR_TLS, "tls: %s", reason ? reason : "handshake failed");
}

/* Put TLS on top of bio; consumes bio. NULL: eb says why. */
static BIO *secure(BIO *bio, const char *host, struct errbuf *eb)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        BIO *top = NULL;
        SSL *ssl = NULL;
        if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
                SSL_CTX_set_default_verify_paths(ctx)) {
                SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
                top = BIO_new_ssl(ctx, 1);
        }
        SSL_CTX_free(ctx); /* counted by the session */
        if (top == NULL || BIO_get_ssl(top, &ssl) <= 0 || !expect(ssl, host)) {
                errbuf_set(eb, ERR_TLS, "cannot create a TLS session");
                BIO_free_all(top);
                BIO_free_all(bio);
                return NULL;
        }
        SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
        BIO_push(top, bio);
        if (BIO_do_handshake(top) > 0)
                return top;
        explain_tls(ssl, eb);
        BIO_free_all(top);
        return NULL;
}

/* --- one exchange -------------------------------------------------------------------------------
 */

static void url_fini(struct url *url)
{
        OPENSSL_free(url->host);
        OPENSSL_free(url->port);
        OPENSSL_free(url->path);
        OPENSSL_free(url->query);
        *url = (struct url){ 0 };
}

static bool is_printable(const char *text)
{
        size_t len = strlen(text);
        for (size_t i = 0; i < len; i++)
                if (!isgraph((unsigned char)text[i]))
                        return false;
        return len <= FETCH_URL_MAX_BYTES;
}

/* "[::1]" becomes "::1": the resolver's form. */
static void strip_brackets(char *host)
{
        size_t len = strlen(host);
        if (host[0] != '[' || host[len - 1] != ']')
                return;
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
}

/* The library knows schemes in lower case only. */
static char *with_lower_scheme(const char *text)
{
        char *lower = xstrdup(text);
        for (char *c = lower; isalpha((unsigned char)*c); c++)
                *c = (char)tolower((unsigned char)*c);
        return lower;
}

static int parse_url(const char *text, struct url *url, struct errbuf *eb)
{
        char *user = NULL, *fragment = NULL;
        struct slice all = slice_str(text);
        bool web = false;
        if (all.len > 7)
                web = slice_eq_nocase(slice_of(text, 7), SLICE_LIT("http://")) ||
                      slice_eq_nocase(slice_of(text, 8), SLICE_LIT("https://"));
        if (!web)
                return errbuf_set(eb, ERR_INVALID, "unsupported protocol scheme \"\"");
        char *lower = with_lower_scheme(text);
        bool good =
                is_printable(text) && OSSL_HTTP_parse_url(lower, &url->tls, &user, &url->host,
                                              &url->port, NULL, &url->path, &url->query, &fragment);
        good = good && url->host[0] && (user == NULL || user[0] == '\0');
        OPENSSL_free(user);
        OPENSSL_free(fragment);
        xfree(lower);
        ERR_clear_error();
        if (!good) {
                url_fini(url);
                return errbuf_set(eb, ERR_INVALID, "invalid URL");
        }
        strip_brackets(url->host);
        return 0;
}

static STACK_OF(CONF_VALUE) * headers_of(const struct fetch_request *request, const struct url *url)
{
        STACK_OF(CONF_VALUE) *headers = NULL;
        struct buf host = { 0 };
        bool v6 = strchr(url->host, ':') != NULL;
        bool usual = strcmp(url->port, url->tls ? OSSL_HTTPS_PORT : OSSL_HTTP_PORT) == 0;
        buf_printf(&host, "%s%s%s%s%s", v6 ? "[" : "", url->host, v6 ? "]" : "", usual ? "" : ":",
                usual ? "" : url->port);
        char *text = buf_take_str(&host);
        X509V3_add_value("Host", text, &headers);
        if (request->accept)
                X509V3_add_value("Accept", request->accept, &headers);
        xfree(text);
        return headers;
}

/* The library tells a status other than 200 in its queue of errors only: "code=404, reason=Not Found". */
static int status_of_errors(void)
{
        const char *data;
        int flags, status = 0;
        unsigned long code;
        while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
                const char *at = (flags & ERR_TXT_STRING) && ERR_GET_LIB(code) == ERR_LIB_HTTP
                                         ? strstr(data, "code=")
                                         : NULL;
                unsigned long long number;
                size_t len = at ? strspn(at + 5, "0123456789") : 0;
                if (len == 3 && slice_to_u64(slice_of(at + 5, len), 3, &number))
                        status = (int)number;
        }
        return status;
}

static int take_body(BIO *from, size_t max, struct buf *body)
{
        char bytes[4096];
        int n;
        body->limit = max;
        while ((n = BIO_read(from, bytes, sizeof bytes)) > 0)
                buf_append(body, bytes, (size_t)n);
        return body->failed ? ERR_RANGE : 0;
}

/* Send the request over bio and read the answer. *location: where else to look, the library's memory. */
static int exchange(BIO *bio, const struct fetch_request *request, const struct url *url,
        struct fetch_answer *answer, char **location, struct errbuf *eb)
{
        BIO *body =
                request->post ? BIO_new_mem_buf(request->body.ptr, (int)request->body.len) : NULL;
        STACK_OF(CONF_VALUE) *headers = headers_of(request, url);
        struct buf path = { 0 };
        bool has_query = url->query && url->query[0];
        buf_printf(&path, "%s%s%s", url->path, has_query ? "?" : "", has_query ? url->query : "");
        char *path_text = buf_take_str(&path);
        OSSL_HTTP_REQ_CTX *http = OSSL_HTTP_open(
                url->host, url->port, NULL, NULL, 0, bio, bio, NULL, NULL, LINE_MAX_BYTES, 0);
        int rc = 0;
        BIO *reply = NULL;
        if (http && OSSL_HTTP_set1_request(http, path_text, headers, request->content_type, body,
                            NULL, 1, request->max_bytes, 0, 0))
                reply = OSSL_HTTP_exchange(http, location);
        if (reply) {
                answer->status = 200;
                rc = take_body(reply, request->max_bytes, &answer->body);
        }
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        if (!reply && *location == NULL && (answer->status = status_of_errors()) == 0)
                rc = errbuf_set(eb, ERR_HTTP, "%s", reason ? reason : "no answer");
        if (rc == ERR_RANGE)
                errbuf_set(eb, rc, "answer too large");
        BIO_free(reply); /* counted for us */
        OSSL_HTTP_close(http, 1);
        sk_CONF_VALUE_pop_free(headers, X509V3_conf_free);
        BIO_free(body);
        xfree(path_text);
        ERR_clear_error();
        return rc;
}

/* Go's words for what ended the link, which say more than the library's. */
static int explain_link(const struct link *link, int rc, struct errbuf *eb)
{
        if (link->error == 0)
                return rc;
        if (link->error == ERR_CLOSED || link->error == -ETIMEDOUT)
                return link->error;
        return errbuf_set(eb, link->error, "read tcp %s: %s", link->peer, err_text(link->error));
}

static int fetch_one(const struct fetch_request *request, const struct url *url, struct link *link,
        struct fetch_answer *answer, char **location, struct errbuf *eb)
{
        BIO_METHOD *method = NULL;
        int rc = dial(link, url, eb);
        if (rc < 0)
                return rc;
        BIO *bio = link_bio(link, &method);
        if (bio && url->tls)
                bio = secure(bio, url->host, eb);
        rc = bio ? exchange(bio, request, url, answer, location, eb) : ERR_TLS;
        BIO_free_all(bio);
        BIO_meth_free(method);
        close(link->fd);
        link->fd = -1;
        ERR_clear_error();
        return rc < 0 ? explain_link(link, rc, eb) : 0;
}

/* --- redirects ----------------------------------------------------------------------------------
 */

/* The next URL, the caller's to xfree(); NULL: none that may be followed. location is consumed. */
static char *next_url(const struct url *url, char *location)
{
        struct buf next = { 0 };
        bool v6 = strchr(url->host, ':') != NULL;
        if (location[0] == '/' && location[1] != '/')
                buf_printf(&next, "%s://%s%s%s:%s", url->tls ? "https" : "http", v6 ? "[" : "",
                        url->host, v6 ? "]" : "", url->port);
        buf_append_str(&next, location);
        OPENSSL_free(location);
        char *text = buf_take_str(&next);
        if (url->tls &&
                !slice_eq_nocase(slice_of(text, strlen(text) < 8 ? 0 : 8), SLICE_LIT("https://"))) {
                xfree(text);
                return NULL;
        }
        return text;
}

static int follow(const struct fetch_request *request, struct link *link,
        struct fetch_answer *answer, struct errbuf *eb)
{
        char *at = xstrdup(request->url);
        int rc = 0;
        for (int i = 0; at && rc == 0; i++) {
                struct url url = { 0 };
                char *location = NULL;
                rc = i > FETCH_REDIRECTS_MAX
                             ? errbuf_set(eb, ERR_HTTP, "stopped after %d redirects",
                                       FETCH_REDIRECTS_MAX)
                             : parse_url(at, &url, eb);
                if (rc == 0)
                        rc = fetch_one(request, &url, link, answer, &location, eb);
                xfree(at);
                at = location ? next_url(&url, location) : NULL;
                if (location && at == NULL)
                        rc = errbuf_set(eb, ERR_HTTP, "redirected from https to http");
                url_fini(&url);
        }
        xfree(at);
        return rc;
}

int fetch(const struct fetch_request *request, const _Atomic bool *stop,
        struct fetch_answer *answer, struct errbuf *eb)
{
        struct link link = {
                .fd = -1, .deadline_ns = clock_mono_ns() + request->timeout_ns, .stop = stop
        };
        *answer = (struct fetch_answer){ 0 };
        int rc = follow(request, &link, answer, eb);
        if (rc == -ETIMEDOUT)
                errbuf_set(eb, rc,
                        "context deadline exceeded (Client.Timeout exceeded while awaiting "
                        "headers)");
        if (rc == ERR_CLOSED)
                errbuf_set(eb, rc, "context canceled");
        if (rc < 0)
                errbuf_prefix(eb, "%s \"%s\"", request->post ? "Post" : "Get", request->url);
        return rc;
}
