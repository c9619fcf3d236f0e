/* SPDX-License-Identifier: Apache-2.0 */
/* transport.h: one layer of a connection. Layers stack: tls over tcp, later ws over tls over tcp, each
 * holding the layer below. All calls on the owner loop (during a handshake job the TLS layer is left
 * alone by its conn); none blocks, none calls upward. */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

struct transport_ops {
        const char *name;
        /* Take decoded bytes. 0 < n: stored in dst. ERR_AGAIN: nothing now, wait until readable.
         * ERR_EOF: orderly end. Other negative: broken. */
        ssize_t (*recv)(struct transport *tr, char *dst, size_t dst_bytes);
        /* Queue bytes. Returns how many were taken (0: wait until writable); the caller keeps the rest. */
        ssize_t (*send)(struct transport *tr, const struct iovec *iov, int iov_n);
        /* Bytes this layer took but has not passed on: the conn stays interested in writability. */
        size_t (*held)(const struct transport *tr);
        /* Decoded or received bytes are waiting in this layer: recv() may succeed without poll. */
        bool (*has_input)(const struct transport *tr);
        /* Say goodbye if the layer has a way to (TLS close_notify); at most one attempt, no waiting. */
        void (*shutdown)(struct transport *tr);
        /* Free this layer and those below; the socket is closed by the conn. */
        void (*free)(struct transport *tr);
};

struct transport {
        const struct transport_ops *ops;
        struct transport *below; /* NULL for the socket itself */
};
