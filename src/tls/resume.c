/* SPDX-License-Identifier: Apache-2.0 */
/* A connection offers a copy: the library spoils the session that it resumed from, because TLS 1.3
 * wants a ticket used once, but several connections may begin before the next ticket comes. */
#include "tls/resume.h"
#include "base/mem.h"
#include <openssl/err.h>
#include <pthread.h>

struct resume {
        pthread_mutex_t lock;
        SSL_SESSION *newest; /* never offered itself; NULL: none came yet */
};

struct resume *resume_new(void)
{
        struct resume *resume = xnew(struct resume);
        pthread_mutex_init(&resume->lock, NULL);
        return resume;
}

void resume_free(struct resume *resume)
{
        if (resume == NULL)
                return;
        SSL_SESSION_free(resume->newest);
        pthread_mutex_destroy(&resume->lock);
        xfree(resume);
}

void resume_keep(struct resume *resume, SSL_SESSION *session)
{
        pthread_mutex_lock(&resume->lock);
        SSL_SESSION *old = resume->newest;
        resume->newest = session;
        pthread_mutex_unlock(&resume->lock);
        SSL_SESSION_free(old);
}

void resume_offer(struct resume *resume, SSL *ssl)
{
        pthread_mutex_lock(&resume->lock);
        SSL_SESSION *copy = resume->newest ? SSL_SESSION_dup(resume->newest) : NULL;
        pthread_mutex_unlock(&resume->lock);
        if (copy == NULL || !SSL_set_session(ssl, copy))
                ERR_clear_error(); /* a full handshake then */
        SSL_SESSION_free(copy);
}
