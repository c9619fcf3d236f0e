/* SPDX-License-Identifier: Apache-2.0 */
/* What an idle connection costs, counted at the TLS library's own door to the heap. The bound is a
 * guard against growth: 2.5 KB for TLS 1.3, two cipher contexts in the main; for TLS 1.2 OpenSSL 3.0
 * takes 13 KB, more than half of it one struct. */
#include "tls/tls_test.h"
#include "tls/records.h"
#include "tls/tls_internal.h"

enum { CONNECTIONS = 50, IDLE_MAX_BYTES = 3 * 1024, IDLE_MAX_BYTES_12 = 16 * 1024 };

struct head {
        size_t bytes;
        max_align_t align[];
};

static size_t live_bytes;

static void *count_malloc(size_t bytes, const char *file, int line)
{
        struct head *head = xmalloc(sizeof(*head) + bytes);
        head->bytes = bytes;
        live_bytes += bytes;
        return head->align;
}

static void count_free(void *ptr, const char *file, int line)
{
        if (ptr == NULL)
                return;
        struct head *head = CONTAINER_OF(ptr, struct head, align);
        live_bytes -= head->bytes;
        xfree(head);
}

static void *count_realloc(void *ptr, size_t bytes, const char *file, int line)
{
        void *fresh = bytes > 0 ? count_malloc(bytes, file, line) : NULL;
        if (ptr && fresh) {
                size_t old = CONTAINER_OF(ptr, struct head, align)->bytes;
                memcpy(fresh, ptr, old < bytes ? old : bytes);
        }
        count_free(ptr, file, line);
        return fresh;
}

static void speak(struct tls_session *session, struct peer *peer, struct wire *wire)
{
        char text[8];
        assert_int_equal(shake(session, peer, wire), TLS_DONE);
        assert_int_equal(SSL_write(peer->ssl, "PING\r\n", 6), 6);
        peer_take(peer, &wire->to_server);
        struct slice in = buf_slice(&wire->to_server);
        assert_int_equal(tls_session_read(session, &in, text, sizeof(text)), 6);
        assert_int_equal(tls_session_read(session, &in, text, sizeof(text)), ERR_AGAIN);
        assert_int_equal(tls_session_write(session, SLICE_LIT("PONG\r\n"), &wire->to_client), 0);
}

static void check_idle(int version)
{
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        SSL_CTX *client = peer_ctx();
        struct tls_session *sessions[CONNECTIONS];
        size_t before = 0;
        SSL_CTX_set_max_proto_version(client, version);
        for (int i = -5; i < CONNECTIONS; i++) {
                if (i == 0)
                        before = live_bytes;
                struct tls_session *session = tls_session_new(ctx, NULL);
                struct peer peer;
                struct wire wire = { 0 };
                SSL_CTX_up_ref(client);
                peer_init(&peer, client);
                speak(session, &peer, &wire);
                peer_fini(&peer);
                wire_fini(&wire);
                assert_int_equal(session->held.cap, 0);
                if (i >= 0)
                        sessions[i] = session;
                else
                        tls_session_free(session);
        }
        size_t each = (live_bytes - before) / CONNECTIONS + sizeof(struct tls_session) +
                      (version == TLS1_3_VERSION ? sizeof(struct records) : 0);
        print_message("TLS %s: %zu bytes for an idle connection\n",
                tls_session_version(sessions[0]), each);
        assert_true(each < (version == TLS1_3_VERSION ? IDLE_MAX_BYTES : IDLE_MAX_BYTES_12));
        for (int i = 0; i < CONNECTIONS; i++)
                tls_session_free(sessions[i]);
        SSL_CTX_free(client);
        tls_ctx_unref(ctx);
}

static void idle_connections_are_small(void **state)
{
        check_idle(TLS1_3_VERSION);
        check_idle(TLS1_2_VERSION);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle_connections_are_small),
        };
        if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
                return 1;
        return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
