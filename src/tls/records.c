/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/records.h"
#include "base/err.h"
#include "base/mem.h"
#include "tls/algo.h"
#include "tls/hkdf.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

enum {
        HEADER_BYTES = 5,
        TAG_BYTES = 16,
        INNER_MAX_BYTES = RECORD_PLAIN_BYTES + 1,    /* data, type, padding */
        CIPHER_MAX_BYTES = RECORD_PLAIN_BYTES + 256, /* RFC 8446 section 5.2 */
        TICKET_MAX_BYTES = 128 * 1024,
        DIRECT_BYTES = 2048, /* from here on a piece is not worth gathering */
        IDLE_MAX = 32,       /* records in a row without data */
        UPDATE_REQUESTED = 1,
};

struct record_suite {
        unsigned id;
        uint8_t key_n, secret_n;
        const EVP_CIPHER *(*cipher)(void);
        const EVP_MD *(*hash)(void);
        uint64_t rekey_after; /* RFC 8446 section 5.5: 2^24.5 full records under AES-GCM */
};

static const struct record_suite suites[] = {
        { 0x1301, 16, 32, algo_aes_128_gcm, algo_sha256, 1U << 24 },
        { 0x1302, 32, 48, algo_aes_256_gcm, algo_sha384, 1U << 24 },
        { 0x1303, 32, 32, algo_chacha20_poly1305, algo_sha256, UINT64_MAX },
};

/* ---- keys -------------------------------------------------------------------------------- */

static bool expand(const struct record_suite *suite, const uint8_t *secret, const char *label,
        uint8_t *dst, size_t n)
{
        const struct hkdf_label text = { SLICE_LIT("tls13 "), slice_str(label), SLICE_NULL };
        return hkdf_expand_label(
                suite->hash(), slice_of((const char *)secret, suite->secret_n), &text, dst, n);
}

/* The key and the IV that belong to half->secret; the sequence begins again. */
static bool set_key(const struct record_suite *suite, struct record_half *half, bool seal)
{
        uint8_t key[32];
        bool ok = expand(suite, half->secret, "key", key, suite->key_n) &&
                  expand(suite, half->secret, "iv", half->iv, sizeof(half->iv)) &&
                  EVP_CipherInit_ex(half->cipher, suite->cipher(), NULL, key, NULL, seal) == 1;
        half->seq = 0;
        mem_wipe(key, sizeof(key));
        return ok;
}

static bool next_key(const struct record_suite *suite, struct record_half *half, bool seal)
{
        return expand(suite, half->secret, "traffic upd", half->secret, suite->secret_n) &&
               set_key(suite, half, seal);
}

static bool half_init(const struct record_suite *suite, struct record_half *half,
        const uint8_t *secret, bool seal)
{
        half->cipher = EVP_CIPHER_CTX_new();
        memcpy(half->secret, secret, suite->secret_n);
        return half->cipher && set_key(suite, half, seal);
}

struct records *records_new(unsigned cipher, bool client, const uint8_t *rx, const uint8_t *tx,
        size_t secret_n, uint64_t tx_seq)
{
        const struct record_suite *suite = NULL;
        for (size_t i = 0; i < ARRAY_N(suites); i++)
                if (suites[i].id == cipher && suites[i].secret_n == secret_n)
                        suite = &suites[i];
        if (suite == NULL)
                return NULL;
        struct records *records = xnew(struct records);
        records->suite = suite;
        records->client = client;
        records->rekey_after = suite->rekey_after;
        if (!half_init(suite, &records->rx, rx, false) ||
                !half_init(suite, &records->tx, tx, true)) {
                ERR_clear_error();
                records_free(records);
                return NULL;
        }
        records->tx.seq = tx_seq;
        return records;
}

void records_free(struct records *records)
{
        if (records == NULL)
                return;
        EVP_CIPHER_CTX_free(records->rx.cipher);
        EVP_CIPHER_CTX_free(records->tx.cipher);
        buf_fini(&records->held);
        buf_fini(&records->plain);
        mem_wipe(records, sizeof(*records));
        xfree(records);
}

/* Begin a record: its nonce and its header, which is what the tag covers besides the data. */
static bool begin(struct record_half *half, const uint8_t *header)
{
        uint8_t nonce[RECORD_IV_BYTES];
        int n;
        memcpy(nonce, half->iv, sizeof(nonce));
        for (int i = 0; i < 8; i++)
                nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(half->seq >> (8 * i));
        half->seq++;
        return EVP_CipherInit_ex(half->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
               EVP_CipherUpdate(half->cipher, NULL, &n, header, HEADER_BYTES) == 1;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A record that is being filled at the end of a buffer with room for all of it. */
struct filling {
        EVP_CIPHER_CTX *cipher;
        uint8_t *at;      /* where the next byte goes */
        uint8_t *crypted; /* what stands before it is ciphertext */
};

static bool crypt_gathered(struct filling *fill)
{
        int len = (int)(fill->at - fill->crypted), n;
        bool ok = len == 0 ||
                  EVP_CipherUpdate(fill->cipher, fill->crypted, &n, fill->crypted, len) == 1;
        fill->crypted = fill->at;
        return ok;
}

static bool put(struct filling *fill, const uint8_t *bytes, size_t len)
{
        int n;
        if (len < DIRECT_BYTES) {
                memcpy(fill->at, bytes, len);
                fill->at += len;
                return true;
        }
        if (!crypt_gathered(fill) ||
                EVP_CipherUpdate(fill->cipher, fill->at, &n, bytes, (int)len) != 1)
                return false;
        fill->at += len;
        fill->crypted = fill->at;
        return true;
}

/* A place in an iovec. */
struct cursor {
        const struct iovec *iov;
        size_t at;
};

static bool put_some(struct filling *fill, struct cursor *from, size_t len)
{
        while (len > 0) {
                size_t n = from->iov->iov_len - from->at;
                if (n > len)
                        n = len;
                if (!put(fill, (const uint8_t *)from->iov->iov_base + from->at, n))
                        return false;
                len -= n;
                from->at += n;
                if (from->at == from->iov->iov_len) {
                        from->iov++;
                        from->at = 0;
                }
        }
        return true;
}

/* Append one record of `len` bytes; there is room. */
static bool seal(
        struct record_half *half, int type, struct cursor *from, size_t len, struct buf *out)
{
        uint8_t *record = (uint8_t *)out->ptr + out->len, last = (uint8_t)type;
        size_t body = len + 1 + TAG_BYTES;
        const uint8_t header[HEADER_BYTES] = { SSL3_RT_APPLICATION_DATA, 3, 3, (uint8_t)(body >> 8),
                (uint8_t)body };
        struct filling fill = { half->cipher, record + HEADER_BYTES, record + HEADER_BYTES };
        int n;
        memcpy(record, header, sizeof(header));
        if (!begin(half, header) || !put_some(&fill, from, len) || !put(&fill, &last, 1) ||
                !crypt_gathered(&fill) || EVP_CipherFinal_ex(half->cipher, fill.at, &n) != 1 ||
                EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, fill.at) != 1)
                return false;
        out->len += HEADER_BYTES + body;
        return true;
}

bool records_seal(
        struct records *records, int type, const uint8_t *bytes, size_t len, struct buf *out)
{
        const struct iovec iov = { (void *)bytes, len };
        struct cursor from = { &iov, 0 };
        return buf_reserve(out, len + RECORD_OVERHEAD_BYTES) &&
               seal(&records->tx, type, &from, len, out);
}

/* Announce the next key under the old one. */
static bool update(struct records *records, struct buf *out)
{
        static const uint8_t message[] = { SSL3_MT_KEY_UPDATE, 0, 0, 1, 0 };
        records->update_due = false;
        return records_seal(records, SSL3_RT_HANDSHAKE, message, sizeof(message), out) &&
               next_key(records->suite, &records->tx, true);
}

int records_write(struct records *records, const struct iovec *iov, size_t bytes, struct buf *out)
{
        struct cursor from = { iov, 0 };
        size_t record_n = bytes / RECORD_PLAIN_BYTES + 2; /* a rest, a key update */
        bool ok = true;
        if (!buf_reserve(out, bytes + record_n * (RECORD_OVERHEAD_BYTES + HEADER_BYTES)))
                return ERR_NOMEM;
        while (ok && bytes > 0) {
                size_t n = bytes < RECORD_PLAIN_BYTES ? bytes : RECORD_PLAIN_BYTES;
                if (UNLIKELY(records->update_due || records->tx.seq >= records->rekey_after))
                        ok = update(records, out) && buf_reserve(out, bytes + record_n * 32);
                ok = ok && seal(&records->tx, SSL3_RT_APPLICATION_DATA, &from, n, out);
                bytes -= n;
        }
        if (ok)
                return 0;
        ERR_clear_error();
        return out->failed ? ERR_NOMEM : ERR_TLS;
}

void records_alert(struct records *records, int level, int alert, struct buf *out)
{
        const uint8_t message[] = { (uint8_t)level, (uint8_t)alert };
        if (!records_seal(records, SSL3_RT_ALERT, message, sizeof(message), out))
                ERR_clear_error();
}

/* ---- reading ----------------------------------------------------------------------------- */

static int refuse(struct records *records, int alert)
{
        records->refusal = (uint8_t)alert;
        return ERR_TLS;
}

static int on_alert(struct records *records, const uint8_t *bytes, size_t len)
{
        if (len != 2) /* no message at all is not even a bad one: RFC 8446 section 5.4 */
                return refuse(records, len ? SSL_AD_DECODE_ERROR : SSL_AD_UNEXPECTED_MESSAGE);
        if (bytes[1] == SSL_AD_CLOSE_NOTIFY) {
                records->ended = true;
                return ERR_EOF;
        }
        if (bytes[1] == SSL_AD_USER_CANCELLED)
                return ERR_AGAIN;
        records->refused = bytes[1];
        return ERR_TLS;
}

/* A key update ends its record: what follows is under the new key. */
static int on_key_update(struct records *records, uint8_t request, bool last)
{
        if (!last)
                return refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        if (request > UPDATE_REQUESTED)
                return refuse(records, SSL_AD_ILLEGAL_PARAMETER);
        if (request == UPDATE_REQUESTED)
                records->update_due = true;
        if (next_key(records->suite, &records->rx, false))
                return ERR_AGAIN;
        return refuse(records, SSL_AD_INTERNAL_ERROR);
}

static int on_message_head(struct records *records)
{
        const uint8_t *head = records->head;
        records->skip = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
        records->head_n = 0;
        records->in_message = records->skip > 0;
        bool update = head[0] == SSL3_MT_KEY_UPDATE;
        if (update && records->skip != 1)
                return refuse(records, SSL_AD_DECODE_ERROR);
        if (!update && (!records->client || head[0] != SSL3_MT_NEWSESSION_TICKET ||
                               records->skip > TICKET_MAX_BYTES))
                return refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        return ERR_AGAIN;
}

/* Messages may be cut anywhere and joined: nothing of them is kept but four bytes. */
static int on_handshake(struct records *records, const uint8_t *bytes, size_t len)
{
        int rc = len > 0 ? ERR_AGAIN : refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        while (rc == ERR_AGAIN && len > 0) {
                size_t n = 1;
                if (!records->in_message) {
                        records->head[records->head_n++] = *bytes;
                        if (records->head_n == sizeof(records->head))
                                rc = on_message_head(records);
                } else if (records->head[0] == SSL3_MT_KEY_UPDATE) {
                        records->in_message = false;
                        rc = on_key_update(records, *bytes, len == 1);
                } else {
                        n = records->skip < len ? records->skip : len;
                        records->skip -= (uint32_t)n;
                        records->in_message = records->skip > 0;
                }
                bytes += n;
                len -= n;
        }
        return rc;
}

/* What a record turned out to hold: inner[0, len) ends with its type and zeros. Data stays where it is;
 * returns how much of it there is. */
static ssize_t take(struct records *records, const uint8_t *inner, size_t len)
{
        while (len > 0 && inner[len - 1] == 0)
                len--;
        int type = len > 0 ? inner[--len] : 0;
        bool cut = records->head_n > 0 || records->in_message; /* a message must be whole first */
        if (type == SSL3_RT_APPLICATION_DATA && !cut && len > 0) {
                records->idle = 0;
                return (ssize_t)len;
        }
        if (++records->idle > IDLE_MAX || (cut && type != SSL3_RT_HANDSHAKE))
                return refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        switch (type) {
        case SSL3_RT_APPLICATION_DATA:
                return ERR_AGAIN;
        case SSL3_RT_ALERT:
                return on_alert(records, inner, len);
        case SSL3_RT_HANDSHAKE:
                return on_handshake(records, inner, len);
        default:
                return refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        }
}

static int check_header(struct records *records, const uint8_t *header, size_t *body)
{
        *body = (size_t)header[3] << 8 | header[4];
        if (header[0] != SSL3_RT_APPLICATION_DATA || header[1] != 3 || header[2] != 3)
                return refuse(records, SSL_AD_UNEXPECTED_MESSAGE);
        if (*body > CIPHER_MAX_BYTES)
                return refuse(records, SSL_AD_RECORD_OVERFLOW);
        if (*body <= TAG_BYTES)
                return refuse(records, SSL_AD_BAD_RECORD_MAC);
        return *body <= INNER_MAX_BYTES + TAG_BYTES ? 0 : refuse(records, SSL_AD_RECORD_OVERFLOW);
}

static bool open_record(struct record_half *half, const uint8_t *record, size_t body, uint8_t *dst)
{
        const uint8_t *tag = record + HEADER_BYTES + body - TAG_BYTES;
        int n;
        return begin(half, record) &&
               EVP_CipherUpdate(half->cipher, dst, &n, record + HEADER_BYTES,
                       (int)(body - TAG_BYTES)) == 1 &&
               EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, (void *)tag) ==
                       1 &&
               EVP_CipherFinal_ex(half->cipher, dst + n, &n) == 1;
}

/* One whole record, into dst when all of it fits there, else through `plain`. */
static ssize_t read_record(
        struct records *records, const uint8_t *record, size_t body, char *dst, size_t cap)
{
        size_t inner = body - TAG_BYTES;
        bool fits = inner <= cap;
        if (!fits && !buf_reserve(&records->plain, inner))
                return ERR_NOMEM;
        uint8_t *to = (uint8_t *)(fits ? dst : records->plain.ptr);
        if (!open_record(&records->rx, record, body, to)) {
                ERR_clear_error();
                return refuse(records, SSL_AD_BAD_RECORD_MAC);
        }
        ssize_t n = take(records, to, inner);
        if (fits)
                return n;
        if (n <= 0) {
                buf_fini(&records->plain);
                return n;
        }
        records->plain.len = (size_t)n;
        records->plain_at = 0;
        return 0;
}

static ssize_t read_plain(struct records *records, char *dst, size_t cap)
{
        size_t n = records_pending(records);
        if (n > cap)
                n = cap;
        memcpy(dst, records->plain.ptr + records->plain_at, n);
        records->plain_at += (uint32_t)n;
        if (records_pending(records) > 0)
                return (ssize_t)n;
        records->plain_at = 0;
        buf_fini(&records->plain);
        return (ssize_t)n;
}

static size_t min_of(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Move bytes to `held` until it is `want` long. False: there are not enough, or memory is short. */
static bool hold(struct records *records, struct slice *in, size_t want)
{
        size_t n = min_of(want - min_of(want, records->held.len), in->len);
        buf_append(&records->held, in->ptr, n);
        if (records->held.failed)
                return false;
        *in = slice_of(in->ptr + n, in->len - n);
        return records->held.len >= want;
}

/* The next record, whole: in place when it lies there so, else completed in `held`. 0, or why not. */
static int next_record(
        struct records *records, struct slice *in, const uint8_t **record, size_t *body)
{
        int rc = 0;
        *record = (const uint8_t *)in->ptr;
        if (records->held.len == 0 && in->len >= HEADER_BYTES) {
                rc = check_header(records, *record, body);
                if (rc < 0)
                        return rc;
                if (in->len >= HEADER_BYTES + *body) {
                        *in = slice_of(
                                in->ptr + HEADER_BYTES + *body, in->len - HEADER_BYTES - *body);
                        return 0;
                }
        }
        bool whole = hold(records, in, HEADER_BYTES);
        if (whole) {
                rc = check_header(records, (const uint8_t *)records->held.ptr, body);
                whole = rc == 0 && hold(records, in, HEADER_BYTES + *body);
        }
        *record = (const uint8_t *)records->held.ptr;
        if (rc < 0)
                return rc;
        if (records->held.failed)
                return ERR_NOMEM;
        return whole ? 0 : ERR_AGAIN;
}

ssize_t records_read(struct records *records, struct slice *in, char *dst, size_t cap)
{
        if (records_pending(records) > 0)
                return read_plain(records, dst, cap);
        while (!records->ended) {
                const uint8_t *record;
                size_t body;
                int rc = next_record(records, in, &record, &body);
                if (rc < 0)
                        return rc;
                ssize_t n = read_record(records, record, body, dst, cap);
                if (records->held.len > 0)
                        buf_fini(&records->held);
                if (n == 0)
                        return read_plain(records, dst, cap);
                if (n != ERR_AGAIN)
                        return n;
        }
        return ERR_EOF;
}
