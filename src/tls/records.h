/* SPDX-License-Identifier: Apache-2.0 */
/* records.h: the records of an established TLS 1.3 connection (RFC 8446 section 5), without the library's
 * connection object.
 *
 * That object is made for handshakes: it takes 13 KB for as long as it lives, and copies each record
 * twice. When the handshake is over, what goes on needs two traffic secrets; the AEAD and the hash stay
 * the library's. Understood behind the handshake: data, alerts, key updates; in the client role also
 * tickets, which are passed over. Thread: whoever holds the session. */
#pragma once
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
        RECORD_PLAIN_BYTES = 16 * 1024,     /* the most that one record holds */
        RECORD_OVERHEAD_BYTES = 5 + 1 + 16, /* header, type, tag */
        RECORD_SECRET_BYTES = 48,           /* the longest: SHA-384 */
        RECORD_IV_BYTES = 12,
};

struct record_suite;

struct record_half {
        EVP_CIPHER_CTX *cipher;
        uint64_t seq; /* of the next record under this key */
        uint8_t iv[RECORD_IV_BYTES];
        uint8_t secret[RECORD_SECRET_BYTES]; /* from which the next key follows */
};

struct records {
        const struct record_suite *suite;
        struct record_half rx, tx;
        struct buf held;      /* the beginning of a record that is not whole yet */
        struct buf plain;     /* decrypted, but the reader's room was too small */
        uint32_t plain_at;    /* so much of it was read */
        uint32_t skip;        /* bytes of a handshake message still to pass over */
        uint64_t rekey_after; /* records under one sending key */
        uint8_t head[4];      /* of a handshake message */
        uint8_t head_n;
        uint8_t idle;    /* records in a row that brought no data */
        bool client;     /* our role */
        bool in_message; /* the head was read, its body was not */
        bool update_due; /* our key changes before our next record */
        bool ended;      /* close_notify came */
        uint8_t refusal; /* the alert to send after ERR_TLS */
        uint8_t refused; /* or the fatal one that came; 0: none */
};

/* cipher: as SSL_CIPHER_get_protocol_id(); secrets: the two application traffic secrets, of secret_n
 * bytes; tx_seq: records that were already sent under tx. NULL: a suite or a length that is not known. */
struct records *records_new(unsigned cipher, bool client, const uint8_t *rx, const uint8_t *tx,
        size_t secret_n, uint64_t tx_seq);
void records_free(struct records *records); /* wipes; NULL is fine */

/* At most one record's data. 0 < n, ERR_AGAIN (in is used up), ERR_EOF, ERR_NOMEM, or ERR_TLS: the
 * connection is over, `refused` or `refusal` says why. */
ssize_t records_read(struct records *records, struct slice *in, char *dst, size_t cap);
static inline size_t records_pending(const struct records *records)
{
        return records->plain.len - records->plain_at;
}

/* Append the first `bytes` of iov as full records and a rest: small pieces are gathered in place,
 * large ones encrypted from where they are. 0, ERR_NOMEM or ERR_TLS. */
MUST_CHECK int records_write(
        struct records *records, const struct iovec *iov, size_t bytes, struct buf *out);
/* Append one record of another type, of up to RECORD_PLAIN_BYTES. False: failed. */
bool records_seal(
        struct records *records, int type, const uint8_t *bytes, size_t len, struct buf *out);
void records_alert(struct records *records, int level, int alert, struct buf *out);
