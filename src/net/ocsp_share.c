/* SPDX-License-Identifier: Apache-2.0 */
/*   loop: ask ──► pool thread: each responder in turn, settle ──► control: answer ──► loops of all waiters
 * A waiter's list node is linked exactly while it can be recalled. */
#include "net/ocsp_share.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/fetch.h"
#include "net/fetch_pool.h"
#include "net/loop.h"
#include "tls/ocsp_peer.h"
#include <pthread.h>
#include <stdio.h>

struct ocsp_share {
        struct loop *control;
        struct fetch_pool *pool;
        pthread_mutex_t lock;
        struct list open; /* requests under way */
        int waiter_n;
};

struct request {
        struct fetch_job job;
        struct ocsp_share *share;
        struct ocsp_question *question;
        struct ocsp_answer *answer; /* once run() returned */
        struct list link;           /* in share->open: it can be joined */
        struct list waiters;
};

struct ocsp_share *ocsp_share_new(struct loop *control, struct fetch_pool *pool)
{
        struct ocsp_share *share = xnew(struct ocsp_share);
        share->control = control;
        share->pool = pool;
        pthread_mutex_init(&share->lock, NULL);
        list_init(&share->open);
        return share;
}

void ocsp_share_free(struct ocsp_share *share)
{
        if (share == NULL)
                return;
        pthread_mutex_destroy(&share->lock);
        xfree(share);
}

/* ---- on a thread of the pool ---------------------------------------------------------------- */

/* One responder. NULL: why is in eb. */
static struct ocsp_answer *fetch_from(const struct ocsp_question *question, const char *base,
        const _Atomic bool *stop, struct errbuf *eb)
{
        struct buf url = { 0 };
        struct fetch_answer got;
        struct ocsp_answer *answer = NULL;
        log_debug(NULL, "Trying OCSP responder url [%s]", base);
        ocsp_get_url(&url, slice_str(base), buf_slice(&question->request), true);
        char *text = buf_take_str(&url);
        const struct fetch_request request = { .url = text,
                .max_bytes = OCSP_RESPONSE_MAX_BYTES,
                .timeout_ns = (uint64_t)question->peer->policy.ca_timeout_ns };
        int rc = fetch(&request, stop, &got, eb);
        if (rc == 0 && got.status != 200)
                errbuf_set(eb, ERR_HTTP, "bad OCSP responder http status: [%d]", got.status);
        else if (rc == 0)
                answer = ocsp_answer_new(buf_slice(&got.body));
        buf_fini(&got.body);
        xfree(text);
        return answer;
}

/* All who waited gave up before its turn came; nobody joins any more. Else a responder that hangs would be
 * asked in vain for each of them, while others queue up behind. */
static bool is_forsaken(struct request *request)
{
        pthread_mutex_lock(&request->share->lock);
        bool forsaken = list_empty(&request->waiters);
        if (forsaken)
                list_remove(&request->link);
        pthread_mutex_unlock(&request->share->lock);
        return forsaken;
}

static void ask_responders(struct request *request)
{
        const struct ocsp_question *question = request->question;
        const _Atomic bool *stop = &request->job.stop;
        struct errbuf eb = { "" };
        char why[512];
        for (int i = 0; i < question->urls.n && request->answer == NULL && !atomic_load(stop); i++)
                request->answer = fetch_from(question, question->urls.at[i], stop, &eb);
        if (request->answer && !atomic_load(stop))
                ocsp_question_settle(question, request->answer);
        if (request->answer)
                return;
        snprintf(why, sizeof why, "exhausted OCSP responders: %.480s", eb.text);
        request->answer = ocsp_answer_failed(why);
}

static void run(struct fetch_job *job)
{
        struct request *request = CONTAINER_OF(job, struct request, job);
        if (is_forsaken(request))
                request->answer = ocsp_answer_unasked("nobody waits");
        else
                ask_responders(request);
}

/* ---- before and after -------------------------------------------------------------------- */

static void post(struct ocsp_waiter *waiter, struct ocsp_answer *answer)
{
        waiter->answer = ocsp_answer_ref(answer);
        loop_post(waiter->home, &waiter->done);
}

static void on_done(struct mail *mail)
{
        struct request *request = CONTAINER_OF(mail, struct request, job.done);
        struct ocsp_share *share = request->share;
        pthread_mutex_lock(&share->lock);
        if (list_linked(&request->link))
                list_remove(&request->link);
        while (!list_empty(&request->waiters)) {
                struct ocsp_waiter *waiter =
                        list_entry(request->waiters.next, struct ocsp_waiter, link);
                list_remove(&waiter->link);
                share->waiter_n--;
                post(waiter, request->answer);
        }
        pthread_mutex_unlock(&share->lock);
        ocsp_answer_unref(request->answer);
        ocsp_question_free(request->question);
        xfree(request);
}

static struct request *find_locked(struct ocsp_share *share, const struct ocsp_question *question)
{
        list_foreach (&share->open, it) {
                struct request *request = list_entry(it, struct request, link);
                if (ocsp_question_is_same(request->question, question))
                        return request;
        }
        return NULL;
}

/* Takes the question, unless NULL is returned: the pool is full. */
static struct request *open_locked(struct ocsp_share *share, struct ocsp_question *question)
{
        struct request *request = xnew(struct request);
        request->share = share;
        request->question = question;
        request->job.run = run;
        request->job.home = share->control;
        request->job.done.deliver = on_done;
        list_init(&request->waiters);
        if (fetch_pool_post(share->pool, &request->job) < 0) {
                xfree(request);
                return NULL;
        }
        list_push_back(&share->open, &request->link);
        return request;
}

/* The request that the waiter may join, or NULL: there are too many. Takes the question. */
static struct request *join_locked(struct ocsp_share *share, struct ocsp_question *question)
{
        struct request *request = NULL;
        bool room = share->waiter_n < OCSP_WAITERS_MAX;
        if (room)
                request = find_locked(share, question);
        if (room && request == NULL && (request = open_locked(share, question)))
                return request;
        ocsp_question_free(question);
        return request;
}

void ocsp_share_ask(
        struct ocsp_share *share, struct ocsp_question *question, struct ocsp_waiter *waiter)
{
        waiter->answer = NULL;
        pthread_mutex_lock(&share->lock);
        struct request *request = join_locked(share, question);
        if (request) {
                list_push_back(&request->waiters, &waiter->link);
                share->waiter_n++;
        }
        pthread_mutex_unlock(&share->lock);
        if (request)
                return;
        struct ocsp_answer *answer =
                ocsp_answer_unasked("too many handshakes wait for OCSP responders");
        post(waiter, answer);
        ocsp_answer_unref(answer);
}

bool ocsp_share_recall(struct ocsp_share *share, struct ocsp_waiter *waiter)
{
        pthread_mutex_lock(&share->lock);
        bool waits = list_linked(&waiter->link);
        if (waits) {
                list_remove(&waiter->link);
                share->waiter_n--;
        }
        pthread_mutex_unlock(&share->lock);
        return waits;
}
