/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h: what peers need of the options, compiled once per start or reload. Immutable and counted;
 * each loop holds one reference (roster), so a reload is a mail to every loop and never a lock. */
#pragma once
#include "conf/options.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct auth;
struct crypto_pool;
struct info_template;
struct loop;
struct peer_server;
struct rate_counter;
struct tls_ctx;

struct settings {
        _Atomic unsigned refs;
        struct limit_options limits;
        struct timing_options timing;
        bool trace, trace_headers;
        int max_traced_msg_len;
        bool no_fast_producer_stall;
        bool headers;               /* the server supports headers */
        struct info_template *info; /* INFO for clients; owned */
        struct tls_ctx *tls;        /* NULL: no TLS on the client port; owned */
        uint64_t tls_timeout_ns;
        bool tls_first;
        uint64_t tls_first_fallback_ns;
        struct auth *
                auth; /* who may log in (auth/, beside this folder: opaque here); owned; NULL: everybody */
        void (*auth_unref)(struct auth *auth);
        bool allow_non_tls; /* clients may begin without TLS as well */
        struct rate_counter
                *tls_rate;          /* handshakes a second, NULL: no limit; borrowed like crypto */
        struct crypto_pool *crypto; /* borrowed: outlives every loop */
};

/* ctx and info become the settings' own. */
struct settings *settings_new(const struct options *opts, struct info_template *info,
        struct tls_ctx *ctx, struct crypto_pool *crypto, struct rate_counter *tls_rate);
/* Before anybody else has them: who may log in, and how to let go of it. */
void settings_set_auth(
        struct settings *settings, struct auth *auth, void (*auth_unref)(struct auth *auth));
struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings);
