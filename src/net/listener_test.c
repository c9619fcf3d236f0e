/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a listener that cannot listen, and a port that is really there. */
#include "net/listener.h"
#include "net/loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct loop *loop;

struct came {
        int fd;
        struct sockaddr_storage peer;
};

static void on_accept(void *ctx, int fd, const struct sockaddr_storage *peer)
{
        struct came *came = ctx;
        came->fd = fd;
        came->peer = *peer;
        loop_stop(loop);
}

static void accepts_on_a_port_of_its_own(void **state)
{
        (void)state;
        struct listener *listener = NULL;
        struct errbuf eb = { "" };
        struct came came = { .fd = -1 };
        struct sockaddr_in near;
        int nodelay = 0;
        socklen_t len = sizeof nodelay;
        loop = loop_new(0);
        assert_int_equal(listener_open(&listener, "127.0.0.1", 0, on_accept, &came, &eb), 0);
        listener_start(listener, loop);
        assert_in_range(listener_port(listener), 1, 65535);
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)listener_port(listener)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
        loop_run(loop);
        assert_true(came.fd >= 0);
        len = sizeof near;
        assert_int_equal(getsockname(fd, (struct sockaddr *)&near, &len), 0);
        assert_int_equal(came.peer.ss_family, AF_INET);
        assert_int_equal(((struct sockaddr_in *)&came.peer)->sin_port, near.sin_port);
        assert_int_equal(((struct sockaddr_in *)&came.peer)->sin_addr.s_addr, near.sin_addr.s_addr);
        len = sizeof nodelay;
        assert_int_equal(getsockopt(came.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
        assert_int_not_equal(nodelay, 0); /* from the listening socket */
        close(came.fd);
        close(fd);
        listener_close(listener);
        loop_free(loop);
}

static void says_which_address_is_taken(void **state)
{
        (void)state;
        struct listener *first = NULL, *second = NULL;
        struct errbuf eb = { "" };
        char want[128];
        loop = loop_new(0);
        assert_int_equal(listener_open(&first, "127.0.0.1", 0, on_accept, NULL, &eb), 0);
        listener_start(first, loop);
        int port = listener_port(first);
        assert_int_equal(
                listener_open(&second, "127.0.0.1", port, on_accept, NULL, &eb), -EADDRINUSE);
        snprintf(want, sizeof want, "listen tcp 127.0.0.1:%d: bind: address already in use", port);
        assert_string_equal(eb.text, want);
        assert_null(second);
        listener_close(first);
        loop_free(loop);
}

static void says_which_name_is_unknown(void **state)
{
        (void)state;
        struct listener *listener = NULL;
        struct errbuf eb = { "" };
        loop = loop_new(0);
        assert_true(listener_open(&listener, "256.256.256.256", 4222, on_accept, NULL, &eb) < 0);
        assert_non_null(strstr(eb.text, "listen tcp: lookup 256.256.256.256: "));
        assert_null(listener);
        loop_free(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts_on_a_port_of_its_own),
                cmocka_unit_test(says_which_address_is_taken),
                cmocka_unit_test(says_which_name_is_unknown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
