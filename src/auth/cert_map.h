/* SPDX-License-Identifier: Apache-2.0 */
/* cert_map.h: which of the configured users does a certificate name (tls.md 6)? A pure function of the
 * names in both: no session, no clock. Any thread. */
#pragma once
#include "cred/dn.h"
#include <stdbool.h>

struct auth_user;
struct buf;
struct cert_names;

/* User names that can be read as DNs, read once; they borrow the users. */
struct cert_map;
struct cert_map *cert_map_new(const struct auth_user *users, int user_n);
void cert_map_free(struct cert_map *map); /* NULL is fine */

/* The first user whom an e-mail address, DNS name or URI of the certificate names, then whom its subject
 * does: by its structure in order, in any order, as text with DCs, as text. Users who may not use this
 * type of connection (enum connection_type) are not seen. NULL: nobody. notes: a line for the debug log
 * about each decision, joined by '\n'. */
const struct auth_user *cert_map_find(const struct cert_map *map, const struct cert_names *names,
        unsigned type, struct buf *notes);
