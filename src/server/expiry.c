/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that run out: told at the start, after every change, then once a day, and when it happens.
 * Their dates are those of the wall clock, which stands still for no timer: it is looked at every few
 * seconds, and when somebody has set it, all is told again. */
#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "server/server_internal.h"
#include "server/stapler.h"
#include "tls/facts.h"
#include "tls/tls_ctx.h"

#define DAY_S (24 * 3600)
#define LOOK_NS (5 * NS_PER_SEC)
#define SET_NS ((int64_t)NS_PER_SEC) /* a step of a second is no matter of precision */

enum { EXPIRY_WARN_DAYS = 14 };

/* One certificate, in words that begin so. */
static void tell(
        const struct tls_cert_facts *cert, int64_t now_s, const char *what, const char *effect)
{
        char date[40];
        int64_t left_s = cert->not_after_s - now_s;
        bool early = cert->not_before_s > now_s;
        int64_t date_s = early ? cert->not_before_s : cert->not_after_s;
        clock_rfc3339((uint64_t)(date_s > 0 ? date_s : 0) * NS_PER_SEC, date, sizeof date);
        if (early)
                log_warn(NULL, "%s %s is not valid before %s: %s", what, cert->subject, date,
                        effect);
        else if (left_s <= 0)
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

/* By how much the clock was set since the last look. */
static int64_t clock_step_ns(struct expiry *expiry, uint64_t wall_ns)
{
        uint64_t mono_ns = clock_mono_ns();
        int64_t offset = (int64_t)(wall_ns - mono_ns), step = offset - expiry->offset_ns;
        expiry->offset_ns = offset;
        return step;
}

static void on_timer(struct timer *timer)
{
        struct server *server = CONTAINER_OF(timer, struct server, expiry.timer);
        uint64_t wall_ns = clock_wall_ns();
        int64_t step = clock_step_ns(&server->expiry, wall_ns);
        char text[40];
        if (step > SET_NS || step < -SET_NS) {
                int64_t seconds = ((step > 0 ? step : -step) + SET_NS / 2) / SET_NS;
                clock_duration(seconds * SET_NS, text, sizeof text);
                log_warn(NULL, "The clock was set %s by %s", step > 0 ? "forward" : "back", text);
                if (server->stapler)
                        stapler_clock_set(server->stapler);
                expiry_check(server);
        } else if ((int64_t)(wall_ns / NS_PER_SEC) >= server->expiry.due_s) {
                expiry_check(server);
        } else {
                loop_timer_start(server->control, timer, LOOK_NS);
        }
        trim_look(server);
}

void expiry_stop(struct server *server)
{
        loop_timer_stop(server->control, &server->expiry.timer);
}

void expiry_check(struct server *server)
{
        uint64_t wall_ns = clock_wall_ns();
        int64_t now_s = (int64_t)(wall_ns / NS_PER_SEC), next_s = DAY_S;
        expiry_stop(server);
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
        (void)clock_step_ns(&server->expiry, wall_ns);
        server->expiry.due_s = now_s + next_s;
        server->expiry.timer.fn = on_timer;
        uint64_t next_ns = (uint64_t)next_s * NS_PER_SEC;
        loop_timer_start(
                server->control, &server->expiry.timer, next_ns < LOOK_NS ? next_ns : LOOK_NS);
}
