/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h: the accounts of this server by name. Built and changed on the control thread; the global
 * account is there from the start, so loops never look anything up for an unauthenticated peer. */
#pragma once
#include "base/slice.h"

struct account;
struct registry;

struct registry *registry_new(void);
void registry_free(struct registry *registry);
struct account *registry_global(const struct registry *registry); /* "$G" */
struct account *registry_find(
        const struct registry *registry, struct slice name); /* NULL: unknown */
unsigned registry_count(const struct registry *registry);
struct account *registry_at(const struct registry *registry, unsigned index);
