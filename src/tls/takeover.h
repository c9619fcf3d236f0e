/* SPDX-License-Identifier: Apache-2.0 */
/* takeover.h: from the library's connection object to records of our own, when a handshake is over. */
#pragma once
#include "base/slice.h"
#include <openssl/ssl.h>

struct tls_session;

/* Whose handshake this thread runs from now on; NULL: none. */
void takeover_watch(struct tls_session *session);

/* A secret was derived on this thread (provider.h): the two application traffic secrets of TLS 1.3 are
 * remembered for the session that is watched. */
void takeover_secret(struct slice label, struct slice secret);

/* The same for SSL_CTX_set_keylog_callback(), where the provider cannot be had. */
void takeover_key_log(const SSL *ssl, const char *line);

/* Records in `sent`, which the session produced after its own Finished: they count under our key. */
void takeover_count(struct tls_session *session, struct slice sent);

/* After the handshake: move a TLS 1.3 session to records and free the library's object. A session that
 * cannot be moved stays as it is. */
void takeover(struct tls_session *session);
void takeover_forget(struct tls_session *session); /* wipes the secrets */
