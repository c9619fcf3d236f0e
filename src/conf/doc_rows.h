/* SPDX-License-Identifier: Apache-2.0 */
/* doc_rows.h: what the tables of maps inside the file (tls_option.def, ocsp_option.def, ocsp_peer_option.def,
 * auth_option.def) say to people, for the options page and the manual page. */
#pragma once
#include <stddef.h>

struct doc_row {
        const char *name, *aliases; /* aliases: "a|b" */
        const char *preset;         /* "": none */
        const char *help;
};

struct doc_rows {
        const char *title; /* option names between backticks */
        const struct doc_row *rows;
        size_t n;
};

enum doc_map {
        DOC_TLS,
        DOC_OCSP,
        DOC_OCSP_PEER,
        DOC_OCSP_CACHE,
        DOC_AUTHORIZATION,
        DOC_USER,
        DOC_PERMISSIONS,
        DOC_MAP_COUNT
};

/* In the order of the pages. */
extern const struct doc_rows doc_maps[DOC_MAP_COUNT];
