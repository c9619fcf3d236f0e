/* SPDX-License-Identifier: Apache-2.0 */
#include "account/registry.h"
#include "account/account.h"
#include "base/mem.h"

struct registry {
        struct account **accounts;
        unsigned n;
};

static void add(struct registry *registry, const char *name)
{
        registry->accounts =
                xrealloc(registry->accounts, (registry->n + 1) * sizeof registry->accounts[0]);
        registry->accounts[registry->n] = account_new(name, registry->n);
        registry->n++;
}

struct registry *registry_new(void)
{
        struct registry *registry = xnew(struct registry);
        add(registry, "$G");
        return registry;
}

void registry_free(struct registry *registry)
{
        if (registry == NULL)
                return;
        for (unsigned i = 0; i < registry->n; i++)
                account_free(registry->accounts[i]);
        xfree(registry->accounts);
        xfree(registry);
}

struct account *registry_global(const struct registry *registry)
{
        return registry->accounts[0];
}

struct account *registry_find(const struct registry *registry, struct slice name)
{
        for (unsigned i = 0; i < registry->n; i++)
                if (slice_eq_str(name, registry->accounts[i]->name))
                        return registry->accounts[i];
        return NULL;
}

unsigned registry_count(const struct registry *registry)
{
        return registry->n;
}

struct account *registry_at(const struct registry *registry, unsigned index)
{
        return index < registry->n ? registry->accounts[index] : NULL;
}
