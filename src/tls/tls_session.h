/* SPDX-License-Identifier: Apache-2.0 */
/* tls_session.h: one TLS connection without a socket: bytes in, bytes out.
 *
 * Ciphertext comes from the caller's slice, which shrinks from the front by what was consumed; the
 * rest stays the caller's and is presented again, longer, next time. Produced records are appended
 * to the caller's buffer, so that many of them leave by one system call. Thread:  whoever holds the
 * session calls it, one thread at a time; it may move between threads (handshake steps on a crypto
 * thread, reads and writes on the loop) when moving synchronises. Bounds:  handshake messages 64
 * KiB (certificates 256 KiB), the whole handshake's input 512 KiB. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ocsp_check;
struct tls_ctx;
struct tls_session;
struct tls_verdict;

enum tls_step {
        TLS_DONE, /* the handshake is complete; what is left of `in` is the first application data
                   */
        TLS_WANT_CHECK, /* complete, but the peer's certificates must be checked (ocsp_peer.h) before it counts:
                           tls_session_check(), then tls_session_pass() or tls_session_refuse() */
        TLS_WANT_READ, /* send what is in out; call again with more input */
        TLS_FAILED, /* send what is in out (the alert), then close; tls_session_verdict() says why
                     */
};

/* ctx is referenced. server_name NULL: the server side. Else the client side: the name or IP
 * literal to verify the server's certificate against, sent as SNI when it is a name. Never NULL. */
struct tls_session *tls_session_new(struct tls_ctx *ctx, const char *server_name);
void tls_session_free(struct tls_session *session); /* NULL is fine; sends nothing */

/* Public-key work unless tls_session_is_light(): not on a loop. The client side is called first with an
 * empty slice. */
enum tls_step tls_session_handshake(struct tls_session *session, struct slice *in, struct buf *out);

/* After TLS_WANT_CHECK: the check to make; the caller frees it. Its end is one of the two others. */
struct ocsp_check *tls_session_check(struct tls_session *session);
/* TLS_DONE; what was held back for the peer is appended to out. */
enum tls_step tls_session_pass(struct tls_session *session, struct buf *out);
/* TLS_FAILED; verdict becomes the session's, its alert is appended to out. */
enum tls_step tls_session_refuse(
        struct tls_session *session, const struct tls_verdict *verdict, struct buf *out);

/* What is left of the handshake cannot hold a public-key operation, whatever the peer sends: TLS 1.3,
 * server role, our Finished is out and no certificate was asked for. */
bool tls_session_is_light(const struct tls_session *session);

/* After TLS_DONE: is the peer's key one of ctx's pins (a newer context than the session's own)? If not,
 * `key` is that key as pins name it; "" for a peer without certificate. */
bool tls_session_is_pinned(
        const struct tls_session *session, const struct tls_ctx *ctx, char key[65]);

/* Decrypt into dst. Only after TLS_DONE.
 * Returns: 0 < n bytes stored, at most one record's; ERR_AGAIN (in is used up); ERR_EOF
 * (close_notify came); ERR_TLS (broken; tls_session_verdict() says why, the alert leaves by the
 * next tls_session_shutdown()) */
ssize_t tls_session_read(struct tls_session *session, struct slice *in, char *dst, size_t cap);

/* Encrypt all of plain into out, in records of 16 KiB and a rest. Only after TLS_DONE.
 * Returns: 0, ERR_NOMEM (out reached its limit), ERR_TLS; after an error the session cannot go on.
 */
int tls_session_write(struct tls_session *session, struct slice plain, struct buf *out);
int tls_session_writev(
        struct tls_session *session, const struct iovec *iov, int iov_n, struct buf *out);

/* Append close_notify, once; nothing on a handshake that is not complete. Reading may go on. */
void tls_session_shutdown(struct tls_session *session, struct buf *out);

/* Decrypted bytes that tls_session_read() has without further input. */
size_t tls_session_pending(const struct tls_session *session);

/* Why the handshake or a read failed; NULL while nothing has. Lives as long as the session. */
const struct tls_verdict *tls_session_verdict(const struct tls_session *session);

/* Add what the session knows to a verdict that came from outside: the host name asked for. */
void tls_session_complete(const struct tls_session *session, struct tls_verdict *verdict);

/* After TLS_DONE; static texts: "1.3", Go's cipher suite name. */
bool tls_session_resumed(const struct tls_session *session);
const char *tls_session_version(const struct tls_session *session);
const char *tls_session_cipher(const struct tls_session *session);
