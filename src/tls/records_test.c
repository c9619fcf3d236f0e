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

/* Two that have not talked yet. */
static void renew(struct ends *ends)
{
        records_free(ends->server);
        records_free(ends->client);
        ends->server = records_new(0x1301, false, up, down, 32, 0);
        ends->client = records_new(0x1301, true, down, up, 32, 0);
        assert_non_null(ends->server);
        assert_non_null(ends->client);
        buf_clear(&ends->wire);
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

/* After an announcement that the test wrote itself. */
static bool next_client_key(struct ends *ends)
{
        struct buf none = { 0 };
        const struct iovec iov = { (char *)"", 1 };
        ends->client->update_due = true;
        uint64_t seq = ends->client->tx.seq;
        int rc = records_write(ends->client, &iov, 1, &none);
        buf_fini(&none);
        ends->client->tx.seq = 0; /* nothing of that was sent */
        return rc == 0 && seq > 0;
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

static void alerts_come_whole_and_alone(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
                int alert;
        } cases[] = {
                { "", 0, SSL_AD_UNEXPECTED_MESSAGE }, /* RFC 8446 section 5.4 */
                { "\1", 1, SSL_AD_DECODE_ERROR },
                { "\1\0\1\0", 4, SSL_AD_DECODE_ERROR },
        };
        struct ends *ends = *state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                renew(ends);
                say(ends, SSL3_RT_ALERT, cases[i].bytes, cases[i].len);
                refuses(ends, cases[i].alert);
        }
}

static void nothing_counts_behind_the_end(void **state)
{
        struct ends *ends = *state;
        records_alert(ends->client, SSL3_AL_FATAL, SSL_AD_CLOSE_NOTIFY, &ends->wire);
        say(ends, SSL3_RT_APPLICATION_DATA, "x", 1);
        for (int i = 0; i < 2; i++)
                assert_int_equal(read_all(ends, ends->server), ERR_EOF);
        assert_int_equal(ends->server->rx.seq, 1); /* not even decrypted */
}

/* Behind the handshake there is no other type; the others are known, and refused all the same. */
static void other_types_are_refused(void **state)
{
        static const int types[] = { SSL3_RT_CHANGE_CIPHER_SPEC, 24, 255 };
        struct ends *ends = *state;
        for (size_t i = 0; i < ARRAY_N(types); i++) {
                renew(ends);
                say(ends, types[i], "\1", 1);
                refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
        }
        renew(ends); /* as middleboxes like it, during a handshake */
        buf_append(&ends->wire, "\x14\3\3\0\1\1", 6);
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
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

/* Nothing of it is left to pass over: what follows is not inside of it. */
static void a_message_may_be_empty(void **state)
{
        struct ends *ends = *state;
        const struct iovec iov = { (char *)"hi", 2 };
        assert_true(records_seal(
                ends->server, SSL3_RT_HANDSHAKE, (const uint8_t *)"\4\0\0\0", 4, &ends->wire));
        assert_int_equal(records_write(ends->server, &iov, 2, &ends->wire), 0);
        assert_int_equal(read_all(ends, ends->client), 2);
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

static void updates_are_bounded(void **state)
{
        struct ends *ends = *state;
        for (int i = 0; i < 33; i++) {
                say(ends, SSL3_RT_HANDSHAKE, "\x18\0\0\1\1", 5);
                assert_true(next_client_key(ends));
        }
        refuses(ends, SSL_AD_UNEXPECTED_MESSAGE);
        assert_int_equal(ends->wire.len, 0);
}

/* However many updates were asked for, one goes out: under the old key, asking for nothing. */
static void an_update_is_answered_once(void **state)
{
        static const uint8_t answer[] = { SSL3_MT_KEY_UPDATE, 0, 0, 1, 0 };
        struct ends *ends = *state;
        const struct iovec iov = { (char *)"hi", 2 };
        for (int i = 0; i < 3; i++) {
                say(ends, SSL3_RT_HANDSHAKE, "\x18\0\0\1\1", 5);
                assert_true(next_client_key(ends));
        }
        assert_int_equal(read_all(ends, ends->server), ERR_AGAIN);
        assert_true(ends->server->update_due);
        assert_int_equal(records_write(ends->server, &iov, 2, &ends->wire), 0);
        assert_int_equal(records_write(ends->server, &iov, 2, &ends->wire), 0);
        assert_int_equal(ends->wire.len, sizeof(answer) + 2 + 2 + 3 * 22);
        assert_int_equal(ends->server->tx.seq, 2);
        assert_int_equal(read_all(ends, ends->client), 2);
        assert_int_equal(read_all(ends, ends->client), 2);
        assert_false(ends->client->update_due);
}

/* The message may be cut; what follows it under the old key is not taken. */
static void an_update_ends_the_old_key(void **state)
{
        struct ends *ends = *state;
        for (int i = 0; i < 5; i++)
                say(ends, SSL3_RT_HANDSHAKE, &"\x18\0\0\1\0"[i], 1);
        say(ends, SSL3_RT_APPLICATION_DATA, "x", 1);
        refuses(ends, SSL_AD_BAD_RECORD_MAC);
}

/* The largest inner text has room for one padding byte less than it has data; no data at all is fine. */
static void padding_may_fill_a_record(void **state)
{
        struct ends *ends = *state;
        static char inner[RECORD_PLAIN_BYTES];
        inner[0] = SSL3_RT_APPLICATION_DATA;
        say(ends, 0, inner, sizeof(inner));
        assert_int_equal(read_all(ends, ends->server), ERR_AGAIN);
        inner[0] = 'x';
        inner[1] = SSL3_RT_APPLICATION_DATA;
        say(ends, 0, inner, sizeof(inner));
        assert_int_equal(read_all(ends, ends->server), 1);
        memset(inner, 0, sizeof(inner));
        say(ends, SSL3_RT_APPLICATION_DATA, inner, sizeof(inner)); /* zeros that are data */
        assert_int_equal(read_all(ends, ends->server), RECORD_PLAIN_BYTES);
}

static void tickets_are_bounded(void **state)
{
        struct ends *ends = *state;
        /* 128 KiB and one byte */
        assert_true(records_seal(
                ends->server, SSL3_RT_HANDSHAKE, (const uint8_t *)"\4\2\0\1", 4, &ends->wire));
        assert_int_equal(read_all(ends, ends->client), ERR_TLS);
        assert_int_equal(ends->client->refusal, SSL_AD_UNEXPECTED_MESSAGE);
}

/* Any cut of the input, and any size of the room, gives the same bytes. */
static void cuts_do_not_matter(void **state)
{
        static const size_t steps[] = { 1, 3, 4, 5, 6, 21, 997, 16405, 16406, 16407 };
        static const size_t rooms[] = { 1, 7, 4096, 16384, 16385, 40000 };
        static char plain[40000], got[sizeof(plain)];
        struct ends *ends = *state;
        for (size_t i = 0; i < sizeof(plain); i++)
                plain[i] = (char)(i * 7 + i / 253);
        for (size_t s = 0; s < ARRAY_N(steps); s++)
                for (size_t r = 0; r < ARRAY_N(rooms); r++) {
                        const struct iovec iov = { plain, sizeof(plain) };
                        size_t at = 0;
                        renew(ends);
                        assert_int_equal(
                                records_write(ends->client, &iov, sizeof(plain), &ends->wire), 0);
                        for (size_t from = 0; from < ends->wire.len; from += steps[s]) {
                                size_t n = ends->wire.len - from;
                                struct slice in = slice_of(
                                        ends->wire.ptr + from, n < steps[s] ? n : steps[s]);
                                ssize_t rc;
                                do {
                                        n = sizeof(plain) - at;
                                        rc = records_read(ends->server, &in, got + at,
                                                n < rooms[r] ? n : rooms[r]);
                                        at += rc > 0 ? (size_t)rc : 0;
                                } while (rc > 0 && at < sizeof(plain));
                                assert_true(rc > 0 || rc == ERR_AGAIN);
                                assert_true(in.len == 0);
                        }
                        assert_int_equal(at, sizeof(plain));
                        assert_memory_equal(got, plain, sizeof(plain));
                        assert_int_equal(records_pending(ends->server), 0);
                        assert_null(ends->server->held.ptr); /* an idle one keeps no memory */
                        assert_null(ends->server->plain.ptr);
                }
}

/* Also behind a record without data that was larger than the room. */
static void an_idle_reader_keeps_no_memory(void **state)
{
        struct ends *ends = *state;
        char little[1];
        records_alert(ends->client, SSL3_AL_WARNING, SSL_AD_USER_CANCELLED, &ends->wire);
        struct slice in = buf_slice(&ends->wire);
        assert_int_equal(records_read(ends->server, &in, little, sizeof(little)), ERR_AGAIN);
        assert_int_equal(in.len, 0);
        assert_null(ends->server->plain.ptr);
        assert_null(ends->server->held.ptr);
}

/* RFC 8446 section 5.5 bounds AES-GCM; ChaCha needs no bound below the sequence number's. */
static void each_suite_has_its_limit(void **state)
{
        static const struct {
                unsigned suite;
                size_t secret_n;
                uint64_t limit;
        } cases[] = { { 0x1301, 32, 1U << 24 }, { 0x1302, 48, 1U << 24 },
                { 0x1303, 32, UINT64_MAX } };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct records *records =
                        records_new(cases[i].suite, false, up, down, cases[i].secret_n, 2);
                assert_non_null(records);
                assert_true(records->rekey_after == cases[i].limit);
                assert_int_equal(records->tx.seq, 2);
                assert_int_equal(records->rx.seq, 0);
                records_free(records);
        }
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
                TEST(alerts_come_whole_and_alone),
                TEST(nothing_counts_behind_the_end),
                TEST(other_types_are_refused),
                TEST(messages_are_checked),
                TEST(messages_may_be_cut_but_not_interrupted),
                TEST(a_message_may_be_empty),
                TEST(keys_change_in_time),
                TEST(updates_are_bounded),
                TEST(an_update_is_answered_once),
                TEST(an_update_ends_the_old_key),
                TEST(padding_may_fill_a_record),
                TEST(tickets_are_bounded),
                TEST(cuts_do_not_matter),
                TEST(an_idle_reader_keeps_no_memory),
                TEST(each_suite_has_its_limit),
                TEST(unknown_suites_are_left_to_the_library),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
