/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the crypto pool share a context and its certificates from its first handshake on. Says
 * something under ThreadSanitizer only, which does not see how OpenSSL publishes what it reads late. */
#include "base/thread.h"
#include "tls/tls_test.h"
#include <pthread.h>

enum { THREADS = 2, ROUNDS = 8 };

struct hand {
        struct tls_session *session;
        struct peer peer;
        struct wire wire;
        pthread_barrier_t *start;
        enum tls_step step;
};

static void run(void *ctx)
{
        struct hand *hand = ctx;
        pthread_barrier_wait(hand->start);
        hand->step = shake(hand->session, &hand->peer, &hand->wire);
}

static void first_handshakes_at_once(void **state)
{
        for (int round = 0; round < ROUNDS; round++) {
                struct tls_ctx *ctx = server_ctx("server", true, TLS_VERSION_1_2);
                struct hand hands[THREADS] = { 0 };
                struct thread *threads[THREADS];
                pthread_barrier_t start;
                assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
                for (int i = 0; i < THREADS; i++) {
                        SSL_CTX *client = peer_ctx();
                        peer_present(client, "client-chain");
                        peer_init(&hands[i].peer, client);
                        hands[i].session = tls_session_new(ctx, NULL);
                        hands[i].start = &start;
                }
                for (int i = 0; i < THREADS; i++)
                        threads[i] = thread_start("hand", THREAD_CRYPTO, run, &hands[i]);
                for (int i = 0; i < THREADS; i++) {
                        thread_join(threads[i]);
                        assert_int_equal(hands[i].step, TLS_DONE);
                        tls_session_free(hands[i].session);
                        peer_fini(&hands[i].peer);
                        wire_fini(&hands[i].wire);
                }
                pthread_barrier_destroy(&start);
                tls_ctx_unref(ctx);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_handshakes_at_once),
        };
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
