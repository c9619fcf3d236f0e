/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/settings.h"
#include "base/mem.h"
#include "proto/info.h"
#include "tls/tls_ctx.h"

/* The reference lets a negative time fire at once, for ever; here it fires a thousand times a second. */
static int64_t at_least_a_ms(int64_t ns)
{
        return ns < (int64_t)NS_PER_MS ? (int64_t)NS_PER_MS : ns;
}

struct settings *settings_new(const struct options *opts, struct info_template *info,
        struct tls_ctx *ctx, struct crypto_pool *crypto, struct rate_counter *tls_rate)
{
        struct settings *settings = xnew(struct settings);
        atomic_init(&settings->refs, 1);
        settings->limits = opts->limits;
        settings->timing = opts->timing;
        settings->timing.ping_interval_ns = at_least_a_ms(opts->timing.ping_interval_ns);
        settings->timing.write_deadline_ns = at_least_a_ms(opts->timing.write_deadline_ns);
        settings->timing.auth_timeout_ns = at_least_a_ms(opts->timing.auth_timeout_ns);
        settings->trace = opts->log.trace;
        settings->trace_headers = opts->log.trace_headers;
        settings->max_traced_msg_len = opts->log.max_traced_msg_len;
        settings->no_fast_producer_stall = opts->no_fast_producer_stall;
        settings->headers = !opts->no_header_support;
        settings->info = info;
        settings->tls = ctx;
        settings->tls_timeout_ns = (uint64_t)at_least_a_ms(opts->tls.timeout_ns);
        settings->tls_first = opts->tls.handshake_first;
        settings->tls_first_fallback_ns = (uint64_t)opts->tls.first_fallback_ns; /* 0: none */
        settings->allow_non_tls = opts->allow_non_tls;
        settings->tls_rate = tls_rate;
        settings->crypto = crypto;
        return settings;
}

void settings_set_auth(
        struct settings *settings, struct auth *auth, void (*auth_unref)(struct auth *auth))
{
        settings->auth = auth;
        settings->auth_unref = auth_unref;
}

struct settings *settings_ref(struct settings *settings)
{
        atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
        return settings;
}

void settings_unref(struct settings *settings)
{
        if (settings == NULL ||
                atomic_fetch_sub_explicit(&settings->refs, 1, memory_order_acq_rel) != 1)
                return;
        info_template_unref(settings->info);
        if (settings->auth)
                settings->auth_unref(settings->auth);
        if (settings->tls)
                tls_ctx_unref(settings->tls);
        xfree(settings);
}
