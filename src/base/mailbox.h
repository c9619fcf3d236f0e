/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.h: many writers, one reader; intrusive, lock-free, first in first out per writer.
 * Push and the emptiness test are sequentially consistent: a reader that announces "I sleep" and
 * then finds the box empty, and a writer that pushes and then looks for that announcement, cannot
 * miss each other. */
#pragma once
#include "base/macros.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mail;
typedef void (*mail_fn)(struct mail *mail);

/* Embedded in the letter; `deliver` runs on the reader's thread and owns the letter from then on.
 */
struct mail {
        struct mail *next;
        mail_fn deliver;
};

struct mailbox {
        struct mail *_Atomic head;
};

static inline void mailbox_init(struct mailbox *box)
{
        atomic_init(&box->head, NULL);
}

/* Any thread. True when the box was empty: the reader may need a wake-up. */
static inline bool mailbox_push(struct mailbox *box, struct mail *mail)
{
        struct mail *old = atomic_load_explicit(&box->head, memory_order_relaxed);
        do {
                mail->next = old;
        } while (!atomic_compare_exchange_weak_explicit(
                &box->head, &old, mail, memory_order_seq_cst, memory_order_relaxed));
        return old == NULL;
}

static inline bool mailbox_is_empty(struct mailbox *box)
{
        return atomic_load(&box->head) == NULL;
}

/* Reader only: take all letters, oldest first, linked by next. */
struct mail *mailbox_take(struct mailbox *box);
