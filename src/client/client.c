/* SPDX-License-Identifier: Apache-2.0 */
/* Accept, greet, secure (tls.md 5.2), serve, end. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/text.h"
#include "account/account.h"
#include "client/client_internal.h"
#include "dispatch/dispatch.h"
#include "net/loop.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include "peer/settings.h"
#include "proto/encode_client.h"
#include "proto/info.h"
#include "tls/tls_session.h"

struct accept_mail {
        struct mail mail;
        struct peer_server *server;
        struct loop *loop;
        struct peer_addr addr;
        int fd;
};

struct record_mail {
        struct mail mail;
        struct peer_server *server;
        struct peer_info *record;
};

/* ---- small verbs ------------------------------------------------------------------------- */

void client_ok(struct client *client)
{
        if (!client->opts.verbose)
                return;
        if (peer_settings(&client->peer)->trace)
                trace_out(&client->peer, SLICE_LIT("OK"));
        peer_send(&client->peer, ENCODE_OK);
}

void client_refuse_publish(struct client *client, struct slice subject)
{
        struct buf quoted = { 0 };
        text_quote(&quoted, subject);
        peer_send_err(&client->peer, "Permissions Violation for Publish to %.*s",
                SLICE_ARG(buf_slice(&quoted)));
        log_error(&client->peer.tag, "Publish Violation - Subject %.*s",
                SLICE_ARG(buf_slice(&quoted)));
        buf_fini(&quoted);
}

void client_refuse_reply(struct client *client, struct slice reply)
{
        struct buf quoted = { 0 };
        text_quote(&quoted, reply);
        peer_send_err(&client->peer, "Permissions Violation for Publish with Reply of %.*s",
                SLICE_ARG(buf_slice(&quoted)));
        log_error(
                &client->peer.tag, "Publish Violation - Reply %.*s", SLICE_ARG(buf_slice(&quoted)));
        buf_fini(&quoted);
}

void client_refuse_sub(struct client *client, const struct frame *frame, bool too_many_tokens)
{
        struct buf subject = { 0 }, queue = { 0 };
        bool grouped = frame->queue.len > 0 && !too_many_tokens;
        text_quote(&subject, frame->subject);
        text_quote(&queue, frame->queue);
        struct slice s = buf_slice(&subject), q = grouped ? buf_slice(&queue) : SLICE_NULL;
        peer_send_err(&client->peer, "Permissions Violation for Subscription to %.*s%s%.*s%s",
                SLICE_ARG(s), grouped ? " using queue " : "", SLICE_ARG(q),
                too_many_tokens ? ", too many tokens" : "");
        log_error(&client->peer.tag, "Subscription Violation%s - Subject %.*s%s%.*s, SID %.*s",
                too_many_tokens ? " Too Many Tokens" : "", SLICE_ARG(s), grouped ? ", Queue: " : "",
                SLICE_ARG(q), SLICE_ARG(frame->sid));
        buf_fini(&subject);
        buf_fini(&queue);
}

void client_send_info(struct client *client, const struct info_template *which, bool connect_info)
{
        struct peer *peer = &client->peer;
        const struct settings *settings = peer_settings(peer);
        struct buf line = { 0 };
        char ip[64];
        bool first = which == NULL && !connect_info;
        peer_addr_ip(&peer->addr, ip, sizeof ip);
        const struct client_info info = {
                .auth_required =
                        first ? client_auth_is_asked(client) : client_auth_required(client),
                .tls_required = client->tls_first,
                .max_payload = settings->limits.max_payload_bytes,
                .client_id = peer->id,
                .client_ip = ip,
                .nonce = first ? client_nonce(client) : NULL,
                .connect_info = connect_info,
                .remote_account = connect_info ? peer->own.account->name : NULL,
        };
        info_render(which ? which : settings->info, &info, &line);
        if (settings->trace)
                trace_out(peer, slice_of(line.ptr, line.len > 3 ? line.len - 3 : 0));
        peer_send(peer, buf_slice(&line));
        buf_fini(&line);
}

static void on_ping(struct peer *peer, const struct frame *frame)
{
        struct client *client = client_of(peer);
        (void)frame;
        if (peer_settings(peer)->trace)
                trace_out(peer, SLICE_LIT("PONG"));
        keepalive_on_ping(peer);
        if (!client->connected || client->first_pong_sent)
                return;
        client->first_pong_sent = true;
        if (client->opts.protocol >= 1)
                client_send_info(client, NULL, true);
}

static void on_pong(struct peer *peer, const struct frame *frame)
{
        (void)frame;
        keepalive_on_pong(peer);
}

static void on_ok(struct peer *peer, const struct frame *frame)
{
        (void)peer;
        (void)frame;
}

static void on_err(struct peer *peer, const struct frame *frame)
{
        log_error(&peer->tag, "%s Error %.*s", peer->ops->name, SLICE_ARG(frame->text));
        peer_close(peer, CLOSE_PARSE_ERROR);
}

/* INFO from a client is parsed and then ignored; only broken JSON has an effect. */
static void on_info(struct peer *peer, const struct frame *frame)
{
        if (connect_json_is_object(frame->text))
                return;
        log_error(&peer->tag, "INFO refused: INFO is not a JSON object");
        peer_close(peer, CLOSE_PROTOCOL);
}

static const verb_fn client_verbs[VERB_COUNT] = {
        [VERB_CONNECT] = client_on_connect,
        [VERB_PUB] = client_on_pub,
        [VERB_HPUB] = client_on_pub,
        [VERB_SUB] = client_on_sub,
        [VERB_UNSUB] = client_on_unsub,
        [VERB_PING] = on_ping,
        [VERB_PONG] = on_pong,
        [VERB_OK] = on_ok,
        [VERB_ERR] = on_err,
        [VERB_INFO] = on_info,
};

/* ---- life -------------------------------------------------------------------------------- */

static void on_record(struct mail *mail)
{
        struct record_mail *letter = CONTAINER_OF(mail, struct record_mail, mail);
        letter->server->on_closed_record(letter->server, letter->record);
        xfree(letter);
}

static void post_record(struct peer *peer)
{
        struct peer_server *server = peer->server;
        struct record_mail *letter = xnew(struct record_mail);
        letter->record = xnew(struct peer_info);
        peer_snapshot(peer, letter->record, PEER_WANT_FIRST_SUBS);
        letter->server = server;
        letter->mail.deliver = on_record;
        roster_report(peer->loop->roster, server->control, &letter->mail);
}

static void on_close(struct peer *peer)
{
        struct peer_server *server = peer->server;
        client_login_stop(client_of(peer));
        log_debug(&peer->tag, "%s connection closed: %s", peer->ops->name,
                close_reason_text(peer->own.reason));
        atomic_fetch_sub_explicit(&server->shared.client_n, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&peer->own.account->shared.client_n, 1, memory_order_relaxed);
        if (server->on_closed_record) /* else nobody could ask for it */
                post_record(peer);
}

static void count_out_of_loop(struct loop *loop)
{
        atomic_fetch_sub_explicit(&loop->shared.conn_n, 1, memory_order_relaxed);
}

static void client_free(struct peer *peer)
{
        struct client *client = client_of(peer);
        count_out_of_loop(peer->loop);
        connect_options_fini(&client->opts);
        client_login_fini(client);
        xfree(client);
}

static void serve(struct client *client)
{
        keepalive_start(&client->peer);
        client_login_start(client);
        conn_open(&client->peer.own.conn);
}

/* "v1.2:py:name", as far as CONNECT told. */
static void label_program(const struct connect_options *opts, struct buf *out)
{
        if (opts->version[0])
                buf_printf(out, "v%s", opts->version);
        if (opts->lang[0])
                buf_printf(out, "%s%s", out->len ? ":" : "", opts->lang);
        if (opts->name[0])
                buf_printf(out, "%s%s", out->len ? ":" : "", opts->name);
}

static void append_quoted(struct buf *out, struct buf *word)
{
        if (word->len > 0) {
                buf_append_str(out, " - ");
                text_quote(out, buf_slice(word));
        }
        buf_fini(word);
}

/* ` - "v1.2:py:name" - "$G/user:me"` */
static void label(const struct peer *peer, struct buf *out)
{
        const struct client *client = CONTAINER_OF(peer, const struct client, peer);
        struct buf program = { 0 }, user = { 0 };
        if (!client->connected)
                return;
        label_program(&client->opts, &program);
        client_label_user(client, &user);
        append_quoted(out, &program);
        append_quoted(out, &user);
}

static void start_tls(struct client *client)
{
        struct peer *peer = &client->peer;
        const struct settings *settings = peer_settings(peer);
        if (settings->tls_rate &&
                !rate_counter_allow(settings->tls_rate, loop_now_ns(peer->loop))) {
                peer_close(peer, CLOSE_TLS_RATE);
                return;
        }
        log_debug(&peer->tag, "Starting TLS client connection handshake");
        conn_start_tls(
                &peer->own.conn, settings->tls, settings->crypto, settings->tls_timeout_ns, NULL);
}

/* INFO is out: TLS for all, for those who begin with it, or (since a reload) for nobody. */
static void after_info(struct client *client)
{
        const struct settings *settings = peer_settings(&client->peer);
        client->sniffing = settings->tls && settings->allow_non_tls;
        if (client->sniffing)
                conn_wait_first(&client->peer.own.conn, settings->tls_timeout_ns);
        else if (settings->tls)
                start_tls(client);
        else
                serve(client);
}

/* One byte is enough to tell: a TLS record begins with 0x16, no verb does. Silence means plaintext. */
static void on_sniffed(struct client *client, bool got)
{
        enum { TLS_HANDSHAKE_RECORD = 0x16 };
        client->sniffing = false;
        if (got && peer_settings(&client->peer)->tls &&
                conn_first_byte(&client->peer.own.conn) == TLS_HANDSHAKE_RECORD)
                start_tls(client);
        else
                serve(client);
}

static void on_first(struct peer *peer, bool got)
{
        struct client *client = client_of(peer);
        const bool tls =
                peer_settings(peer)->tls != NULL; /* a reload may have ended it meanwhile */
        if (client->sniffing) {
                on_sniffed(client, got);
        } else if (got && tls) {
                start_tls(client);
        } else {
                client->tls_first = false;
                client_send_info(client, NULL, false);
                after_info(client);
        }
}

/* The pins may have changed while the handshake went on. */
static bool is_unpinned(const struct peer *peer, const struct tls_session *session)
{
        const struct tls_ctx *now = peer_settings(peer)->tls;
        char key[65];
        if (now == NULL || tls_session_is_pinned(session, now, key))
                return false;
        peer_log_not_pinned(peer, key);
        return true;
}

static void on_secure(struct peer *peer)
{
        struct client *client = client_of(peer);
        struct tls_session *session = conn_tls(&peer->own.conn);
        log_debug(&peer->tag, "TLS handshake complete");
        log_debug(&peer->tag, "TLS version %s, cipher suite %s", tls_session_version(session),
                tls_session_cipher(session));
        if (is_unpinned(peer, session)) {
                log_error(&peer->tag, "TLS handshake error: certificate not pinned");
                peer_close(peer, CLOSE_TLS_HANDSHAKE);
                return;
        }
        if (client->tls_first)
                client_send_info(client, NULL, false);
        keepalive_start(peer);
        client_login_start(client);
}

static const struct peer_ops client_ops = {
        .name = "Client",
        .id_name = "cid",
        .kind = VERB_KIND_CLIENT,
        .verb = client_verbs,
        .admit = client_admit,
        .deliver = client_deliver,
        .on_read_end = dispatch_end_of_read,
        .on_secure = on_secure,
        .on_first = on_first,
        .label = label,
        .on_settings = client_on_settings,
        .snapshot = client_snapshot,
        .on_close = on_close,
        .free = client_free,
};

/* n: how many there were as this one came, itself among them. Loops accept at the same time: who asked for the
 * number later would count those that came behind, and all of them would be refused for one place. */
static bool too_many(int64_t n, const struct settings *settings)
{
        int64_t max = settings->limits.max_connections;
        return max <= 0 || n > max;
}

static void greet(struct client *client, int64_t n)
{
        struct peer *peer = &client->peer;
        const struct settings *settings = peer_settings(peer);
        client->tls_first = settings->tls && settings->tls_first;
        if (!client->tls_first)
                client_send_info(client, NULL, false);
        if (too_many(n, settings)) {
                if (peer_may_notice(peer, NOTICE_FULL))
                        log_error(&peer->tag, "maximum connections exceeded");
                peer_close(peer, CLOSE_MAX_CONNECTIONS);
                return;
        }
        if (client->tls_first && settings->tls_first_fallback_ns > 0)
                conn_wait_first(&peer->own.conn, settings->tls_first_fallback_ns);
        else if (client->tls_first)
                start_tls(client);
        else
                after_info(client);
}

static void count_into_loop(struct loop *loop)
{
        atomic_fetch_add_explicit(&loop->shared.conn_n, 1, memory_order_relaxed);
}

/* It has been counted. */
static void begin(
        struct peer_server *server, struct loop *loop, int fd, const struct peer_addr *addr)
{
        struct client *client = xnew(struct client);
        int rc = peer_init(&client->peer, &client_ops, server, loop, fd, addr);
        if (rc < 0) {
                count_out_of_loop(loop);
                if (rc != ERR_CLOSED)
                        log_error(NULL, "Error accepting a client: %s", err_text(rc));
                xfree(client);
                return;
        }
        connect_options_init(&client->opts);
        client_login_init(client);
        int64_t before =
                atomic_fetch_add_explicit(&server->shared.client_n, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&server->shared.total_n, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(
                &client->peer.own.account->shared.client_n, 1, memory_order_relaxed);
        log_debug(&client->peer.tag, "Client connection created");
        greet(client, before + 1);
}

static void on_accept(struct mail *mail)
{
        struct accept_mail *letter = CONTAINER_OF(mail, struct accept_mail, mail);
        begin(letter->server, letter->loop, letter->fd, &letter->addr);
        xfree(letter);
}

void client_accept(
        struct peer_server *server, struct loop *loop, int fd, const struct peer_addr *addr)
{
        count_into_loop(loop);
        begin(server, loop, fd, addr);
}

void client_accept_post(
        struct peer_server *server, struct loop *loop, int fd, const struct peer_addr *addr)
{
        struct accept_mail *letter = xnew(struct accept_mail);
        letter->server = server;
        letter->loop = loop;
        letter->fd = fd;
        letter->addr = *addr;
        letter->mail.deliver = on_accept;
        count_into_loop(loop); /* now: placement is to know at once */
        loop_post(loop, &letter->mail);
}
