/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in: until somebody is known, nothing but CONNECT is read, within a time. A proof that takes long
 * is made by the crypto pool; meanwhile the connection is paused, and what it sent stays unread. */
#include "account/account.h"
#include "account/sub.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "client/client_perm.h"
#include "net/loop.h"
#include "peer/settings.h"
#include "subject/permit.h"
#include "tls/cert_names.h"
#include <string.h>

struct client_login {
        struct timer timer;
        struct client *client;
        bool waiting; /* for the crypto pool */
        char nonce[NKEY_NONCE_SIZE];
};

/* ---- what others ask --------------------------------------------------------------------- */

bool client_auth_required(const struct client *client)
{
        const struct auth *auth = peer_settings(&client->peer)->auth;
        return auth && auth_is_required(auth);
}

/* The first INFO asks nobody to log in who need not. */
bool client_auth_is_asked(const struct client *client)
{
        const struct auth *auth = peer_settings(&client->peer)->auth;
        return auth && auth_is_required(auth) && auth_no_auth_user(auth) == NULL;
}

const char *client_nonce(const struct client *client)
{
        return client->login ? client->login->nonce : "";
}

/* What somebody goes by, in the words of the reference's log lines. */
struct who {
        const char *word;  /* "User" */
        const char *label; /* "user:" */
        const char *name;  /* "" : unknown */
};

static struct who who_is(const struct client *client)
{
        const struct auth_user *user = client->user;
        bool named = user && user->kind != AUTH_BY_TOKEN;
        const char *nkey = client->opts.nkey, *name = client->opts.user;
        if (named) {
                nkey = user->kind == AUTH_BY_NKEY ? user->name : "";
                name = user->name;
        }
        if (nkey[0])
                return (struct who){ "Nkey", "nkey:", nkey };
        if (name[0])
                return (struct who){ "User", "user:", name };
        if (client->token_sent)
                return (struct who){ "Token", "token", "[REDACTED]" };
        return (struct who){ "User", "", "" };
}

const char *client_user_name(const struct client *client)
{
        return who_is(client).name;
}

void client_label_user(const struct client *client, struct buf *out)
{
        const struct who who = who_is(client);
        if (who.name[0])
                buf_printf(out, "%s/%s%s", client->peer.own.account->name, who.label,
                        who.label[0] == 't' ? "" : who.name);
}

/* `User "me"`, `Nkey "U…"`, `Token "[REDACTED]"` */
static void append_who(const struct client *client, struct buf *out)
{
        const struct who who = who_is(client);
        buf_printf(out, "%s ", who.word);
        text_quote(out, slice_str(who.name[0] ? who.name : "N/A"));
}

/* ---- permissions ------------------------------------------------------------------------- */

/* One subscription under new permissions: it goes, with the reference's words, or its messages are filtered
 * as they have to be now. */
static void recheck_sub(struct client *client, struct sub *sub, const struct permit *permit)
{
        struct slice subject = sub_subject(sub), queue = sub_queue(sub);
        if (permit == NULL || permit_can_subscribe(permit, subject, queue)) {
                sub_filter(sub, permit && permit_must_filter(permit, subject, queue));
                return;
        }
        struct buf what = { 0 }, sid = { 0 }, user = { 0 };
        text_quote(&what, subject);
        if (queue.len > 0) {
                buf_append_str(&what, " using queue ");
                text_quote(&what, queue);
        }
        text_quote(&sid, sub_sid(sub));
        append_who(client, &user);
        peer_unsubscribe(&client->peer, sub);
        peer_send_err(&client->peer, "Permissions Violation for Subscription to %.*s (sid %.*s)",
                SLICE_ARG(buf_slice(&what)), SLICE_ARG(buf_slice(&sid)));
        log_info(NULL, "Removed sub %.*s (sid %.*s) for %.*s - not authorized",
                SLICE_ARG(buf_slice(&what)), SLICE_ARG(buf_slice(&sid)),
                SLICE_ARG(buf_slice(&user)));
        buf_fini(&what);
        buf_fini(&sid);
        buf_fini(&user);
}

/* The list changes while it is walked, so it is copied first. */
static void recheck_subs(struct client *client, const struct permit *permit)
{
        struct subs *subs = &client->peer.own.subs;
        uint32_t n = 0;
        struct sub *sub;
        if (subs->n == 0)
                return;
        struct sub **all = xcalloc(subs->n, sizeof *all);
        for (uint32_t at = 0; (sub = subs_next(subs, &at));)
                all[n++] = sub;
        for (uint32_t i = 0; i < n && !peer_is_closing(&client->peer); i++)
                recheck_sub(client, all[i], permit);
        xfree(all);
}

/* From now on the client is this user; NULL: nobody in particular. */
static void become(struct client *client, struct auth *auth, const struct auth_user *user)
{
        struct client_perm *old = client->perm;
        struct auth *old_auth = client->auth;
        client->perm = client_perm_new(user);
        client->user = user;
        client->auth = auth ? auth_ref(auth) : NULL;
        const struct permit *permit = client->perm ? client_perm_permit(client->perm) : NULL;
        rcu_assign(client->peer.shared.permit, permit);
        if (old || permit)
                recheck_subs(client, permit);
        client_perm_free(old);
        auth_unref(old_auth);
}

/* ---- refusing ---------------------------------------------------------------------------- */

void client_refuse(struct client *client, const struct auth_result *result)
{
        struct peer *peer = &client->peer;
        struct buf user = { 0 };
        if (result->why)
                log_debug(&peer->tag, "%s", result->why);
        if (result->verdict == AUTH_BUSY) {
                log_debug(&peer->tag, "Too many logins are being checked");
                peer_close(peer, CLOSE_AUTH_TIMEOUT);
                return;
        }
        if (client_user_name(client)[0]) {
                buf_append_str(&user, " - ");
                append_who(client, &user);
        }
        if (result->verdict == AUTH_PROXY_REQUIRED)
                log_debug(&peer->tag, "proxy connection required");
        log_error(&peer->tag, "authentication error%.*s", SLICE_ARG(buf_slice(&user)));
        buf_fini(&user);
        peer_close(peer, result->verdict == AUTH_PROXY_REQUIRED ? CLOSE_PROXY_REQUIRED
                                                                : CLOSE_AUTH_VIOLATION);
}

/* ---- the time that a login may take ------------------------------------------------------- */

static void on_timeout(struct timer *timer)
{
        struct client *client = CONTAINER_OF(timer, struct client_login, timer)->client;
        log_debug(&client->peer.tag, "Authentication Timeout");
        peer_close(&client->peer, CLOSE_AUTH_TIMEOUT);
}

void client_login_init(struct client *client)
{
        const struct auth *auth = peer_settings(&client->peer)->auth;
        if (!client_auth_required(client))
                return;
        client->login = xnew(struct client_login);
        client->login->client = client;
        client->login->timer.fn = on_timeout;
        client->peer.own.guarded = true;
        if (auth_wants_nonce(auth))
                nkey_nonce(client->login->nonce);
}

void client_login_start(struct client *client)
{
        struct peer *peer = &client->peer;
        if (client->login && peer->own.guarded)
                loop_timer_start(peer->loop, &client->login->timer,
                        (uint64_t)peer_settings(peer)->timing.auth_timeout_ns);
}

void client_login_stop(struct client *client)
{
        if (client->login)
                loop_timer_stop(client->peer.loop, &client->login->timer);
}

void client_login_fini(struct client *client)
{
        xfree(client->login);
        client_perm_free(client->perm);
        auth_unref(client->auth);
}

/* ---- logging in -------------------------------------------------------------------------- */

bool client_let_in(struct client *client, const struct auth_result *result)
{
        if (result->verdict != AUTH_OK) {
                client_refuse(client, result);
                return false;
        }
        client_login_stop(client);
        client->peer.own.guarded = false;
        become(client, peer_settings(&client->peer)->auth, result->user);
        client->connected = true;
        return true;
}

/* The login was checked against `client->auth`; a reload may have come in between. */
static struct auth_result recheck(const struct client *client, const struct auth_result *result)
{
        const struct auth *now = peer_settings(&client->peer)->auth;
        if (result->verdict != AUTH_OK || client->auth == now)
                return *result;
        return auth_again(now, result->user, CONNECTION_STANDARD);
}

static void on_proved(void *ctx, const struct auth_result *proved)
{
        struct client *client = ctx;
        struct peer *peer = &client->peer;
        client->login->waiting = false;
        if (!peer_is_closing(peer)) {
                struct auth_result result = recheck(client, proved);
                client_on_login(client, &result);
        }
        if (!peer_is_closing(peer))
                conn_resume(&peer->own.conn);
        peer_release(peer);
}

static void log_notes(const struct peer *peer, struct buf *notes)
{
        struct slice rest = buf_slice(notes), line;
        while (rest.len > 0) {
                const char *end = memchr(rest.ptr, '\n', rest.len);
                line = slice_of(rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len);
                rest = slice_of(rest.ptr + line.len, rest.len - line.len);
                if (end)
                        rest = slice_of(rest.ptr + 1, rest.len - 1);
                log_debug(&peer->tag, "%.*s", SLICE_ARG(line));
        }
        buf_fini(notes);
}

/* From here on the client goes by the name that its certificate stands for, also in a refusal. */
static void take_mapped_name(struct client *client, const struct auth_user *user)
{
        struct buf claimed = { 0 };
        if (client->opts.user[0]) {
                text_quote(&claimed, slice_str(client->opts.user));
                log_warn(NULL, "User %.*s found in connect proto, but user required from cert",
                        SLICE_ARG(buf_slice(&claimed)));
                buf_fini(&claimed);
        }
        connect_options_set_user(&client->opts, user->name);
}

static struct auth_result check(struct client *client, struct auth *auth)
{
        struct peer *peer = &client->peer;
        const struct connect_options *opts = &client->opts;
        struct tls_session *session = conn_tls(&peer->own.conn);
        struct cert_names *cert = NULL;
        struct buf notes = { 0 };
        const struct auth_user *mapped = NULL;
        if (session && auth_maps_certs(auth))
                cert = tls_session_cert_names(session);
        const struct auth_request request = {
                .user = opts->user,
                .pass = opts->pass,
                .token = opts->auth_token,
                .nkey = opts->nkey,
                .sig = opts->sig,
                .nonce = client_nonce(client),
                .type = CONNECTION_STANDARD,
                .by_cert = true,
                .tls = session != NULL,
                .cert = cert,
                .notes = &notes,
                .mapped = &mapped,
        };
        const struct auth_async async = {
                .pool = peer_settings(peer)->crypto,
                .loop = peer->loop,
                .source = conn_source(&peer->own.conn),
                .gone = &peer->shared.closed,
                .done = on_proved,
                .ctx = client,
        };
        struct auth_result result = auth_check(auth, &request, &async);
        log_notes(peer, &notes);
        if (mapped)
                take_mapped_name(client, mapped);
        cert_names_free(cert);
        return result;
}

/* What becomes of the connection while the pool works. */
static void wait_for_proof(struct client *client)
{
        struct peer *peer = &client->peer;
        client->login->waiting = true;
        peer->own.guarded = true;
        peer_hold(peer);
        conn_pause_unread(&peer->own.conn);
}

/* client->opts have come, or stand as they were. The rest happens in client_on_login(). */
void client_log_in(struct client *client)
{
        struct peer *peer = &client->peer;
        struct auth *auth = peer_settings(peer)->auth;
        struct auth_result result = { .verdict = AUTH_OK };
        client->token_sent = client->token_sent || client->opts.auth_token[0];
        if (auth && auth_is_required(auth)) {
                if (client->login == NULL) /* a reload asks for what this one was not told */
                        client_login_init(client);
                become(client, auth, NULL);
                result = check(client, auth);
        }
        connect_options_forget_secrets(&client->opts);
        if (result.verdict == AUTH_PENDING)
                wait_for_proof(client);
        else
                client_on_login(client, &result);
}

/* peer_ops.admit: somebody who has not logged in sends an operation. */
bool client_admit(struct peer *peer, char first)
{
        struct client *client = client_of(peer);
        struct auth *auth = peer_settings(peer)->auth;
        if (client->login->waiting) {
                conn_pause_unread(&peer->own.conn);
                return false;
        }
        if (first == 'C' || first == 'c')
                return true;
        const struct auth_user *no_auth = auth_no_auth_user(auth);
        struct auth_result result = { .verdict = AUTH_WRONG };
        if (no_auth && no_auth->kind == AUTH_BY_PASSWORD)
                result = check(client, auth);
        return client_let_in(client, &result);
}

/* ---- reload ------------------------------------------------------------------------------ */

/* Whom his certificate names may have changed. Somebody else is believed only without a password: nobody is
 * asked again. */
static struct auth_result map_again(struct client *client, struct auth *auth)
{
        struct tls_session *session = conn_tls(&client->peer.own.conn);
        const struct auth_user *old = client->user;
        if (!auth_maps_certs(auth) || session == NULL || old == NULL ||
                old->kind != AUTH_BY_PASSWORD)
                return auth_again(auth, old, CONNECTION_STANDARD);
        struct buf notes = { 0 };
        struct cert_names *cert = tls_session_cert_names(session);
        const struct auth_user *now = auth_map_cert(auth, cert, CONNECTION_STANDARD, &notes);
        log_notes(&client->peer, &notes);
        cert_names_free(cert);
        if (!auth_may_know(auth, old->name, ""))
                return (struct auth_result){ .verdict = AUTH_GONE };
        if (now == NULL || (strcmp(now->name, old->name) != 0 && now->secret[0]))
                return (struct auth_result){ .verdict = AUTH_WRONG };
        connect_options_set_user(&client->opts, now->name);
        return auth_again(auth, strcmp(now->name, old->name) == 0 ? old : now, CONNECTION_STANDARD);
}

/* Somebody who was let in under the settings before. */
static void log_in_again(struct client *client, struct auth *auth)
{
        const struct connect_options *opts = &client->opts;
        struct auth_result result = map_again(client, auth);
        if (client->user == NULL && result.verdict == AUTH_WRONG &&
                !auth_may_know(auth, opts->user, opts->nkey))
                result.verdict = AUTH_GONE;
        if (result.verdict == AUTH_GONE)
                peer_close(&client->peer, CLOSE_CLIENT_CLOSED);
        else if (result.verdict != AUTH_OK)
                client_refuse(client, &result);
        else
                become(client, auth, result.user);
}

/* peer_ops.on_settings */
void client_on_settings(struct peer *peer)
{
        struct client *client = client_of(peer);
        struct auth *auth = peer_settings(peer)->auth;
        if (auth == NULL || (client->login && client->login->waiting))
                return;
        if (!peer->own.guarded) {
                log_in_again(client, auth);
        } else if (!auth_is_required(auth)) {
                client_login_stop(client);
                peer->own.guarded = false;
        }
}
