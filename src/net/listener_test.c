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

static void on_accept(void *ctx, int fd)
{
        *(int *)ctx = fd;
        loop_stop(loop);
}

static void accepts_on_a_port_of_its_own(void **state)
{
        (void)state;
        struct listener *listener = NULL;
        struct errbuf eb = { "" };
        int got = -1, nodelay = 0;
        socklen_t len = sizeof nodelay;
        loop = loop_new(0);
        assert_int_equal(listener_open(&listener, loop, "127.0.0.1", 0, on_accept, &got, &eb), 0);
        assert_in_range(listener_port(listener), 1, 65535);
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)listener_port(listener)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
        loop_run(loop);
        assert_true(got >= 0);
        assert_int_equal(getsockopt(got, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
        assert_int_not_equal(nodelay, 0); /* from the listening socket */
        close(got);
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
        int got = -1;
        loop = loop_new(0);
        assert_int_equal(listener_open(&first, loop, "127.0.0.1", 0, on_accept, &got, &eb), 0);
        int port = listener_port(first);
        assert_int_equal(
                listener_open(&second, loop, "127.0.0.1", port, on_accept, &got, &eb), -EADDRINUSE);
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
        assert_true(
                listener_open(&listener, loop, "256.256.256.256", 4222, on_accept, NULL, &eb) < 0);
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
