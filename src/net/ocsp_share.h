/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp_share.h: one question to the responders of a certificate for all handshakes that wait for it.
 * Thousands of connections of one client, or of clients with one intermediate, cost one request. */
#pragma once
#include "base/list.h"
#include "base/mailbox.h"
#include <stdbool.h>

struct fetch_pool;
struct loop;
struct ocsp_answer;
struct ocsp_question;
struct ocsp_share;

enum { OCSP_WAITERS_MAX = 4096 }; /* handshakes at a time */

/* Who waits; embedded. done.deliver runs on `home`, once, unless the waiter is recalled; it owns a
 * reference to the answer. */
struct ocsp_waiter {
        struct mail done;
        struct loop *home;
        struct ocsp_answer *answer;
        struct list link; /* the share's */
};

/* control: where answers come in; outlives the pool, as the share must. */
struct ocsp_share *ocsp_share_new(struct loop *control, struct fetch_pool *pool);
/* After the pool ended, and the letters of the control loop were read. NULL is fine. */
void ocsp_share_free(struct ocsp_share *share);

/* Any thread; takes the question. The answer may say that too many are waiting. */
void ocsp_share_ask(
        struct ocsp_share *share, struct ocsp_question *question, struct ocsp_waiter *waiter);
/* The waiter's loop: it waits no more. False: its letter is on the way. The question goes on, and what
 * comes of it is kept for the next who asks. */
bool ocsp_share_recall(struct ocsp_share *share, struct ocsp_waiter *waiter);
