/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: options to the people who may log in (client-protocol 5.1, steps 3 to 7). */
#include "account/registry.h"
#include "auth/auth_internal.h"
#include "auth/cert_map.h"
#include "base/arena.h"
#include "base/mem.h"
#include "subject/permit.h"
#include <stdlib.h>
#include <string.h>

static struct permit_list list_of(const struct subject_list *list)
{
        return (struct permit_list){ list->at, list->n };
}

static struct permit *compile(const struct perm_options *perms)
{
        const struct permit_rules rules = {
                .publish_allow = list_of(&perms->publish_allow),
                .publish_deny = list_of(&perms->publish_deny),
                .subscribe_allow = list_of(&perms->subscribe_allow),
                .subscribe_deny = list_of(&perms->subscribe_deny),
                .closed = perms->responses && perms->publish_allow.n == 0,
        };
        return permit_new(&rules);
}

/* Users who share their options (default_permissions) share what they compile to. */
struct last_permit {
        const struct perm_options *perms;
        struct permit *permit; /* borrowed from a user */
};

static void give_permissions(
        struct auth_user *user, const struct perm_options *perms, struct last_permit *last)
{
        if (perms == NULL)
                return;
        user->permit = perms == last->perms ? permit_ref(last->permit) : compile(perms);
        *last = (struct last_permit){ perms, user->permit };
        user->responses.allowed = perms->responses;
        user->responses.max = perms->response_max;
        user->responses.expires_ns = perms->response_expires_ns;
}

static struct auth_user *add(struct auth *auth, struct auth_user *to, enum auth_kind kind,
        const char *name, const char *secret, struct account *account)
{
        to->kind = kind;
        to->name = arena_str(auth->arena, slice_str(name));
        to->secret = arena_str(auth->arena, slice_str(secret));
        to->account = account;
        return to;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct auth_user *)a)->name, ((const struct auth_user *)b)->name);
}

static struct auth_user *add_list(struct auth *auth, enum auth_kind kind,
        const struct user_options *opts, int n, struct account *account)
{
        struct last_permit last = { 0 };
        struct auth_user *users = xcalloc((size_t)n + 1, sizeof *users);
        for (int i = 0; i < n; i++) {
                struct auth_user *user =
                        add(auth, &users[i], kind, opts[i].name, opts[i].password, account);
                give_permissions(user, opts[i].permissions, &last);
                user->connection_types = opts[i].connection_types;
                user->proxy_required = opts[i].proxy_required;
                if (kind == AUTH_BY_NKEY)
                        (void)!nkey_decode(NKEY_USER, slice_str(user->name), user->key);
        }
        qsort(users, (size_t)n, sizeof *users, by_name);
        return users;
}

static void add_single(struct auth *auth, const struct auth_options *opts, struct account *account)
{
        struct auth_user *user = xnew(struct auth_user);
        user->proxy_required = opts->proxy_required;
        if (opts->token[0]) {
                auth->token = add(auth, user, AUTH_BY_TOKEN, "", opts->token, account);
        } else {
                auth->users =
                        add(auth, user, AUTH_BY_PASSWORD, opts->user, opts->password, account);
                auth->user_n = 1;
        }
}

struct auth *auth_new(const struct auth_options *opts, struct registry *registry)
{
        struct auth *auth = xnew(struct auth);
        struct account *global = registry_global(registry);
        atomic_init(&auth->refs, 1);
        auth->arena = arena_new();
        auth->tls_map = opts->tls_map;
        auth->listed = opts->user_n > 0 || opts->nkey_n > 0;
        if (auth->listed) {
                auth->user_n = opts->user_n;
                auth->nkey_n = opts->nkey_n;
                auth->users = add_list(auth, AUTH_BY_PASSWORD, opts->users, opts->user_n, global);
                auth->nkeys = add_list(auth, AUTH_BY_NKEY, opts->nkeys, opts->nkey_n, global);
                if (auth->tls_map && auth->user_n > 0)
                        auth->certs = cert_map_new(auth->users, auth->user_n);
                auth->no_auth = auth_find_nkey(auth, opts->no_auth_user);
                if (auth->no_auth == NULL)
                        auth->no_auth = auth_find_user(auth, opts->no_auth_user);
        } else if (auth_options_required(opts)) {
                add_single(auth, opts, global);
        }
        return auth;
}

struct auth *auth_ref(struct auth *auth)
{
        atomic_fetch_add_explicit(&auth->refs, 1, memory_order_relaxed);
        return auth;
}

static void free_list(struct auth_user *users, int n)
{
        for (int i = 0; i < n; i++)
                permit_unref(users[i].permit);
        xfree(users);
}

void auth_unref(struct auth *auth)
{
        if (auth == NULL || atomic_fetch_sub_explicit(&auth->refs, 1, memory_order_acq_rel) != 1)
                return;
        cert_map_free(auth->certs);
        free_list(auth->users, auth->user_n);
        free_list(auth->nkeys, auth->nkey_n);
        xfree(auth->token);
        arena_free(auth->arena);
        xfree(auth);
}

static const struct auth_user *find(const struct auth_user *users, int n, const char *name)
{
        const struct auth_user wanted = { .name = name };
        return n > 0 ? bsearch(&wanted, users, (size_t)n, sizeof *users, by_name) : NULL;
}

const struct auth_user *auth_find_user(const struct auth *auth, const char *name)
{
        return find(auth->users, auth->user_n, name);
}

const struct auth_user *auth_find_nkey(const struct auth *auth, const char *name)
{
        return find(auth->nkeys, auth->nkey_n, name);
}

bool auth_is_required(const struct auth *auth)
{
        return auth->user_n > 0 || auth->nkey_n > 0 || auth->token;
}

bool auth_wants_nonce(const struct auth *auth)
{
        return auth->nkey_n > 0;
}

const struct auth_user *auth_no_auth_user(const struct auth *auth)
{
        return auth->no_auth;
}

bool auth_may_know(const struct auth *auth, const char *user, const char *nkey)
{
        if (!auth->listed)
                return true;
        if (nkey[0])
                return auth_find_nkey(auth, nkey) != NULL;
        return !user[0] || auth_find_user(auth, user) != NULL;
}
