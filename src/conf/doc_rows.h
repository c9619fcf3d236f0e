/* SPDX-License-Identifier: Apache-2.0 */
/* doc_rows.h: what the tables of maps inside the file (tls_option.def, ocsp_option.def, auth_option.def) say to people, for
 * the options page and the manual page. */
#pragma once
#include <stddef.h>

struct doc_row {
        const char *name, *aliases; /* aliases: "a|b" */
        const char *preset;         /* "": none */
        const char *help;
};

struct doc_rows {
        const struct doc_row *rows;
        size_t n;
};

extern const struct doc_rows doc_tls, doc_ocsp, doc_authorization, doc_user, doc_permissions;
extern const struct doc_rows doc_ocsp_peer, doc_ocsp_cache;
