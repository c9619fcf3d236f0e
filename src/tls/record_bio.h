/* SPDX-License-Identifier: Apache-2.0 */
/* record_bio.h: OpenSSL's door to the slice and the buffer that a session was lent for a call. */
#pragma once
#include <openssl/bio.h>

struct tls_session;

enum {
        HELLO_MAX_BYTES =
                64 * 1024 + 1024,         /* input before the ClientHello is whole, with headers */
        HANDSHAKE_MAX_BYTES = 512 * 1024, /* input of a whole handshake */
};

/* NULL: out of memory. The session must outlive it. */
BIO *record_bio_new(struct tls_session *session);
