/* SPDX-License-Identifier: Apache-2.0 */
/* conn_internal.h: between conn.c (plain life) and conn_tls.c (the handshake). */
#pragma once
#include "net/conn.h"

void conn_watch(struct conn *conn);         /* tell libuv what the state wants */
void conn_input_waiting(struct conn *conn); /* present input that the layers already hold */

void conn_handshake_readable(struct conn *conn);
void conn_handshake_writable(struct conn *conn);
void conn_handshake_timeout(struct conn *conn);
/* When nothing but an answer from outside is awaited: await it no more; the job counts as back. */
void conn_handshake_recall(struct conn *conn);
void conn_handshake_free(struct conn *conn);
