/* SPDX-License-Identifier: Apache-2.0 */
#include "account/account.h"
#include "base/mem.h"

struct account *account_new(const char *name, unsigned index)
{
        struct account *account = xnew(struct account);
        account->name = xstrdup(name);
        account->index = index;
        account->trie = trie_new();
        pthread_mutex_init(&account->lock, NULL);
        return account;
}

void account_free(struct account *account)
{
        if (account == NULL)
                return;
        trie_free(account->trie);
        pthread_mutex_destroy(&account->lock);
        xfree((char *)account->name);
        xfree(account);
}
