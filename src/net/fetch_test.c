/* SPDX-License-Identifier: Apache-2.0 */
/* A server of a few scripted answers, one connection each; what it was asked is kept. */
#include "net/fetch.h"
#include "base/clock.h"
#include "base/thread.h"
#include "tls/tls_test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#define DER "\x30\x03\x02\x01\x05" /* SEQUENCE { INTEGER 5 } */
#define HEAD "HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n"

enum { SCRIPTS_MAX = 16 };

static struct {
        int fd, port;
        const char *answers[SCRIPTS_MAX]; /* "" closes, NULL waits until the client goes */
        int answer_n;
        char asked[SCRIPTS_MAX][2048];
        SSL_CTX *tls;
        struct thread *thread;
} server;

static _Atomic bool asked; /* a request is there, whole */

static ssize_t get(SSL *ssl, int fd, char *to, size_t size)
{
        return ssl ? SSL_read(ssl, to, (int)size) : recv(fd, to, size, 0);
}

static void put(SSL *ssl, int fd, const char *text, size_t len)
{
        if (ssl)
                SSL_write(ssl, text, (int)len);
        else
                (void)!send(fd, text, len, 0);
}

static bool is_whole(const char *text)
{
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        return end && (!length || strlen(end + 4) >= strtoul(length + 16, NULL, 10));
}

static void serve_one(int fd, char *text, size_t size, const char *answer)
{
        SSL *ssl = server.tls ? SSL_new(server.tls) : NULL;
        size_t len = 0;
        ssize_t n = 1;
        if (ssl) {
                SSL_set_fd(ssl, fd);
                n = SSL_accept(ssl) == 1 ? 1 : 0;
        }
        while (n > 0 && !is_whole(text) && len < size - 1) {
                n = get(ssl, fd, text + len, size - 1 - len);
                len += n > 0 ? (size_t)n : 0;
        }
        atomic_store(&asked, true);
        if (answer)
                put(ssl, fd, answer, strlen(answer));
        while (answer == NULL && n > 0)
                n = get(ssl, fd, text + len, size - 1 - len);
        SSL_free(ssl);
        close(fd);
}

static void serve(void *ctx)
{
        for (int i = 0; i < server.answer_n; i++) {
                int fd = accept(server.fd, NULL, NULL);
                serve_one(fd, server.asked[i], sizeof server.asked[i], server.answers[i]);
        }
        ERR_clear_error();
}

/* A server on the IPv6 loopback, where there is one. */
static bool listen_v6(void)
{
        struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t len = sizeof addr;
        server.fd = socket(AF_INET6, SOCK_STREAM, 0);
        if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&addr, len) < 0)
                return false;
        assert_int_equal(listen(server.fd, 8), 0);
        assert_int_equal(getsockname(server.fd, (struct sockaddr *)&addr, &len), 0);
        server.port = ntohs(addr.sin6_port);
        return true;
}

static void listen_any(void)
{
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof addr;
        server.fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(server.fd, (struct sockaddr *)&addr, len), 0);
        assert_int_equal(listen(server.fd, 8), 0);
        assert_int_equal(getsockname(server.fd, (struct sockaddr *)&addr, &len), 0);
        server.port = ntohs(addr.sin_port);
}

/* An answer at a time. */
static void begin(const char *const *answers, int n)
{
        memset(server.asked, 0, sizeof server.asked);
        memcpy(server.answers, answers, (size_t)n * sizeof answers[0]);
        server.answer_n = n;
        server.thread = thread_start("server", THREAD_TEST, serve, NULL);
}

static void start(const char *const *answers, int n)
{
        listen_any();
        begin(answers, n);
}

static void stop(void)
{
        thread_join(server.thread);
        close(server.fd);
}

static const char *url_of(const char *scheme, const char *path)
{
        static char text[256];
        snprintf(text, sizeof text, "%s://127.0.0.1:%d%s", scheme, server.port, path);
        return text;
}

static struct fetch_request ask(const char *path, const char *body)
{
        return (struct fetch_request){ .url = url_of("http", path),
                .post = body != NULL,
                .body = slice_str(body),
                .content_type = body ? "application/ocsp-request" : NULL,
                .accept = body ? "application/ocsp-response" : NULL,
                .max_bytes = 1024,
                .timeout_ns = 10 * NS_PER_SEC };
}

static void posts_and_gets(void **state)
{
        const char *answers[] = { HEAD "\r\n" DER, HEAD "Content-Length: 5\r\n\r\n" DER };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char want[256];
        start(answers, 2);
        struct fetch_request request = ask("", "hello");
        assert_int_equal(fetch(&request, NULL, &answer, &eb), 0);
        assert_int_equal(answer.status, 200);
        assert_true(slice_eq_str(buf_slice(&answer.body), DER));
        buf_fini(&answer.body);
        request = ask("/a/b?c", NULL);
        assert_int_equal(fetch(&request, NULL, &answer, &eb), 0);
        assert_int_equal(answer.status, 200);
        assert_true(slice_eq_str(buf_slice(&answer.body), DER));
        buf_fini(&answer.body);
        stop();
        snprintf(want, sizeof want,
                "POST / HTTP/1.0\r\nHost: 127.0.0.1:%d\r\nAccept: application/ocsp-response\r\n"
                "Content-Type: application/ocsp-request\r\nContent-Length: 5\r\n\r\nhello",
                server.port);
        assert_string_equal(server.asked[0], want);
        snprintf(want, sizeof want, "GET /a/b?c HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n",
                server.port);
        assert_string_equal(server.asked[1], want);
}

static void tells_the_status_of_errors(void **state)
{
        const char *answers[] = { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 500 Oh\r\n\r\nsomething", "HTTP/1.0 400\r\n\r\n",
                "HTTP/1.1 204 Nothing\r\n\r\n" };
        static const int status[] = { 404, 500, 400, 204 };
        struct errbuf eb = { "" };
        start(answers, 4);
        for (size_t i = 0; i < ARRAY_N(status); i++) {
                struct fetch_request request = ask("", i % 2 ? "x" : NULL);
                struct fetch_answer answer;
                if (fetch(&request, NULL, &answer, &eb) < 0)
                        fail_msg("%s", eb.text);
                assert_int_equal(answer.status, status[i]);
                assert_int_equal(answer.body.len, 0);
                buf_fini(&answer.body);
        }
        stop();
}

static void refuses_other_answers(void **state)
{
        static char large[3000] = HEAD "\r\n\x30\x82\x0b\x00"; /* 2820 bytes more */
        memset(large + strlen(large), 'x', sizeof large - strlen(large) - 1);
        const char *answers[] = { "", "nonsense\r\n\r\n", HEAD "\r\nplain text",
                HEAD "\r\n\x30\x05\x02", HEAD "Content-Length: 7\r\n\r\n" DER, large };
        start(answers, (int)ARRAY_N(answers));
        for (size_t i = 0; i < ARRAY_N(answers); i++) {
                struct fetch_request request = ask("", NULL);
                struct fetch_answer answer;
                struct errbuf eb = { "" };
                char head[64];
                assert_true(fetch(&request, NULL, &answer, &eb) < 0);
                snprintf(head, sizeof head, "Get \"http://127.0.0.1:%d\": ", server.port);
                assert_ptr_equal(strstr(eb.text, head), eb.text);
                assert_true(strlen(eb.text) > strlen(head));
                buf_fini(&answer.body);
        }
        stop();
}

static void follows_a_get_elsewhere(void **state)
{
        char absolute[128];
        const char *answers[] = { "HTTP/1.1 302 Found\r\nLocation: /second\r\n\r\n", absolute,
                HEAD "\r\n" DER };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        start(answers, 3);
        snprintf(absolute, sizeof absolute,
                "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:%d/third\r\n\r\n", server.port);
        struct fetch_request request = ask("/first", NULL);
        if (fetch(&request, NULL, &answer, &eb) < 0)
                fail_msg("%s", eb.text);
        assert_int_equal(answer.status, 200);
        buf_fini(&answer.body);
        stop();
        static const char *const paths[] = { "GET /first ", "GET /second ", "GET /third " };
        for (int i = 0; i < 3; i++)
                assert_ptr_equal(strstr(server.asked[i], paths[i]), server.asked[i]);
}

static void does_not_follow_for_ever(void **state)
{
        const char *answers[FETCH_REDIRECTS_MAX + 1];
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char want[128];
        for (size_t i = 0; i < ARRAY_N(answers); i++)
                answers[i] = "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n";
        start(answers, (int)ARRAY_N(answers));
        struct fetch_request request = ask("/", NULL);
        assert_int_equal(fetch(&request, NULL, &answer, &eb), ERR_HTTP);
        snprintf(want, sizeof want, "Get \"http://127.0.0.1:%d/\": stopped after 10 redirects",
                server.port);
        assert_string_equal(eb.text, want);
        stop();
}

static void takes_addresses_and_schemes_of_any_form(void **state)
{
        const char *answers[] = { HEAD "\r\n" DER, HEAD "\r\n" DER };
        static const char *const hosts[] = { "[::1]", "[0::1]" };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char url[64], want[128];
        if (!listen_v6()) {
                print_message("not tested: [::1] cannot be listened on here\n");
                skip();
        }
        begin(answers, 2);
        struct fetch_request request = ask("", NULL);
        for (int i = 0; i < 2; i++) {
                snprintf(url, sizeof url, "%s://%s:%d/x", i ? "HTTP" : "http", hosts[i],
                        server.port);
                request.url = url;
                if (fetch(&request, NULL, &answer, &eb) < 0)
                        fail_msg("%s", eb.text);
                assert_int_equal(answer.status, 200);
                buf_fini(&answer.body);
        }
        stop();
        for (int i = 0; i < 2; i++) {
                snprintf(want, sizeof want, "GET /x HTTP/1.0\r\nHost: %s:%d\r\n\r\n", hosts[i],
                        server.port);
                assert_string_equal(server.asked[i], want);
        }
        snprintf(want, sizeof want, "Get \"%s\": dial tcp [::1]:%d: connect: connection refused",
                url, server.port);
        assert_int_equal(fetch(&request, NULL, &answer, &eb), -ECONNREFUSED);
        assert_string_equal(eb.text, want);
}

static void says_why_nobody_answers(void **state)
{
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char want[256];
        listen_any();
        close(server.fd); /* nobody there now */
        struct fetch_request request = ask("/x", "y");
        assert_int_equal(fetch(&request, NULL, &answer, &eb), -ECONNREFUSED);
        snprintf(want, sizeof want,
                "Post \"http://127.0.0.1:%d/x\": dial tcp 127.0.0.1:%d: connect: connection "
                "refused",
                server.port, server.port);
        assert_string_equal(eb.text, want);
        static const struct {
                const char *url, *text;
        } bad[] = { { "ocsp.example", "unsupported protocol scheme \"\"" },
                { "ldap://x/", "unsupported protocol scheme \"\"" },
                { "http://", "unsupported protocol scheme \"\"" }, { "http://a b/", "invalid URL" },
                { "http://u:p@127.0.0.1/", "invalid URL" },
                { "http://127.0.0.1:99999/", "invalid URL" } };
        for (size_t i = 0; i < ARRAY_N(bad); i++) {
                request = ask("", NULL);
                request.url = bad[i].url;
                assert_int_equal(fetch(&request, NULL, &answer, &eb), ERR_INVALID);
                snprintf(want, sizeof want, "Get \"%s\": %s", bad[i].url, bad[i].text);
                assert_string_equal(eb.text, want);
        }
}

static void gives_up_on_time(void **state)
{
        const char *answers[] = { NULL };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char want[256];
        start(answers, 1);
        struct fetch_request request = ask("", NULL);
        request.timeout_ns = 100 * NS_PER_MS;
        uint64_t before = clock_mono_ns();
        assert_int_equal(fetch(&request, NULL, &answer, &eb), -ETIMEDOUT);
        assert_true(clock_mono_ns() - before >= 100 * NS_PER_MS);
        snprintf(want, sizeof want,
                "Get \"http://127.0.0.1:%d\": context deadline exceeded (Client.Timeout exceeded "
                "while awaiting headers)",
                server.port);
        assert_string_equal(eb.text, want);
        stop();
}

static _Atomic bool stop_now;

static void set_stop(void *ctx)
{
        while (!atomic_load(&asked))
                usleep(1000);
        atomic_store(&stop_now, true);
}

static void stops_when_told(void **state)
{
        const char *answers[] = { NULL };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        char want[128];
        atomic_store(&stop_now, false);
        atomic_store(&asked, false);
        start(answers, 1);
        struct thread *teller = thread_start("teller", THREAD_TEST, set_stop, NULL);
        struct fetch_request request = ask("", NULL);
        request.timeout_ns = 600 * NS_PER_SEC;
        assert_int_equal(fetch(&request, &stop_now, &answer, &eb), ERR_CLOSED);
        snprintf(want, sizeof want, "Get \"http://127.0.0.1:%d\": context canceled", server.port);
        assert_string_equal(eb.text, want);
        thread_join(teller);
        stop();
}

static void https_is_verified(void **state)
{
        const char *answers[] = { HEAD "\r\n" DER, HEAD "\r\n" DER };
        struct fetch_answer answer;
        struct errbuf eb = { "" };
        server.tls = SSL_CTX_new(TLS_server_method());
        assert_int_equal(
                SSL_CTX_use_certificate_chain_file(server.tls, test_path("server.pem")), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(
                                 server.tls, test_path("server-key.pem"), SSL_FILETYPE_PEM),
                1);
        start(answers, 2);
        struct fetch_request request = ask("", NULL);
        request.url = url_of("https", "/s");
        setenv("SSL_CERT_FILE", test_path("other.pem"), 1);
        setenv("SSL_CERT_DIR", "/nonexistent", 1);
        assert_int_equal(fetch(&request, NULL, &answer, &eb), ERR_TLS);
        assert_non_null(strstr(eb.text, "tls: failed to verify certificate: x509: "));
        setenv("SSL_CERT_FILE", test_path("ca.pem"), 1);
        if (fetch(&request, NULL, &answer, &eb) < 0)
                fail_msg("%s", eb.text);
        assert_int_equal(answer.status, 200);
        assert_true(slice_eq_str(buf_slice(&answer.body), DER));
        buf_fini(&answer.body);
        stop();
        assert_ptr_equal(strstr(server.asked[1], "GET /s "), server.asked[1]);
        SSL_CTX_free(server.tls);
        server.tls = NULL;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(posts_and_gets),
                cmocka_unit_test(tells_the_status_of_errors),
                cmocka_unit_test(refuses_other_answers),
                cmocka_unit_test(follows_a_get_elsewhere),
                cmocka_unit_test(does_not_follow_for_ever),
                cmocka_unit_test(takes_addresses_and_schemes_of_any_form),
                cmocka_unit_test(says_why_nobody_answers),
                cmocka_unit_test(gives_up_on_time),
                cmocka_unit_test(stops_when_told),
                cmocka_unit_test(https_is_verified),
        };
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
