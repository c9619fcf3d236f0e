/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/cert_map.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/cert_names.h"
#include <stdlib.h>
#include <string.h>

struct named_dn {
        struct dn dn;
        const struct auth_user *user;
};

struct cert_map {
        const struct auth_user *users; /* sorted by name */
        int user_n;
        struct named_dn *dns; /* in the order of the users */
        int dn_n;
};

struct cert_map *cert_map_new(const struct auth_user *users, int user_n)
{
        struct cert_map *map = xnew(struct cert_map);
        map->users = users;
        map->user_n = user_n;
        map->dns = xcalloc((size_t)user_n + 1, sizeof *map->dns);
        for (int i = 0; i < user_n; i++) {
                struct dn dn;
                if (dn_parse(slice_str(users[i].name), &dn, NULL) < 0)
                        continue;
                if (dn.rdn_n > 0) /* "CN=" must not stand for whoever has no subject */
                        map->dns[map->dn_n++] = (struct named_dn){ dn, &users[i] };
                else
                        dn_fini(&dn);
        }
        return map;
}

void cert_map_free(struct cert_map *map)
{
        if (map == NULL)
                return;
        for (int i = 0; i < map->dn_n; i++)
                dn_fini(&map->dns[i].dn);
        xfree(map->dns);
        xfree(map);
}

/* ---- looking ----------------------------------------------------------------------------- */

static bool may_use(const struct auth_user *user, unsigned type)
{
        return user->connection_types == 0 || user->connection_types & 1u << type;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct auth_user *)a)->name, ((const struct auth_user *)b)->name);
}

static const struct auth_user *by_text(const struct cert_map *map, const char *name, unsigned type)
{
        const struct auth_user wanted = { .name = name };
        const struct auth_user *user =
                map->user_n > 0
                        ? bsearch(&wanted, map->users, (size_t)map->user_n, sizeof wanted, by_name)
                        : NULL;
        return user && may_use(user, type) ? user : NULL;
}

static void note(struct buf *notes, const char *before, const char *name, const char *behind)
{
        buf_printf(notes, "%s%s", notes->len > 0 ? "\n" : "", before);
        text_quote(notes, slice_str(name));
        buf_append_str(notes, behind);
}

static const struct auth_user *by_list(const struct cert_map *map, const struct name_list *list,
        unsigned type, const char *what, struct buf *notes)
{
        for (int i = 0; i < list->n; i++) {
                const struct auth_user *user = by_text(map, list->at[i], type);
                if (user == NULL)
                        continue;
                note(notes, what, user->name, "]");
                return user;
        }
        return NULL;
}

static const struct auth_user *by_structure(
        const struct cert_map *map, const struct dn *subject, unsigned type)
{
        for (int i = 0; i < map->dn_n; i++)
                if (may_use(map->dns[i].user, type) && dn_equal(&map->dns[i].dn, subject))
                        return map->dns[i].user;
        for (int i = 0; i < map->dn_n; i++)
                if (may_use(map->dns[i].user, type) && dn_equal_reordered(&map->dns[i].dn, subject))
                        return map->dns[i].user;
        return NULL;
}

static const struct auth_user *by_subject(const struct cert_map *map,
        const struct cert_names *names, unsigned type, struct buf *notes)
{
        const struct auth_user *user;
        if (names->structural) {
                user = by_structure(map, &names->subject, type);
                if (user) {
                        note(notes, "Using DistinguishedNameMatch for auth [", user->name, "]");
                        return user;
                }
                note(notes, "DistinguishedNameMatch could not be used for auth [", names->flat,
                        "]");
        }
        if (names->flat_dcs) {
                user = by_text(map, names->flat_dcs, type);
                if (user) {
                        note(notes, "Using RDNSequence for auth [", user->name, "]");
                        return user;
                }
                note(notes, "RDNSequence could not be used for auth [", names->flat_dcs, "]");
        }
        user = by_text(map, names->flat, type);
        if (user)
                note(notes, "Using certificate subject for auth [", user->name, "]");
        else
                note(notes, "User in cert [", names->flat, "], not found");
        return user;
}

const struct auth_user *cert_map_find(const struct cert_map *map, const struct cert_names *names,
        unsigned type, struct buf *notes)
{
        if (names->chain)
                buf_append_str(notes, "Multiple peer certificates found, selecting first");
        if (names->emails.n + names->dns.n + names->uris.n == 0 && !names->has_subject) {
                buf_printf(notes, "%sUser required in cert, none found", names->chain ? "\n" : "");
                return NULL;
        }
        const struct auth_user *user =
                by_list(map, &names->emails, type, "Using email found in cert for auth [", notes);
        if (user == NULL)
                user = by_list(map, &names->dns, type, "Using SAN found in cert for auth [", notes);
        if (user == NULL)
                user = by_list(
                        map, &names->uris, type, "Using URI found in cert for auth [", notes);
        return user ? user : by_subject(map, names, type, notes);
}
