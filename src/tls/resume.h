/* SPDX-License-Identifier: Apache-2.0 */
/* resume.h: the client side's memory of the newest ticket a server gave, for the next connections to
 * it. One server for each context: whoever dials several must not resume. Any thread. */
#pragma once
#include <openssl/ssl.h>

struct resume;

struct resume *resume_new(void);
void resume_free(struct resume *resume); /* NULL is fine */

/* Remember a ticket; takes the session. */
void resume_keep(struct resume *resume, SSL_SESSION *session);
/* Let a connection that has not begun offer it, if there is one. */
void resume_offer(struct resume *resume, SSL *ssl);
