/* SPDX-License-Identifier: Apache-2.0 */
/* info.c: INFO in the order the reference declares its fields:
 *
 *   head    {"server_id" … "headers"            template
 *           auth_required                       client
 *   tls     tls_required tls_verify tls_available
 *           max_payload                         client
 *   stream  jetstream
 *           client_id client_ip nonce           client
 *   net     cluster domain connect_urls ldm
 *           connect_info remote_account acc_is_sys   client
 *   tail    api_lvl xkey midge} */
#include "proto/info.h"
#include "base/json.h"
#include "base/mem.h"
#include "proto/encode_client.h"
#include <stdatomic.h>

struct info_template {
        atomic_int ref_n;
        bool tls_required;
        struct buf head, tls, stream, net, tail; /* members of tls … tail begin with a comma */
};

static void put_key(struct buf *out, const char *key)
{
        buf_append_str(out, ",\"");
        buf_append_str(out, key);
        buf_append_str(out, "\":");
}

static void put_str(struct buf *out, const char *key, const char *text)
{
        put_key(out, key);
        json_quote(out, slice_str(text));
}

static void put_str_opt(struct buf *out, const char *key, const char *text)
{
        if (text && *text)
                put_str(out, key, text);
}

static void put_true_opt(struct buf *out, const char *key, bool value)
{
        if (!value)
                return;
        put_key(out, key);
        buf_append_str(out, "true");
}

static void put_u64(struct buf *out, const char *key, uint64_t value)
{
        char digits[ENCODE_SIZE_MAX];

        put_key(out, key);
        buf_append(out, digits, encode_size(digits, value));
}

static void render_head(struct buf *out, const struct server_info *s)
{
        buf_append_str(out, "INFO {\"server_id\":");
        json_quote(out, slice_str(s->server_id));
        put_str(out, "server_name", s->server_name);
        put_str(out, "version", s->version);
        put_u64(out, "proto", 1);
        put_str_opt(out, "git_commit", s->git_commit);
        put_str(out, "go", s->go);
        put_str(out, "host", s->host);
        put_u64(out, "port", (uint64_t)s->port);
        put_key(out, "headers");
        buf_append_str(out, s->headers ? "true" : "false");
}

static void render_net(struct buf *out, const struct server_info *s)
{
        put_str_opt(out, "cluster", s->cluster);
        put_str_opt(out, "domain", s->domain);
        for (int i = 0; i < s->connect_url_n; i++) {
                if (i == 0)
                        put_key(out, "connect_urls");
                buf_append_char(out, i == 0 ? '[' : ',');
                json_quote(out, slice_str(s->connect_urls[i]));
        }
        if (s->connect_url_n > 0)
                buf_append_char(out, ']');
        put_true_opt(out, "ldm", s->ldm);
}

static void render_tail(struct buf *out, const struct server_info *s)
{
        if (s->api_level > 0)
                put_u64(out, "api_lvl", (uint64_t)s->api_level);
        put_str_opt(out, "xkey", s->xkey);
        put_str_opt(out, "midge", s->midge_version);
        buf_append_str(out, "} \r\n");
}

struct info_template *info_template_new(const struct server_info *server)
{
        struct info_template *t = xnew(struct info_template);

        atomic_init(&t->ref_n, 1);
        render_head(&t->head, server);
        t->tls_required = server->tls_required;
        put_true_opt(&t->tls, "tls_verify", server->tls_verify);
        put_true_opt(&t->tls, "tls_available", server->tls_available);
        put_true_opt(&t->stream, "jetstream", server->jetstream);
        render_net(&t->net, server);
        render_tail(&t->tail, server);
        return t;
}

struct info_template *info_template_ref(struct info_template *t)
{
        atomic_fetch_add_explicit(&t->ref_n, 1, memory_order_relaxed);
        return t;
}

void info_template_unref(struct info_template *t)
{
        if (!t || atomic_fetch_sub_explicit(&t->ref_n, 1, memory_order_acq_rel) != 1)
                return;
        buf_fini(&t->head);
        buf_fini(&t->tls);
        buf_fini(&t->stream);
        buf_fini(&t->net);
        buf_fini(&t->tail);
        xfree(t);
}

void info_render(const struct info_template *t, const struct client_info *client, struct buf *out)
{
        char digits[ENCODE_SIZE_MAX];

        buf_append_slice(out, buf_slice(&t->head));
        put_true_opt(out, "auth_required", client->auth_required);
        put_true_opt(out, "tls_required", t->tls_required || client->tls_required);
        buf_append_slice(out, buf_slice(&t->tls));
        put_key(out, "max_payload");
        if (client->max_payload < 0)
                buf_append_str(out, "-1");
        else
                buf_append(out, digits, encode_size(digits, (uint64_t)client->max_payload));
        buf_append_slice(out, buf_slice(&t->stream));
        put_u64(out, "client_id", client->client_id);
        put_str_opt(out, "client_ip", client->client_ip);
        put_str_opt(out, "nonce", client->nonce);
        buf_append_slice(out, buf_slice(&t->net));
        put_true_opt(out, "connect_info", client->connect_info);
        put_str_opt(out, "remote_account", client->remote_account);
        put_true_opt(out, "acc_is_sys", client->account_is_system);
        buf_append_slice(out, buf_slice(&t->tail));
}
