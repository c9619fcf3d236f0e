/* SPDX-License-Identifier: Apache-2.0 */
/* failure.h: from the TLS library's error queue to a verdict. */
#pragma once

struct tls_session;
struct tls_verdict;

/* Read and empty this thread's error queue after a failed call. ssl_error: SSL_get_error()'s
 * answer. */
void failure_explain(struct tls_session *session, int ssl_error);

/* The verdict for a fatal alert that the peer sent. */
void failure_explain_alert(struct tls_verdict *verdict, int alert);

/* The verdict behind the handshake (records.h): for the fatal alert that came, else for the one we send. */
void failure_explain_records(struct tls_session *session, int came, int sent);
