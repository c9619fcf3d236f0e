/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that run out: told at the start, after every change, then once a day, and when it happens. */
#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "server/server_internal.h"
#include "tls/facts.h"
#include "tls/tls_ctx.h"

#define DAY_S (24 * 3600)

enum { EXPIRY_WARN_DAYS = 14 };

/* One certificate, in words that begin so. */
static void tell(
        const struct tls_cert_facts *cert, int64_t now_s, const char *what, const char *effect)
{
        char date[40];
        int64_t left_s = cert->not_after_s - now_s;
        clock_rfc3339((uint64_t)(cert->not_after_s > 0 ? cert->not_after_s : 0) * NS_PER_SEC, date,
                sizeof date);
        if (left_s <= 0)
                log_warn(NULL, "%s %s expired on %s: %s", what, cert->subject, date, effect);
        else if (left_s < EXPIRY_WARN_DAYS * DAY_S)
                log_warn(NULL, "%s %s expires on %s, in %lld days", what, cert->subject, date,
                        (long long)(left_s / DAY_S));
}

/* Seconds to the next of these that runs out, if that is sooner than max. */
static int64_t next_of(const struct tls_cert_facts *certs, int n, int64_t now_s, int64_t max)
{
        for (int i = 0; i < n; i++) {
                int64_t left_s = certs[i].not_after_s - now_s;
                if (left_s > 0 && left_s + 1 < max)
                        max = left_s + 1;
        }
        return max;
}

static void on_timer(struct timer *timer)
{
        expiry_check(CONTAINER_OF(timer, struct server, expiry_timer));
}

void expiry_check(struct server *server)
{
        int64_t now_s = (int64_t)(clock_wall_ns() / NS_PER_SEC), next_s = DAY_S;
        loop_timer_stop(server->control, &server->expiry_timer);
        if (server->tls == NULL)
                return;
        struct tls_facts *facts = tls_ctx_facts(server->tls);
        for (int i = 0; i < facts->cert_n; i++)
                tell(&facts->certs[i], now_s, "TLS certificate",
                        "clients that verify it will fail to connect");
        for (int i = 0; i < facts->authority_n; i++)
                tell(&facts->authorities[i], now_s, "Authority of ca_file",
                        "certificates that it issued are refused");
        next_s = next_of(facts->certs, facts->cert_n, now_s, next_s);
        next_s = next_of(facts->authorities, facts->authority_n, now_s, next_s);
        tls_facts_free(facts);
        server->expiry_timer.fn = on_timer;
        loop_timer_start(server->control, &server->expiry_timer, (uint64_t)next_s * NS_PER_SEC);
}
