/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_internal.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/crypto_pool.h"
#include <string.h>

static const struct auth_method *const methods[] = {
        &auth_by_cert,
        &auth_by_nkey,
        &auth_by_password,
        &auth_by_token,
};

struct auth_job {
        struct crypto_job job;
        struct auth *auth; /* one reference: user lives in it */
        const struct auth_user *user;
        const struct auth_method *method;
        struct auth_proof proof;
        struct auth_async async;
        bool ok;
};

static struct auth_result verdict(enum auth_verdict what, const struct auth_user *user)
{
        return (struct auth_result){ .verdict = what, .user = what == AUTH_OK ? user : NULL };
}

/* May he come in this way at all? Asked of everybody, whatever the method. */
static enum auth_verdict admit(const struct auth_user *user, enum connection_type type)
{
        if (user->connection_types != 0 && !(user->connection_types & 1u << type))
                return AUTH_WRONG;
        return user->proxy_required ? AUTH_PROXY_REQUIRED : AUTH_OK; /* no proxy is trusted yet */
}

/* ---- on the pool and back ---------------------------------------------------------------- */

static void run(struct crypto_job *crypto)
{
        struct auth_job *job = CONTAINER_OF(crypto, struct auth_job, job);
        if (!atomic_load_explicit(job->async.gone, memory_order_relaxed))
                job->ok = job->method->work(job->user, &job->proof);
}

static void free_job(struct auth_job *job)
{
        auth_unref(job->auth);
        mem_wipe(&job->proof, sizeof job->proof);
        xfree(job);
}

static void on_done(struct mail *mail)
{
        struct auth_job *job = CONTAINER_OF(mail, struct auth_job, job.done);
        struct auth_result result = verdict(job->ok ? AUTH_OK : AUTH_WRONG, job->user);
        if (!job->ok && job->user->kind == AUTH_BY_NKEY)
                result.why = "Signature not verified";
        job->async.done(job->async.ctx, &result);
        free_job(job);
}

static struct auth_result start_proof(struct auth *auth, const struct auth_user *user,
        const struct auth_method *method, const struct auth_proof *proof,
        const struct auth_async *async)
{
        struct auth_job *job = xnew(struct auth_job);
        job->auth = auth_ref(auth);
        job->user = user;
        job->method = method;
        job->proof = *proof;
        job->async = *async;
        job->job.run = run;
        job->job.home = async->loop;
        job->job.source = async->source;
        job->job.done.deliver = on_done;
        if (crypto_pool_post(async->pool, &job->job) == 0)
                return verdict(AUTH_PENDING, NULL);
        free_job(job);
        return verdict(AUTH_BUSY, NULL);
}

/* ---- the order of things ----------------------------------------------------------------- */

static struct auth_result prove(struct auth *auth, const struct auth_user *user,
        const struct auth_method *method, const struct auth_request *request,
        const struct auth_async *async)
{
        struct auth_proof proof = { 0 };
        const char *why = NULL;
        struct auth_result result = verdict(AUTH_WRONG, NULL);
        switch (method->prove(auth, user, request, &proof, &why)) {
        case AUTH_PROVED:
                result = verdict(AUTH_OK, user);
                break;
        case AUTH_DISPROVED:
                break;
        case AUTH_TAKES_LONG:
                result = start_proof(auth, user, method, &proof, async);
                break;
        }
        mem_wipe(&proof, sizeof proof);
        result.why = why;
        return result;
}

struct auth_result auth_check(
        struct auth *auth, const struct auth_request *request, const struct auth_async *async)
{
        if (!auth_is_required(auth))
                return verdict(AUTH_OK, NULL);
        for (size_t i = 0; i < ARRAY_N(methods); i++) {
                const struct auth_user *user = NULL;
                enum auth_find found = methods[i]->find(auth, request, &user);
                if (found == AUTH_NOT_MINE)
                        continue;
                if (found == AUTH_NOBODY)
                        break;
                enum auth_verdict admitted = admit(user, request->type);
                if (admitted != AUTH_OK)
                        return verdict(admitted, NULL);
                return found == AUTH_TRUSTED ? verdict(AUTH_OK, user)
                                             : prove(auth, user, methods[i], request, async);
        }
        return verdict(AUTH_WRONG, NULL);
}

/* ---- reload ------------------------------------------------------------------------------ */

static const struct auth_user *same_user(const struct auth *now, const struct auth_user *user)
{
        switch (user->kind) {
        case AUTH_BY_PASSWORD:
                return auth_find_user(now, user->name);
        case AUTH_BY_NKEY:
                return auth_find_nkey(now, user->name);
        case AUTH_BY_TOKEN:
                return now->token;
        }
        return NULL;
}

struct auth_result auth_again(
        const struct auth *now, const struct auth_user *user, enum connection_type type)
{
        if (!auth_is_required(now))
                return verdict(AUTH_OK, NULL);
        if (user == NULL)
                return verdict(AUTH_WRONG, NULL);
        const struct auth_user *again = same_user(now, user);
        if (again == NULL || again->account != user->account)
                return verdict(now->listed ? AUTH_GONE : AUTH_WRONG, NULL);
        enum auth_verdict admitted = admit(again, type);
        if (admitted != AUTH_OK)
                return verdict(admitted, NULL);
        return verdict(strcmp(again->secret, user->secret) == 0 ? AUTH_OK : AUTH_WRONG, again);
}
