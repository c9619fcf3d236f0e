/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stapler.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/fetch_pool.h"
#include "net/loop.h"
#include "server/server_internal.h"
#include "server/staple_lookup.h"
#include "tls/staple.h"
#include "tls/tls_ctx.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOUR_NS (3600 * NS_PER_SEC)
#define OPEN_INTERVAL_NS (24 * HOUR_NS)       /* without NextUpdate */
#define LATE_INTERVAL_NS (120 * NS_PER_SEC)   /* past NextUpdate, or nothing yet */
#define MIN_INTERVAL_NS NS_PER_SEC            /* however close NextUpdate is */
#define NOTHING_INTERVAL_NS (10 * NS_PER_SEC) /* while clients miss a staple, but are served */
#define BEGIN_LIMIT_NS (24 * HOUR_NS)         /* only the limits of each request */
#define RELOAD_LIMIT_NS (10 * NS_PER_SEC)     /* a reload waits no longer */
#define RELOAD_PATIENCE_NS                                                                         \
        (RELOAD_LIMIT_NS + NS_PER_SEC) /* with the wait for a thread, and the resolver */
#define REFRESH_LIMIT_NS (10 * 60 * NS_PER_SEC)

struct job {
        struct fetch_job base;
        struct stapler *owner; /* NULL: it has gone */
        struct staple_lookup lookup;
        uint64_t limit_ns;
        int rc;
        struct ocsp_response response;
        struct errbuf eb;
};

struct stapler {
        struct server *server;
        const char *kind;
        char *cert_file;
        struct staple *staple; /* counted */
        struct staple_lookup lookup;
        bool must_be_good; /* the server ends when the status is another */
        bool running;      /* stapler_run() was called */
        struct job *job;   /* out; NULL: none */
        struct timer timer;
        uint64_t asked_ns; /* monotonic: the last lookup began */
        unsigned id;       /* what a letter from a handshake means */
        char problem[1024];
        bool hopeless, bad;
        void (*ready)(void *ctx);
        void *ready_ctx;
        struct staple *before; /* counted; during prepare, NULL: none */
};

/* --- deciding -----------------------------------------------------------------------------------
 */

static bool is_wanted(const struct stapler_spec *spec)
{
        switch (spec->ocsp->mode) {
        case OCSP_MODE_AUTO:
        case OCSP_MODE_MUST:
                return tls_ctx_must_staple(spec->tls);
        case OCSP_MODE_ALWAYS:
                return tls_ctx_not_after(spec->tls) != 0;
        case OCSP_MODE_NEVER:
                break;
        }
        return false;
}

static const char *cert_file_of(const struct tls_options *files)
{
        return files->pair_n > 0 && files->pairs[0].cert_file ? files->pairs[0].cert_file : "";
}

struct stale_mail {
        struct mail mail;
        struct server *server;
        unsigned id;
};

static void refresh_now(struct stapler *stapler);

static void on_stale_mail(struct mail *mail)
{
        struct stale_mail *letter = CONTAINER_OF(mail, struct stale_mail, mail);
        struct stapler *stapler = letter->server->stapler;
        if (stapler && stapler->id == letter->id && stapler->running)
                refresh_now(stapler);
        xfree(letter);
}

/* On a crypto thread, under the staple's lock. */
static void on_stale(void *ctx)
{
        const struct stapler *stapler = ctx;
        struct stale_mail *letter = xnew(struct stale_mail);
        letter->server = stapler->server;
        letter->id = stapler->id;
        letter->mail.deliver = on_stale_mail;
        loop_post(stapler->server->control, &letter->mail);
}

int stapler_new(struct server *server, const struct stapler_spec *spec, struct stapler **out,
        struct errbuf *eb)
{
        static unsigned last_id;
        struct staple *staple;
        *out = NULL;
        if (spec->tls == NULL || !is_wanted(spec))
                return 0;
        int rc = staple_new(spec->tls, &staple, eb);
        if (rc < 0)
                return rc;
        struct stapler *stapler = xnew(struct stapler);
        stapler->server = server;
        stapler->kind = spec->kind;
        stapler->cert_file = xstrdup(cert_file_of(spec->files));
        stapler->staple = staple;
        stapler->must_be_good =
                spec->ocsp->mode == OCSP_MODE_MUST || spec->ocsp->mode == OCSP_MODE_ALWAYS;
        stapler->id = ++last_id;
        staple_lookup_init(
                &stapler->lookup, staple, spec->ocsp->urls, spec->ocsp->url_n, spec->store_dir);
        rc = staple_store_prepare(&stapler->lookup, eb);
        if (rc < 0) {
                stapler_free(stapler);
                return rc;
        }
        tls_ctx_set_staple(spec->tls, staple);
        *out = stapler;
        return 0;
}

/* Its outcome counts no more. */
static void leave_job(struct stapler *stapler)
{
        if (stapler->job == NULL)
                return;
        stapler->job->owner = NULL;
        atomic_store(&stapler->job->base.stop, true);
        stapler->job = NULL;
}

void stapler_free(struct stapler *stapler)
{
        if (stapler == NULL)
                return;
        staple_on_stale(stapler->staple, NULL, NULL);
        if (stapler->server->control)
                loop_timer_stop(stapler->server->control, &stapler->timer);
        leave_job(stapler);
        staple_lookup_fini(&stapler->lookup);
        staple_unref(stapler->before);
        staple_unref(stapler->staple);
        xfree(stapler->cert_file);
        xfree(stapler);
}

/* --- the first lookup ---------------------------------------------------------------------------
 */

/* What the outcome means for whoever wants to begin: 0, or the text in eb. */
static int judge(const struct stapler *stapler, int rc, const struct ocsp_response *response,
        struct errbuf *eb)
{
        if (rc < 0) {
                errbuf_prefix(
                        eb, "bad OCSP status update for certificate at '%s'", stapler->cert_file);
                return rc;
        }
        if (response->status != OCSP_STATUS_GOOD && stapler->must_be_good)
                return errbuf_set(eb, ERR_CONFIG,
                        "found existing OCSP status for certificate at '%s': %s",
                        stapler->cert_file, ocsp_status_name(response->status));
        return 0;
}

int stapler_begin(struct stapler *stapler, struct errbuf *eb)
{
        struct ocsp_response response;
        int rc = staple_lookup_file(&stapler->lookup, &response, eb);
        if (rc < 0)
                rc = staple_lookup_remote(&stapler->lookup, BEGIN_LIMIT_NS, NULL, &response, eb);
        return judge(stapler, rc, &response, eb);
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

static void run_job(struct fetch_job *base)
{
        struct job *job = CONTAINER_OF(base, struct job, base);
        job->rc = atomic_load(&base->stop) ? errbuf_set(&job->eb, ERR_CLOSED, "context canceled")
                                           : staple_lookup_remote(&job->lookup, job->limit_ns,
                                                     &base->stop, &job->response, &job->eb);
}

static void end_prepare(struct stapler *stapler, int rc, const struct ocsp_response *response,
        const struct errbuf *why);
static void end_refresh(struct stapler *stapler, struct job *job);

static void on_job_done(struct mail *mail)
{
        struct job *job = CONTAINER_OF(mail, struct job, base.done);
        struct stapler *stapler = job->owner;
        if (stapler) {
                stapler->job = NULL;
                if (stapler->running)
                        end_refresh(stapler, job);
                else
                        end_prepare(stapler, job->rc, &job->response, &job->eb);
        }
        staple_lookup_fini(&job->lookup);
        xfree(job);
}

static void post_job(struct stapler *stapler, uint64_t limit_ns)
{
        struct job *job = xnew(struct job);
        job->base.run = run_job;
        job->base.done.deliver = on_job_done;
        job->base.home = stapler->server->control;
        job->owner = stapler;
        job->limit_ns = limit_ns;
        staple_lookup_copy(&job->lookup, &stapler->lookup);
        stapler->job = job;
        stapler->asked_ns = clock_mono_ns();
        if (fetch_pool_post(server_fetch_pool(stapler->server), &job->base) < 0) {
                job->rc = errbuf_set(&job->eb, ERR_AGAIN, "too many requests to OCSP servers");
                loop_post(job->base.home, &job->base.done);
        }
}

/* --- a reload -----------------------------------------------------------------------------------
 */

/* The responder does not answer, but what is served for this very certificate is still good. */
static bool take_over(struct stapler *stapler)
{
        struct ocsp_response response;
        struct errbuf eb;
        struct buf der = { 0 };
        bool good = stapler->before && staple_get(stapler->before, &response, &der) &&
                    staple_check(stapler->staple, buf_slice(&der), clock_wall_ns(), &response,
                            &eb) == 0 &&
                    judge(stapler, 0, &response, &eb) == 0;
        if (good)
                staple_put(stapler->staple, buf_slice(&der), &response);
        buf_fini(&der);
        return good;
}

static void settle(
        struct stapler *stapler, int rc, const struct ocsp_response *response, struct errbuf *eb)
{
        int judged = judge(stapler, rc, response, eb);
        if (judged == 0)
                return;
        stapler->bad = rc == 0;
        stapler->hopeless = stapler->bad || rc == ERR_NOTFOUND;
        snprintf(stapler->problem, sizeof stapler->problem, "%s", eb->text);
}

static void end_prepare(struct stapler *stapler, int rc, const struct ocsp_response *response,
        const struct errbuf *why)
{
        struct errbuf eb = *why;
        loop_timer_stop(stapler->server->control, &stapler->timer);
        if (rc < 0 && take_over(stapler))
                log_error(NULL,
                        "Bad OCSP status update for certificate '%s': %s, going on with the one of "
                        "before",
                        stapler->cert_file, eb.text);
        else
                settle(stapler, rc, response, &eb);
        stapler->ready(stapler->ready_ctx);
}

static void on_patience(struct timer *timer)
{
        struct stapler *stapler = CONTAINER_OF(timer, struct stapler, timer);
        struct ocsp_response none = { .status = OCSP_STATUS_UNKNOWN };
        struct errbuf eb;
        int rc = errbuf_set(&eb, -ETIMEDOUT, "exhausted ocsp servers: context deadline exceeded");
        leave_job(stapler);
        end_prepare(stapler, rc, &none, &eb);
}

void stapler_prepare(
        struct stapler *stapler, struct stapler *before, void (*ready)(void *ctx), void *ctx)
{
        struct ocsp_response response;
        struct errbuf eb = { "" };
        stapler->ready = ready;
        stapler->ready_ctx = ctx;
        stapler->before = before ? staple_ref(before->staple) : NULL;
        if (staple_lookup_file(&stapler->lookup, &response, &eb) < 0) {
                post_job(stapler, RELOAD_LIMIT_NS);
                stapler->timer.fn = on_patience;
                loop_timer_start(stapler->server->control, &stapler->timer, RELOAD_PATIENCE_NS);
                return;
        }
        settle(stapler, 0, &response, &eb);
        ready(ctx);
}

bool stapler_is_bad(const struct stapler *stapler)
{
        return stapler->bad;
}

bool stapler_is_hopeless(const struct stapler *stapler)
{
        return stapler->hopeless;
}

const char *stapler_problem(const struct stapler *stapler)
{
        return stapler->problem;
}

/* --- the task -----------------------------------------------------------------------------------
 */

/* Nanoseconds until the responder is asked again. */
static uint64_t next_run(const struct stapler *stapler)
{
        struct ocsp_response response;
        uint64_t now = clock_wall_ns();
        if (!staple_get(stapler->staple, &response, NULL))
                return LATE_INTERVAL_NS;
        if (response.next_update_s == 0)
                return OPEN_INTERVAL_NS;
        uint64_t now_s = now / NS_PER_SEC, next_s = (uint64_t)response.next_update_s;
        if (next_s <= now_s)
                return LATE_INTERVAL_NS;
        if (next_s - now_s > OPEN_INTERVAL_NS * 365 / NS_PER_SEC)
                return OPEN_INTERVAL_NS * 365 / 2; /* an authority that thinks in centuries */
        uint64_t half_ns = (next_s * NS_PER_SEC - now) / 2;
        return half_ns > MIN_INTERVAL_NS ? half_ns : MIN_INTERVAL_NS;
}

static void tell_good(const struct stapler *stapler, const struct ocsp_response *response,
        bool found, uint64_t in)
{
        char next[40], again[40];
        ocsp_time_text(response->next_update_s, next, sizeof next);
        clock_duration((int64_t)in, again, sizeof again);
        log_info(NULL,
                "%s OCSP status for %s certificate %s'%s': good, next update %s, checking again in "
                "%s",
                found ? "Found" : "Received", stapler->kind, found ? "at " : "", stapler->cert_file,
                next, again);
}

static void tell_enabled(const struct stapler *stapler)
{
        log_info(NULL, "OCSP Stapling enabled for %s connections", stapler->kind);
}

static void wait_ns(struct stapler *stapler, uint64_t ns)
{
        loop_timer_start(stapler->server->control, &stapler->timer, ns);
}

static void end_refresh(struct stapler *stapler, struct job *job)
{
        uint64_t in = next_run(stapler);
        char again[40];
        staple_rearm(stapler->staple);
        if (job->rc < 0) {
                clock_duration((int64_t)in, again, sizeof again);
                log_error(NULL,
                        "Bad OCSP status update for certificate '%s': %s, trying again in %s",
                        stapler->cert_file, job->eb.text, again);
                staple_blame(stapler->staple, job->eb.text);
                wait_ns(stapler, in);
                return;
        }
        if (stapler->problem[0])
                tell_enabled(stapler);
        stapler->problem[0] = '\0';
        if (job->response.status == OCSP_STATUS_GOOD) {
                tell_good(stapler, &job->response, false, in);
                wait_ns(stapler, in);
                return;
        }
        log_error(NULL, "Received OCSP status for %s certificate '%s': %s", stapler->kind,
                stapler->cert_file, ocsp_status_name(job->response.status));
        if (stapler->must_be_good)
                server_stop(stapler->server);
}

static void refresh_now(struct stapler *stapler)
{
        uint64_t since_ns = clock_mono_ns() - stapler->asked_ns;
        uint64_t pause_ns = stapler->problem[0] ? NOTHING_INTERVAL_NS : MIN_INTERVAL_NS;
        if (stapler->job || stapler->server->stopping)
                return;
        loop_timer_stop(stapler->server->control, &stapler->timer);
        if (since_ns < pause_ns)
                wait_ns(stapler, pause_ns - since_ns);
        else
                post_job(stapler, REFRESH_LIMIT_NS);
}

void stapler_clock_set(struct stapler *stapler)
{
        if (stapler->running)
                refresh_now(stapler);
}

static void on_timer(struct timer *timer)
{
        struct stapler *stapler = CONTAINER_OF(timer, struct stapler, timer);
        if (stapler->job == NULL)
                post_job(stapler, REFRESH_LIMIT_NS);
}

void stapler_run(struct stapler *stapler)
{
        struct ocsp_response response;
        stapler->running = true;
        stapler->timer.fn = on_timer;
        staple_on_stale(stapler->staple, on_stale, stapler);
        if (stapler->problem[0]) {
                wait_ns(stapler, LATE_INTERVAL_NS);
                return;
        }
        tell_enabled(stapler);
        if (staple_get(stapler->staple, &response, NULL) && response.status == OCSP_STATUS_GOOD) {
                uint64_t in = next_run(stapler);
                tell_good(stapler, &response, true, in);
                wait_ns(stapler, in);
        } else {
                post_job(stapler, REFRESH_LIMIT_NS);
        }
}
