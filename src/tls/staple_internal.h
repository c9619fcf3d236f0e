/* SPDX-License-Identifier: Apache-2.0 */
/* staple_internal.h: what the contexts of this folder need of staple.c. */
#pragma once
#include <openssl/ssl.h>

/* For SSL_CTX_set_tlsext_status_cb() of a server: called when the client asks for a staple. */
int staple_offer(SSL *ssl, void *arg);
