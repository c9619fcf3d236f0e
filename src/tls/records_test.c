/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile peer may say behind the handshake. That records are those of RFC 8446 is shown by
 * tls_session_test, where OpenSSL is the peer. */
#include "tls/records.h"
#include "base/err.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above. */
#include <cmocka.h>
#include <openssl/ssl.h>

struct ends {
        struct records *server, *client;
        struct buf wire; /* from one to the other */
        char text[64 * 1024];
};

static uint8_t up[RECORD_SECRET_BYTES] = { 1 }, down[RECORD_SECRET_BYTES] = { 2 };

static int setup(void **state)
{
        struct ends *ends = xnew(struct ends);
        ends->server = records_new(0x1301, false, up, down, 32, 0);
        ends->client = records_new(0x1301, true, down, up, 32, 0);
        assert_non_null(ends->server);
        assert_non_null(ends->client);
        *state = ends;
        return 0;
}

static int teardown(void **state)
{
        struct ends *ends = *state;
        records_free(ends->server);
        records_free(ends->client);
        buf_fini(&ends->wire);
        xfree(ends);
        return 0;
}

static ssize_t read_all(struct ends *ends, struct records *reader)
{
        struct slice in = buf_slice(&ends->wire);
        ssize_t n = records_read(reader, &in, ends->text, sizeof(ends->text));
        buf_consume(&ends->wire, ends->wire.len - in.len);
        return n;
}

static void say(struct ends *ends, int type, const char *bytes, size_t len)
{
        assert_true(records_seal(ends->client, type, (const uint8_t *)bytes, len, &ends->wire));
}

static void refuses(struct ends *ends, int alert)
{
        assert_int_equal(read_all(ends, ends->server), ERR_TLS);
        assert_int_equal(ends->server->refusal, alert);
        assert_int_equal(ends->server->refused, 0);
}

static void pieces_become_full_records(void **state)
{
        struct ends *ends = *state;
        static char big[40000];
        memset(big, 'b', sizeof(big));
        const struct iovec iov[] = { { (char *)"head", 4 }, { big, sizeof(big) }, { big, 0 },
                { (char *)"tail", 4 } };
        assert_int_equal(records_write(ends->client, iov, 40008, &ends->wire), 0);
        /* 16384 + 16384 + 7240 */
        assert_int_equal(ends->wire.len, 40008 + 3 * RECORD_OVERHEAD_BYTES);
        assert_int_equal(read_all(ends, ends->server), 16384);
        assert_memory_equal(ends->text, "headbbbb", 8);
        assert_int_equal(read_all(ends, ends->server), 16384);
        assert_int_equal(read_all(ends, ends->server), 7240);
        assert_memory_equal(ends->text + 7232, "bbbbtail", 8);
        assert_int_equal(read_all(ends, ends->server), ERR_AGAIN);
}

static void only_data_records_are_taken(void **state)
{
        static const char plain_alert[] = { 21, 3, 3, 0, 2, 2, 40 };
        struct ends *ends = *state;
        buf_append(&ends->wire, plain_alert, sizeof(plain_alert));
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
}

static void lengths_are_checked_before_the_body_comes(void **state)
{
        static const struct {
                unsigned char header[5];
                int alert;
        } cases[] = {
                { { 23, 3, 3, 0x41, 0x01 }, SSL_AD_RECORD_OVERFLOW },
                { { 23, 3, 3, 0x40, 0x12 }, SSL_AD_RECORD_OVERFLOW }, /* 16386 of type and data */
                { { 23, 3, 3, 0, 16 }, SSL_AD_BAD_RECORD_MAC },
                { { 23, 3, 1, 0, 40 }, SSL_AD_UNEXPECTED_MESSAGE },
        };
        struct ends *ends = *state;
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                for (size_t step = 1; step <= 5; step += 4) {
                        struct records *server = records_new(0x1301, false, up, down, 32, 0);
                        ssize_t n = ERR_AGAIN;
                        for (size_t at = 0; at < 5; at += step) {
                                struct slice in =
                                        slice_of((const char *)cases[i].header + at, step);
                                n = records_read(server, &in, ends->text, sizeof(ends->text));
                        }
                        assert_int_equal(n, ERR_TLS);
                        assert_int_equal(server->refusal, cases[i].alert);
                        records_free(server);
                }
}

static void every_bit_counts(void **state)
{
        struct ends *ends = *state;
        for (size_t i = 0; i < 2 + 1 + 16 + 5; i++) {
                struct records *server = records_new(0x1301, false, up, down, 32, 0);
                struct records *client = records_new(0x1301, true, down, up, 32, 0);
                const struct iovec iov = { (char *)"hi", 2 };
                buf_clear(&ends->wire);
                assert_int_equal(records_write(client, &iov, 2, &ends->wire), 0);
                ends->wire.ptr[i] ^= 1;
                ssize_t n = read_all(ends, server);
                /* a longer record is waited for; everything else is refused at once */
                assert_true(
                        n == ERR_TLS || (n == ERR_AGAIN && i == 3) || (n == ERR_AGAIN && i == 4));
                records_free(server);
                records_free(client);
        }
}

static void a_record_is_taken_once(void **state)
{
        struct ends *ends = *state;
        say(ends, SSL3_RT_APPLICATION_DATA, "hi", 2);
        buf_append(&ends->wire, ends->wire.ptr, ends->wire.len);
        assert_int_equal(read_all(ends, ends->server), 2);
        refuses(ends, SSL_AD_BAD_RECORD_MAC);
}

static void records_without_data_are_bounded(void **state)
{
        struct ends *ends = *state;
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 32; i++)
                        say(ends, SSL3_RT_APPLICATION_DATA, "", 0);
                say(ends, SSL3_RT_APPLICATION_DATA, "x", 1);
                assert_int_equal(read_all(ends, ends->server), 1);
        }
        for (int i = 0; i < 33; i++)
                say(ends, SSL3_RT_APPLICATION_DATA, "", 0);
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
}

static void padding_is_dropped(void **state)
{
        struct ends *ends = *state;
        /* the type and zeros, as if they were data of type 0 */
        say(ends, 0, "hi\x17\0\0\0", 6);
        assert_int_equal(read_all(ends, ends->server), 2);
        assert_memory_equal(ends->text, "hi", 2);
        say(ends, 0, "\0\0", 2); /* nothing but zeros */
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
}

static void alerts_are_understood(void **state)
{
        struct ends *ends = *state;
        records_alert(ends->client, SSL3_AL_WARNING, SSL_AD_USER_CANCELLED, &ends->wire);
        assert_int_equal(read_all(ends, ends->server), ERR_AGAIN);
        records_alert(ends->client, SSL3_AL_FATAL, SSL_AD_ACCESS_DENIED, &ends->wire);
        assert_int_equal(read_all(ends, ends->server), ERR_TLS);
        assert_int_equal(ends->server->refused, SSL_AD_ACCESS_DENIED);
        records_alert(ends->server, SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY, &ends->wire);
        assert_int_equal(read_all(ends, ends->client), ERR_EOF);
        assert_int_equal(read_all(ends, ends->client), ERR_EOF);
}

static void a_cut_alert_is_refused(void **state)
{
        say(*state, SSL3_RT_ALERT, "\1", 1);
        refuses(*state, SSL_AD_DECODE_ERROR);
}

static void messages_are_checked(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
                int alert;
        } cases[] = {
                { "", 0, SSL_AD_UNEXPECTED_MESSAGE },
                { "\4\0\0\1x", 5, SSL_AD_UNEXPECTED_MESSAGE },     /* a ticket, to a server */
                { "\1\0\0\1x", 5, SSL_AD_UNEXPECTED_MESSAGE },     /* a ClientHello */
                { "\x18\0\0\2\0\0", 6, SSL_AD_DECODE_ERROR },      /* an update of two bytes */
                { "\x18\0\0\1\2", 5, SSL_AD_ILLEGAL_PARAMETER },   /* of an unknown kind */
                { "\x18\0\0\1\0x", 6, SSL_AD_UNEXPECTED_MESSAGE }, /* bytes behind it */
        };
        struct ends *ends = *state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct records *server = records_new(0x1301, false, up, down, 32, 0);
                struct records *client = records_new(0x1301, true, down, up, 32, 0);
                buf_clear(&ends->wire);
                assert_true(records_seal(client, SSL3_RT_HANDSHAKE, (const uint8_t *)cases[i].bytes,
                        cases[i].len, &ends->wire));
                assert_int_equal(read_all(ends, server), ERR_TLS);
                assert_int_equal(server->refusal, cases[i].alert);
                records_free(server);
                records_free(client);
        }
}

static void messages_may_be_cut_but_not_interrupted(void **state)
{
        struct ends *ends = *state;
        const struct iovec iov = { (char *)"hi", 2 };
        /* a ticket in three records, to a client */
        assert_true(records_seal(
                ends->server, SSL3_RT_HANDSHAKE, (const uint8_t *)"\4\0", 2, &ends->wire));
        assert_true(records_seal(
                ends->server, SSL3_RT_HANDSHAKE, (const uint8_t *)"\0\3ab", 4, &ends->wire));
        assert_true(records_seal(
                ends->server, SSL3_RT_HANDSHAKE, (const uint8_t *)"c", 1, &ends->wire));
        assert_int_equal(records_write(ends->server, &iov, 2, &ends->wire), 0);
        assert_int_equal(read_all(ends, ends->client), 2);
        say(ends, SSL3_RT_HANDSHAKE, "\x18\0", 2);
        say(ends, SSL3_RT_APPLICATION_DATA, "x", 1);
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
}

static void keys_change_in_time(void **state)
{
        struct ends *ends = *state;
        const struct iovec iov = { (char *)"hi", 2 };
        uint8_t first[32];
        memcpy(first, ends->server->rx.secret, 32);
        ends->client->rekey_after = 3;
        for (int i = 0; i < 10; i++) {
                assert_int_equal(records_write(ends->client, &iov, 2, &ends->wire), 0);
                assert_int_equal(read_all(ends, ends->server), 2);
        }
        assert_memory_not_equal(first, ends->server->rx.secret, 32);
        assert_int_equal(ends->server->rx.seq, 1); /* 3 + 3 + 3 + 1 */
        assert_false(ends->server->update_due);    /* nothing was asked of us */
}

static void unknown_suites_are_left_to_the_library(void **state)
{
        assert_null(records_new(0x1304, false, up, down, 32, 0));
        assert_null(records_new(0x1302, false, up, down, 32, 0));
        assert_null(records_new(0x1301, false, up, down, 0, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(pieces_become_full_records),
                TEST(only_data_records_are_taken),
                TEST(lengths_are_checked_before_the_body_comes),
                TEST(every_bit_counts),
                TEST(a_record_is_taken_once),
                TEST(records_without_data_are_bounded),
                TEST(padding_is_dropped),
                TEST(alerts_are_understood),
                TEST(a_cut_alert_is_refused),
                TEST(messages_are_checked),
                TEST(messages_may_be_cut_but_not_interrupted),
                TEST(keys_change_in_time),
                TEST(unknown_suites_are_left_to_the_library),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
