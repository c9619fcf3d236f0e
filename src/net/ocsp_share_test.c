/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that need no network: their responder's URL cannot be fetched. The only thread of the pool is held
 * while they come in, so that what they share is exact. */
#include "net/ocsp_share.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/fetch_pool.h"
#include "net/loop.h"
#include "tls/ocsp_peer.h"
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { QUEUE_MAX = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static bool held;
static struct loop *loop;
static struct fetch_pool *pool;
static struct ocsp_share *share;
static struct ocsp_peer *peers;
static struct fetch_job holder;
static unsigned came_n, expected_n;
static const char *last_why;
static unsigned unasked_n;
static char why[512];

static void run_holder(struct fetch_job *job)
{
        pthread_mutex_lock(&lock);
        while (held)
                pthread_cond_wait(&wake, &lock);
        pthread_mutex_unlock(&lock);
}

static void on_holder(struct mail *mail)
{
        if (came_n == expected_n)
                loop_stop(loop);
}

static void on_answer(struct mail *mail)
{
        struct ocsp_waiter *waiter = CONTAINER_OF(mail, struct ocsp_waiter, done);
        assert_ptr_equal(loop_current(), loop);
        snprintf(why, sizeof why, "%s", waiter->answer->why);
        last_why = why;
        unasked_n += waiter->answer->unasked;
        ocsp_answer_unref(waiter->answer);
        if (++came_n == expected_n)
                loop_stop(loop);
}

static int setup(void **state)
{
        const struct ocsp_cache_options opts = { OCSP_CACHE_NONE, "none", false, 0 };
        const struct ocsp_peer_options policy = { .verify = true, .ca_timeout_ns = 1000000000 };
        loop = loop_new(0);
        pool = fetch_pool_new(1, QUEUE_MAX);
        share = ocsp_share_new(loop, pool);
        struct ocsp_cache *cache = ocsp_cache_new(&opts);
        peers = ocsp_peer_new(&policy, cache, share);
        ocsp_cache_unref(cache);
        held = true;
        came_n = expected_n = unasked_n = 0;
        last_why = NULL;
        holder = (struct fetch_job){ .run = run_holder, .home = loop, .done.deliver = on_holder };
        assert_int_equal(fetch_pool_post(pool, &holder), 0);
        return 0;
}

static int teardown(void **state)
{
        fetch_pool_free(pool);
        loop_free(loop);
        ocsp_share_free(share);
        ocsp_peer_unref(peers);
        return 0;
}

static void let_go(void)
{
        pthread_mutex_lock(&lock);
        held = false;
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
        loop_run(loop);
}

/* About the certificate of that number. */
static struct ocsp_question *question(uint8_t number)
{
        struct ocsp_question *made = xnew(struct ocsp_question);
        made->peer = ocsp_peer_ref(peers);
        made->digest[0] = number;
        made->urls.at[made->urls.n++] = xstrdup("gopher://nowhere/");
        buf_append_str(&made->request, "request");
        return made;
}

static void ask(struct ocsp_waiter *waiter, uint8_t number)
{
        *waiter = (struct ocsp_waiter){ .home = loop, .done.deliver = on_answer };
        expected_n++;
        ocsp_share_ask(share, question(number), waiter);
}

/* The queue takes four; a fifth request would be refused, so these are one. */
static void one_request_for_all(void **state)
{
        struct ocsp_waiter waiters[50];
        for (size_t i = 0; i < ARRAY_N(waiters); i++)
                ask(&waiters[i], 1);
        assert_int_equal(came_n, 0);
        let_go();
        assert_int_equal(came_n, ARRAY_N(waiters));
        assert_string_equal(last_why,
                "exhausted OCSP responders: Get \"gopher://nowhere/cmVxdWVzdA%3D%3D\": "
                "unsupported protocol scheme \"\"");
}

static void recalled_means_silent(void **state)
{
        struct ocsp_waiter stays, goes;
        ask(&stays, 1);
        ask(&goes, 1);
        assert_true(ocsp_share_recall(share, &goes));
        assert_false(ocsp_share_recall(share, &goes));
        memset(&goes, 0xee, sizeof goes); /* nobody looks at it again */
        expected_n--;
        let_go();
        assert_int_equal(came_n, 1);
        assert_false(ocsp_share_recall(share, &stays)); /* it was told */
}

/* The last one who waited is gone: the request ends all the same. */
static void nobody_waits(void **state)
{
        struct ocsp_waiter goes;
        ask(&goes, 1);
        assert_true(ocsp_share_recall(share, &goes));
        expected_n--;
        let_go();
        assert_int_equal(came_n, 0);
}

/* A port that notes who comes by keeping them in its backlog. */
static int listen_on(char *url, size_t size)
{
        struct sockaddr_in addr = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof addr;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
        snprintf(url, size, "http://127.0.0.1:%d", ntohs(addr.sin_port));
        return fd;
}

/* Those who gave up before their turn cost their responder, and those behind them, nothing. */
static void nobody_is_asked_for_nobody(void **state)
{
        struct ocsp_waiter goes, stays;
        char url[64];
        int fd = listen_on(url, sizeof url);
        struct ocsp_question *slow = question(1);
        xfree(slow->urls.at[0]);
        slow->urls.at[0] = xstrdup(url);
        goes = (struct ocsp_waiter){ .home = loop, .done.deliver = on_answer };
        ocsp_share_ask(share, slow, &goes);
        ask(&stays, 2);
        assert_true(ocsp_share_recall(share, &goes));
        let_go();
        assert_int_equal(came_n, 1);
        assert_int_equal(accept(fd, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
        close(fd);
}

static void the_queue_is_full(void **state)
{
        struct ocsp_waiter waiters[QUEUE_MAX + 3];
        for (size_t i = 0; i < ARRAY_N(waiters); i++)
                ask(&waiters[i], (uint8_t)i);
        let_go();
        assert_int_equal(came_n, ARRAY_N(waiters));
        assert_in_range(unasked_n, 3, 4); /* the holder has left the queue by now, or not */
}

static void waiters_are_bounded(void **state)
{
        struct ocsp_waiter *waiters = xcalloc(OCSP_WAITERS_MAX + 1, sizeof *waiters);
        for (size_t i = 0; i < OCSP_WAITERS_MAX; i++)
                ask(&waiters[i], 1);
        expected_n = 1;
        struct ocsp_waiter *last = &waiters[OCSP_WAITERS_MAX];
        *last = (struct ocsp_waiter){ .home = loop, .done.deliver = on_answer };
        ocsp_share_ask(share, question(1), last);
        loop_run(loop); /* the thread is held: only the refusal comes */
        assert_string_equal(last_why, "too many handshakes wait for OCSP responders");
        assert_true(ocsp_share_recall(share, &waiters[0]));
        ask(&waiters[0], 1); /* room again */
        expected_n = OCSP_WAITERS_MAX + 1;
        let_go();
        assert_int_equal(came_n, OCSP_WAITERS_MAX + 1);
        assert_int_equal(unasked_n, 1);
        xfree(waiters);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_request_for_all, setup, teardown),
                cmocka_unit_test_setup_teardown(recalled_means_silent, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_waits, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_is_asked_for_nobody, setup, teardown),
                cmocka_unit_test_setup_teardown(the_queue_is_full, setup, teardown),
                cmocka_unit_test_setup_teardown(waiters_are_bounded, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
