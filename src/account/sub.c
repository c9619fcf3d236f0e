/* SPDX-License-Identifier: Apache-2.0 */
#include "account/sub.h"
#include "account/account.h"
#include "base/slab.h"
#include "base/thread.h"

enum { AHEAD = 8 };

struct sub *sub_new(struct slab *slab, struct peer *peer, uint16_t shelf, struct slice subject,
        struct slice queue, struct slice sid)
{
        _Static_assert(
                offsetof(struct sub, text) + TRIE_SUBJECT_MAX + TRIE_QUEUE_MAX + SUB_SID_MAX <=
                        SLAB_OBJECT_MAX_BYTES,
                "the longest one fits");
        size_t text_len = subject.len + queue.len + sid.len;
        struct sub *sub = slab_take(slab, offsetof(struct sub, text) + text_len);
        if (UNLIKELY(sub == NULL))
                return NULL;
        sub->peer = peer;
        atomic_init(&sub->filtered, false);
        sub->removed = false;
        memcpy(sub->text, subject.ptr, subject.len);
        if (queue.len)
                memcpy(sub->text + subject.len, queue.ptr, queue.len);
        memcpy(sub->text + subject.len + queue.len, sid.ptr, sid.len);
        sub->sid_len = (uint16_t)sid.len;
        trie_link_init(&sub->link, sub->text, subject.len, queue.len, shelf);
        return sub;
}

void sub_free(struct sub *sub)
{
        slab_give(sub);
}

void subs_batch_add(struct subs_batch *batch, struct account *account, struct sub *sub,
        const struct trie_aim *aim)
{
        if (batch->account != account)
                subs_batch_flush(batch);
        batch->account = account;
        batch->entry[batch->n].sub = sub;
        batch->entry[batch->n].aim = *aim;
        if (++batch->n == SUBS_BATCH_MAX)
                subs_batch_flush(batch);
}

void subs_batch_flush(struct subs_batch *batch)
{
        if (batch->n == 0)
                return;
        struct trie *trie = batch->account->trie;
        pthread_mutex_lock(&batch->account->lock);
        for (unsigned i = 0; i < batch->n; i++)
                trie_aim_further_rcu(trie, sub_subject(batch->entry[i].sub), &batch->entry[i].aim);
        for (unsigned i = 0; i < batch->n; i++)
                trie_insert_at_locked(trie, &batch->entry[i].sub->link, &batch->entry[i].aim);
        pthread_mutex_unlock(&batch->account->lock);
        batch->n = 0;
}

static void remove_locked(struct account *account, struct sub *sub)
{
        if (sub->removed)
                return;
        sub->removed = true;
        trie_remove_locked(account->trie, &sub->link);
}

void subs_remove(struct account *account, struct sub *sub)
{
        if (sub->removed)
                return;
        pthread_mutex_lock(&account->lock);
        remove_locked(account, sub);
        pthread_mutex_unlock(&account->lock);
}

/* Those that come next are on their way into the caches, and then their places in the trie. */
static void look_ahead(const struct account *account, struct sub **subs, size_t i, size_t n)
{
        struct trie_aim aim;
        if (i + 2 * AHEAD < n)
                __builtin_prefetch(subs[i + 2 * AHEAD], 1);
        if (i + AHEAD < n)
                ASSERT(trie_aim_rcu(account->trie, sub_subject(subs[i + AHEAD]), &aim) == 0);
}

void subs_remove_all(struct account *account, struct sub **subs, size_t n)
{
        pthread_mutex_lock(&account->lock);
        for (size_t i = 0; i < n; i++) {
                look_ahead(account, subs, i, n);
                remove_locked(account, subs[i]);
        }
        pthread_mutex_unlock(&account->lock);
}
