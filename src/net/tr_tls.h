/* SPDX-License-Identifier: Apache-2.0 */
/* tr_tls.h: the TLS layer after its handshake; the handshake itself is driven by conn on the crypto pool.
 * Records are decrypted out of the loop's shared buffer and collected, encrypted, for one send. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"
#include "net/transport.h"

struct loop;
struct tls_session;

struct tr_tls {
        struct transport base;
        struct loop *loop;
        struct tls_session *session; /* owned */
        struct buf in;               /* ciphertext not decrypted yet; empty but for rare moments */
        struct buf out;              /* ciphertext the socket did not take */
        bool ended;                  /* close_notify came */
};

/* Both take ownership of session. */
struct tr_tls *tr_tls_new(struct transport *below, struct loop *loop, struct tls_session *session);
/* Pass held ciphertext on. 0: all left; ERR_AGAIN: some waits; other negative: broken. */
int tr_tls_drain(struct tr_tls *tls);
