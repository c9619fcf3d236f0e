/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/doc_rows.h"
#include "base/macros.h"

static const struct doc_row tls_rows[] = {
#define TLS_OPTION(name, aliases, setter, preset, help) { name, aliases, preset, help },
#include "conf/tls_option.def"
#undef TLS_OPTION
};

static const struct doc_row ocsp_rows[] = {
#define OCSP_OPTION(name, setter, preset, help) { name, "", preset, help },
#include "conf/ocsp_option.def"
#undef OCSP_OPTION
};

static const struct doc_row authorization_rows[] = {
#define AUTH_OPTION(name, aliases, setter, help) { name, aliases, "", help },
#include "conf/auth_option.def"
};

static const struct doc_row user_rows[] = {
#define USER_OPTION(name, aliases, setter, help) { name, aliases, "", help },
#include "conf/auth_option.def"
};

static const struct doc_row permission_rows[] = {
#define PERM_OPTION(name, aliases, setter, help) { name, aliases, "", help },
#include "conf/auth_option.def"
};

static const struct doc_row peer_rows[] = {
#define PEER_OPTION(name, setter, preset, help) { name, "", preset, help },
#include "conf/ocsp_peer_option.def"
};

static const struct doc_row cache_rows[] = {
#define CACHE_OPTION(name, setter, preset, help) { name, "", preset, help },
#include "conf/ocsp_peer_option.def"
};

const struct doc_rows doc_maps[DOC_MAP_COUNT] = {
        [DOC_TLS] = { "The `tls` map", tls_rows, ARRAY_N(tls_rows) },
        [DOC_OCSP] = { "The `ocsp` map", ocsp_rows, ARRAY_N(ocsp_rows) },
        [DOC_OCSP_PEER] = { "The `ocsp_peer` map", peer_rows, ARRAY_N(peer_rows) },
        [DOC_OCSP_CACHE] = { "The `ocsp_cache` map", cache_rows, ARRAY_N(cache_rows) },
        [DOC_AUTHORIZATION] = { "The `authorization` map", authorization_rows,
                ARRAY_N(authorization_rows) },
        [DOC_USER] = { "A user of `users`", user_rows, ARRAY_N(user_rows) },
        [DOC_PERMISSIONS] = { "Permissions", permission_rows, ARRAY_N(permission_rows) },
};
