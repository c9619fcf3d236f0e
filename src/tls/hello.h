/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h: the first bytes of a peer, looked at before the TLS library is trusted with them. */
#pragma once
#include "base/slice.h"
#include "tls/verdict.h"
#include <openssl/ssl.h>

enum hello_kind {
        HELLO_SHORT, /* five bytes are needed to tell */
        HELLO_TLS,
        HELLO_NOT_TLS,
        HELLO_SSLV2,
};

enum hello_kind hello_peek(struct slice in);

/* What bytes that are no TLS record are instead. */
enum tls_reason hello_judge_other(struct slice in);

/* The host name of a ClientHello that is being looked at, or of a handshake that went on. */
struct slice hello_server_name(SSL *ssl);

/* For SSL_CTX_set_client_hello_cb(): refuse, with the reference's words, versions we do not speak
 * and a context without certificates. */
int hello_check(SSL *ssl, int *alert, void *arg);
