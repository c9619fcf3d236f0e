/* SPDX-License-Identifier: Apache-2.0 */
/* pick.h: which of several certificates a client gets. */
#pragma once
#include <openssl/ssl.h>

/* For SSL_CTX_set_cert_cb(): the first pair in the order of the configuration that fits the
 * ClientHello (server name, signature algorithms, suites), else the first pair. */
int pick_certificate(SSL *ssl, void *arg);
