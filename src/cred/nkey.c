/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/nkey.h"
#include "base/rand.h"
#include "base/text.h"
#include "base/thread.h"
#include <openssl/err.h>
#include <openssl/evp.h>

enum {
        RAW_BYTES = 1 + NKEY_BYTES + 2,
        NONCE_BYTES = 11, /* 15 letters */
};

static uint16_t crc16(const uint8_t *bytes, size_t len)
{
        uint16_t crc = 0;
        for (size_t i = 0; i < len; i++) {
                crc ^= (uint16_t)(bytes[i] << 8);
                for (int bit = 0; bit < 8; bit++)
                        crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
        return crc;
}

void nkey_encode(enum nkey_kind kind, const uint8_t key[NKEY_BYTES], char *dst)
{
        uint8_t raw[RAW_BYTES];
        raw[0] = (uint8_t)kind;
        memcpy(raw + 1, key, NKEY_BYTES);
        uint16_t crc = crc16(raw, 1 + NKEY_BYTES);
        raw[RAW_BYTES - 2] = (uint8_t)(crc & 0xff);
        raw[RAW_BYTES - 1] = (uint8_t)(crc >> 8);
        text_base32(raw, RAW_BYTES, dst);
}

static int letter_value(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* 56 letters are exactly 35 bytes, so no padding question arises. */
static bool unpack(struct slice text, uint8_t raw[RAW_BYTES])
{
        uint32_t bits = 0;
        int bit_n = 0, at = 0;
        if (text.len != NKEY_TEXT_LEN)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                int value = letter_value(text.ptr[i]);
                if (value < 0)
                        return false;
                bits = (bits << 5) | (uint32_t)value;
                bit_n += 5;
                if (bit_n >= 8) {
                        bit_n -= 8;
                        raw[at++] = (uint8_t)(bits >> bit_n);
                }
        }
        return at == RAW_BYTES;
}

int nkey_decode(enum nkey_kind kind, struct slice text, uint8_t key[NKEY_BYTES])
{
        uint8_t raw[RAW_BYTES];
        if (!unpack(text, raw) || raw[0] != (uint8_t)kind)
                return ERR_INVALID;
        uint16_t crc = crc16(raw, 1 + NKEY_BYTES);
        if (raw[RAW_BYTES - 2] != (crc & 0xff) || raw[RAW_BYTES - 1] != (crc >> 8))
                return ERR_INVALID;
        memcpy(key, raw + 1, NKEY_BYTES);
        return 0;
}

void nkey_nonce(char *dst)
{
        uint8_t bytes[NONCE_BYTES];
        rand_secure(bytes, sizeof bytes);
        text_base64url(bytes, sizeof bytes, dst);
}

int nkey_sig_decode(struct slice text, uint8_t sig[NKEY_SIG_BYTES])
{
        size_t len;
        if (!text_base64url_decode(text, sig, NKEY_SIG_BYTES, &len) &&
                !text_base64_decode(text, sig, NKEY_SIG_BYTES, &len))
                return ERR_INVALID;
        return len == NKEY_SIG_BYTES ? 0 : ERR_INVALID;
}

bool nkey_verify(
        const uint8_t key[NKEY_BYTES], struct slice bytes, const uint8_t sig[NKEY_SIG_BYTES])
{
        EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, NKEY_BYTES);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                  EVP_DigestVerify(
                          ctx, sig, NKEY_SIG_BYTES, (const uint8_t *)bytes.ptr, bytes.len) == 1;
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(pkey);
        ERR_clear_error(); /* a key that is no point leaves its complaint for the next TLS call */
        return ok;
}

void nkey_fresh_name(enum nkey_kind kind, char *dst)
{
        uint8_t key[NKEY_BYTES];
        size_t len = sizeof key;
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind == NKEY_CURVE ? "X25519" : "ED25519");
        ASSERT(pkey && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1 && len == sizeof key);
        EVP_PKEY_free(pkey);
        nkey_encode(kind, key, dst);
}
