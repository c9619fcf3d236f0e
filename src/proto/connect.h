/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h: the options a client states with CONNECT.
 * Decoded as the reference does it: onto the current values, so absent and null fields keep them.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>

/* Strings are never NULL; all live in `storage`, owned by the struct and wiped when it goes. */
struct connect_options {
        bool verbose;      /* initially true */
        bool pedantic;     /* initially true */
        bool echo;         /* initially true */
        bool tls_required; /* informational */
        bool headers;
        bool no_responders;
        bool new_account; /* obsolete: refused by the owner, like account */
        int protocol;     /* 0 or 1 is valid; the owner refuses the rest */
        const char *name, *lang, *version;
        const char *user, *pass, *auth_token;
        const char *nkey, *jwt, *sig, *proxy_sig;
        const char *account;
        char *storage;
        size_t storage_bytes;
};

void connect_options_init(struct connect_options *opts);
void connect_options_fini(
        struct connect_options *opts); /* wipes the secrets; init again before use */

/* Overlay the fields of a CONNECT's JSON.
 * json  borrowed; its size is already bounded by max_control_line
 * Returns: 0, or ERR_INVALID (not JSON, a field of the wrong type, trailing bytes) with opts
 * unchanged */
MUST_CHECK int connect_options_parse(
        struct connect_options *opts, struct slice json, struct errbuf *eb);

/* Would it decode as any object, fields aside? What an INFO from a client must be. */
bool connect_json_is_object(struct slice json);

/* From here on the client goes by another name (copied). */
void connect_options_set_user(struct connect_options *opts, const char *name);

/* Wipe and empty pass, auth_token, sig and proxy_sig once authentication has used them. */
void connect_options_forget_secrets(struct connect_options *opts);
