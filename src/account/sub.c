/* SPDX-License-Identifier: Apache-2.0 */
#include "account/sub.h"
#include "account/account.h"
#include "base/mem.h"
#include "subject/permit.h"

struct sub *sub_new(struct peer *peer, uint16_t shelf, struct slice subject, struct slice queue,
        struct slice sid)
{
        size_t text_len = subject.len + queue.len + sid.len;
        struct sub *sub = xmalloc(sizeof *sub + text_len);
        memset(sub, 0, sizeof *sub);
        sub->peer = peer;
        memcpy(sub->text, subject.ptr, subject.len);
        if (queue.len)
                memcpy(sub->text + subject.len, queue.ptr, queue.len);
        memcpy(sub->text + subject.len + queue.len, sid.ptr, sid.len);
        sub->sid_len = (uint16_t)sid.len;
        trie_link_init(&sub->link, sub->text, subject.len, queue.len, shelf);
        return sub;
}

bool sub_deny_asked(const struct sub *sub, const struct permit *deny, struct slice subject)
{
        return !permit_can_deliver(deny, subject, sub_queue(sub));
}

void sub_free(struct sub *sub)
{
        xfree(sub);
}

int subs_add(struct account *account, struct sub *sub)
{
        pthread_mutex_lock(&account->lock);
        int rc = trie_insert_locked(account->trie, &sub->link);
        pthread_mutex_unlock(&account->lock);
        if (rc < 0)
                sub->removed = true;
        return rc;
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

void subs_remove_all(struct account *account, struct sub **subs, size_t n)
{
        pthread_mutex_lock(&account->lock);
        for (size_t i = 0; i < n; i++)
                remove_locked(account, subs[i]);
        pthread_mutex_unlock(&account->lock);
}
