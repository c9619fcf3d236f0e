/* SPDX-License-Identifier: Apache-2.0 */
/* info.h: the INFO line. What is the same for all clients of a listener is rendered once into a
 * template; a connection adds its few fields. Thread: a template is immutable and counted; any
 * thread may render from it. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct info_template;

/* Strings are copied by info_template_new(). NULL or "" leaves an optional field out. */
struct server_info {
        const char *server_id;
        const char *server_name;
        const char *version;    /* level of nats-server that clients may rely on */
        const char *git_commit; /* optional */
        const char *go;
        const char *host;
        int port;
        bool headers;
        bool tls_required;
        bool tls_verify;
        bool tls_available;
        bool jetstream;
        const char *cluster; /* optional */
        const char *domain;  /* optional */
        const char *const *connect_urls;
        int connect_url_n;
        bool ldm;
        int api_level;
        const char *xkey;          /* optional */
        const char *midge_version; /* optional; the field `midge`, at the very end */
};

struct client_info {
        bool auth_required;
        bool tls_required; /* this connection did TLS before INFO; the listener may require less */
        int64_t max_payload; /* effective for this connection; -1: no limit */
        uint64_t client_id;
        const char *client_ip;      /* NULL or "": left out */
        const char *nonce;          /* first INFO only, when one is required */
        bool connect_info;          /* the INFO after the first PONG */
        const char *remote_account; /* with connect_info */
        bool account_is_system;     /* with connect_info */
};

struct info_template *info_template_new(const struct server_info *server);
struct info_template *info_template_ref(struct info_template *t);
void info_template_unref(struct info_template *t); /* NULL is fine */

/* Append "INFO {...} \r\n" (with the space, as the reference sends it). */
void info_render(const struct info_template *t, const struct client_info *client, struct buf *out);
