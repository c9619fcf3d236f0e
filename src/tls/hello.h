/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h: the first bytes of a peer, looked at before the TLS library is trusted with them. */
#pragma once
#include "base/slice.h"
#include <openssl/ssl.h>

enum hello_kind {
        HELLO_SHORT, /* five bytes are needed to tell */
        HELLO_TLS,
        HELLO_NOT_TLS,
        HELLO_SSLV2,
};

enum hello_kind hello_peek(struct slice in);

/* For SSL_CTX_set_client_hello_cb(): refuse, with the reference's words, versions we do not speak
 * and a context without certificates. */
int hello_check(SSL *ssl, int *alert, void *arg);
