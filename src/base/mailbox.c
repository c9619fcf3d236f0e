/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.c: writers build a stack; the reader takes it whole and turns it round. */
#include "base/mailbox.h"

struct mail *mailbox_take(struct mailbox *box)
{
        struct mail *newest = atomic_exchange(&box->head, NULL);
        struct mail *oldest = NULL;
        while (newest != NULL) {
                struct mail *next = newest->next;
                newest->next = oldest;
                oldest = newest;
                newest = next;
        }
        return oldest;
}
