/* SPDX-License-Identifier: Apache-2.0 */
/* nkey.h: NATS keys as text: base32 of a prefix byte, 32 bytes of key and a CRC16 (XMODEM, little
 * endian). The prefix makes the first letter tell the kind. */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

enum nkey_kind {
        NKEY_ACCOUNT = 0x00,  /* A */
        NKEY_CLUSTER = 0x10,  /* C */
        NKEY_SERVER = 0x68,   /* N */
        NKEY_OPERATOR = 0x70, /* O */
        NKEY_USER = 0xA0,     /* U */
        NKEY_CURVE = 0xB8,    /* X */
};

enum { NKEY_TEXT_LEN = 56, NKEY_TEXT_SIZE = 57, NKEY_BYTES = 32 };

/* dst: NKEY_TEXT_SIZE bytes, NUL-terminated. */
void nkey_encode(enum nkey_kind kind, const uint8_t key[NKEY_BYTES], char *dst);

/* ERR_INVALID: wrong length, alphabet, checksum or kind. */
MUST_CHECK int nkey_decode(enum nkey_kind kind, struct slice text, uint8_t key[NKEY_BYTES]);

enum { NKEY_SIG_BYTES = 64, NKEY_NONCE_SIZE = 16 };

/* Fresh random text for a peer to sign; dst: NKEY_NONCE_SIZE bytes, NUL-terminated. */
void nkey_nonce(char *dst);

/* The signature as CONNECT carries it: base64url without padding, or base64 with it. ERR_INVALID. */
MUST_CHECK int nkey_sig_decode(struct slice text, uint8_t sig[NKEY_SIG_BYTES]);

/* Did the holder of this Ed25519 key sign the bytes? A public-key operation: for the crypto pool. */
bool nkey_verify(
        const uint8_t key[NKEY_BYTES], struct slice bytes, const uint8_t sig[NKEY_SIG_BYTES]);

/* A fresh public key of the kind (Ed25519, or X25519 for a curve); the private half is thrown away: it
 * serves as a name. Aborts when the library cannot. */
void nkey_fresh_name(enum nkey_kind kind, char *dst);
