/* SPDX-License-Identifier: Apache-2.0 */
#include "server/rotate.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/watch.h"
#include "server/server_internal.h"
#include "server/stapler.h"
#include "tls/facts.h"
#include "tls/review.h"
#include "tls/tls_ctx.h"
#include <stdio.h>
#include <string.h>

enum { FILES_MAX = 256 };
#define SETTLE_NS (2 * NS_PER_SEC)
#define RETRY_NS (5 * NS_PER_SEC)

static bool same(const uint8_t *a, const uint8_t *b)
{
        return memcmp(a, b, TLS_FILES_DIGEST_BYTES) == 0;
}

static void keep(uint8_t *to, const uint8_t *from)
{
        memcpy(to, from, TLS_FILES_DIGEST_BYTES);
}

/* "CN=x, valid until …, SHA-256 …" of each certificate, joined by "; ". */
static void describe(struct buf *out, const struct tls_ctx *ctx)
{
        struct tls_facts *facts = tls_ctx_facts(ctx);
        for (int i = 0; i < facts->cert_n; i++) {
                buf_append_str(out, i ? "; " : "");
                tls_cert_facts_line(out, &facts->certs[i]);
        }
        tls_facts_free(facts);
}

/* The files may be good and only could not be read, for want of descriptors or memory: nothing about them
 * would change then. */
static void look_again(struct server *server)
{
        loop_timer_start(server->control, &server->rotation.settle, RETRY_NS);
}

static void refuse(struct server *server, const uint8_t *digest, struct slice why)
{
        struct rotation *rotation = &server->rotation;
        struct buf serving = { 0 };
        keep(rotation->refused, digest);
        rotation->state.refused_n++;
        rotation->state.refused_ns = clock_wall_ns();
        snprintf(rotation->state.refusal, sizeof rotation->state.refusal, "%.*s", SLICE_ARG(why));
        describe(&serving, server->tls);
        log_error(NULL, "TLS files changed, but the new ones are refused: %.*s", SLICE_ARG(why));
        log_error(
                NULL, "TLS goes on with the last good files: %.*s", SLICE_ARG(buf_slice(&serving)));
        buf_fini(&serving);
        look_again(server);
}

static void log_warnings(const struct buf *warnings)
{
        const char *at = warnings->ptr, *end = warnings->len > 0 ? at + warnings->len : at;
        while (at < end) {
                const char *nl = memchr(at, '\n', (size_t)(end - at));
                log_warn(NULL, "TLS files changed: %.*s", (int)(nl - at), at);
                at = nl + 1;
        }
}

/* Good files, and what their certificate still waits for. */
struct rotation_pending {
        struct server *server;
        uint8_t digest[TLS_FILES_DIGEST_BYTES];
        struct tls_ctx *next;
        struct buf warnings; /* lines */
        struct stapler *stapler;
        struct errbuf problem; /* why there is no staple; "" */
};

static void pending_free(struct rotation_pending *pending)
{
        buf_fini(&pending->warnings);
        xfree(pending);
}

/* It does not go into service. */
static void pending_drop(struct rotation_pending *pending)
{
        stapler_free(pending->stapler);
        tls_ctx_unref(pending->next);
        pending_free(pending);
}

void rotation_drop(struct server *server)
{
        struct rotation_pending *pending = server->rotation.pending;
        server->rotation.pending = NULL;
        if (pending)
                pending_drop(pending);
}

static void on_staple_known(void *ctx)
{
        struct rotation_pending *pending = ctx;
        struct server *server = pending->server;
        struct rotation *rotation = &server->rotation;
        struct buf now = { 0 };
        rotation->pending = NULL;
        if (pending->stapler && stapler_is_bad(pending->stapler)) {
                refuse(server, pending->digest, slice_str(stapler_problem(pending->stapler)));
                pending_drop(pending);
                return;
        }
        keep(rotation->in_service, pending->digest);
        memset(rotation->refused, 0, sizeof rotation->refused);
        rotation->state.taken_n++;
        rotation->state.taken_ns = clock_wall_ns();
        rotation->state.refusal[0] = '\0';
        describe(&now, pending->next);
        struct stapler *stapler =
                staples_settle(pending->stapler, pending->next, &pending->problem);
        server_swap_tls(server, pending->next, stapler);
        log_info(NULL, "TLS files changed: new connections get %.*s", SLICE_ARG(buf_slice(&now)));
        log_warnings(&pending->warnings);
        banner_tls_warnings(server);
        staples_run(server, &pending->problem);
        buf_fini(&now);
        pending_free(pending);
}

/* Takes the reference of next. */
static void take(struct server *server, const uint8_t *digest, struct tls_ctx *next,
        const struct buf *warnings)
{
        struct rotation_pending *pending = xnew(struct rotation_pending);
        pending->server = server;
        keep(pending->digest, digest);
        pending->next = next;
        buf_append_slice(&pending->warnings, buf_slice(warnings));
        server->rotation.pending = pending;
        pending->stapler = staples_make(server, server->opts, next, &pending->problem);
        if (pending->stapler)
                stapler_prepare(pending->stapler, server->stapler, on_staple_known, pending);
        else
                on_staple_known(pending);
}

/* Load what is there now. False: not good, and why. */
static bool load(
        struct server *server, struct tls_ctx **next, struct tls_review *review, struct buf *why)
{
        struct errbuf eb = { "" };
        if (tls_ctx_new_server(&server->opts->tls, next, &eb) < 0) {
                *next = NULL;
                buf_append_str(why, eb.text);
                return false;
        }
        ocsp_peers_apply(server, server->opts, *next, server->ocsp_cache);
        if (tls_review(server->tls, *next, (int64_t)(clock_wall_ns() / NS_PER_SEC), review))
                return true;
        buf_append_slice(why, buf_slice(&review->refusals));
        return false;
}

/* A certificate and its key are two files: between the two writes nothing fits. So the first bad look is
 * not told; when the same bad content is there after SETTLE_NS, it is. */
static void not_good(struct server *server, const uint8_t *digest, struct slice why)
{
        struct rotation *rotation = &server->rotation;
        if (same(digest, rotation->waiting)) {
                memset(rotation->waiting, 0, sizeof rotation->waiting);
                refuse(server, digest, why);
                return;
        }
        keep(rotation->waiting, digest);
        loop_timer_start(server->control, &rotation->settle, SETTLE_NS);
}

static void check(struct server *server)
{
        struct rotation *rotation = &server->rotation;
        uint8_t digest[TLS_FILES_DIGEST_BYTES], after[TLS_FILES_DIGEST_BYTES];
        struct tls_ctx *next = NULL;
        struct tls_review review = { 0 };
        struct buf why = { 0 };
        loop_timer_stop(server->control, &rotation->settle);
        if (server->reload)
                return; /* it reads the files as well, and begins to watch anew */
        tls_files_digest(&server->opts->tls, digest);
        if (rotation->pending && same(digest, rotation->pending->digest))
                return;
        rotation_drop(server);
        if (same(digest, rotation->in_service)) {
                if (rotation->state.refusal[0])
                        log_info(NULL, "TLS files are those in service again");
                rotation->state.refusal[0] = '\0';
                memset(rotation->refused, 0, sizeof rotation->refused);
                return;
        }
        if (same(digest, rotation->refused)) {
                look_again(server);
                return;
        }
        bool good = load(server, &next, &review, &why);
        tls_files_digest(&server->opts->tls, after);
        if (!same(digest, after)) { /* still being written */
                loop_timer_start(server->control, &rotation->settle, SETTLE_NS);
        } else if (good) {
                take(server, digest, tls_ctx_ref(next), &review.warnings);
        } else {
                not_good(server, digest, buf_slice(&why));
        }
        tls_ctx_unref(next);
        tls_review_fini(&review);
        buf_fini(&why);
}

static void on_settle(struct timer *timer)
{
        check(CONTAINER_OF(timer, struct server, rotation.settle));
}

static void on_change(void *ctx)
{
        check(ctx);
}

void rotation_start(struct server *server, const uint8_t digest[TLS_FILES_DIGEST_BYTES])
{
        struct rotation *rotation = &server->rotation;
        const struct tls_options *tls = &server->opts->tls;
        const char *paths[FILES_MAX];
        rotation_stop(server);
        keep(rotation->in_service, digest);
        memset(rotation->refused, 0, sizeof rotation->refused);
        memset(rotation->waiting, 0, sizeof rotation->waiting);
        rotation->state.refusal[0] = '\0';
        int n = tls_files_list(tls, paths, FILES_MAX);
        rotation->state.watching = server->tls && n > 0 && !tls->watch_off;
        if (!rotation->state.watching)
                return;
        rotation->watch = watch_open(server->control, on_change, server);
        watch_files(rotation->watch, paths, n < FILES_MAX ? n : FILES_MAX);
        /* What changed since the files were read is not what the watch compares with. */
        rotation->settle.fn = on_settle;
        loop_timer_start(server->control, &rotation->settle, WATCH_QUIET_NS);
}

void rotation_stop(struct server *server)
{
        struct rotation *rotation = &server->rotation;
        rotation_drop(server);
        watch_close(rotation->watch);
        rotation->watch = NULL;
        loop_timer_stop(server->control, &rotation->settle);
}
