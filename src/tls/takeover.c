/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic secrets come from our own key derivation; where the library does not use it, from its key
 * log, as a line "LABEL RANDOM SECRET" in hexadecimal, which takes it 8 % of a handshake to write. They are
 * wiped when the records have them, and written nowhere. */
#include "tls/takeover.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/records.h"
#include "tls/tls_internal.h"
#include <string.h>

enum { HEADER_BYTES = 5 };

struct traffic_secrets {
        uint8_t client[RECORD_SECRET_BYTES], server[RECORD_SECRET_BYTES];
        uint8_t client_n, server_n;
        uint8_t sent; /* records under our application key */
        bool odd;     /* something that does not add up: the library keeps the session */
};

static int nibble(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0: not a secret of a length we know. */
static uint8_t decode(const char *hex, uint8_t *dst)
{
        size_t n = strlen(hex) / 2;
        if (n > RECORD_SECRET_BYTES || strlen(hex) % 2 != 0)
                return 0;
        for (size_t i = 0; i < n; i++) {
                int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
                if (high < 0 || low < 0)
                        return 0;
                dst[i] = (uint8_t)(high << 4 | low);
        }
        return (uint8_t)n;
}

static struct traffic_secrets *secrets_of(struct tls_session *session)
{
        if (session->secrets == NULL)
                session->secrets = xnew(struct traffic_secrets);
        return session->secrets;
}

static _Thread_local struct tls_session *watched;

void takeover_watch(struct tls_session *session)
{
        watched = session;
}

void takeover_secret(struct slice label, struct slice secret)
{
        bool is_client = slice_eq_str(label, "c ap traffic");
        if (watched == NULL || secret.len > RECORD_SECRET_BYTES ||
                (!is_client && !slice_eq_str(label, "s ap traffic")))
                return;
        struct traffic_secrets *secrets = secrets_of(watched);
        memcpy(is_client ? secrets->client : secrets->server, secret.ptr, secret.len);
        *(is_client ? &secrets->client_n : &secrets->server_n) = (uint8_t)secret.len;
}

void takeover_key_log(const SSL *ssl, const char *line)
{
        static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ";
        static const char server[] = "SERVER_TRAFFIC_SECRET_0 ";
        bool is_client = strncmp(line, client, sizeof(client) - 1) == 0;
        if (!is_client && strncmp(line, server, sizeof(server) - 1) != 0)
                return;
        struct traffic_secrets *secrets = secrets_of(tls_session_of(ssl));
        const char *hex = strrchr(line, ' ') + 1;
        if (is_client)
                secrets->client_n = decode(hex, secrets->client);
        else
                secrets->server_n = decode(hex, secrets->server);
}

void takeover_count(struct tls_session *session, struct slice sent)
{
        struct traffic_secrets *secrets = secrets_of(session);
        const uint8_t *at = (const uint8_t *)sent.ptr, *end = at + sent.len;
        while (end - at >= HEADER_BYTES) {
                size_t record = HEADER_BYTES + ((size_t)at[3] << 8 | at[4]);
                if (at[0] != SSL3_RT_APPLICATION_DATA || record > (size_t)(end - at) ||
                        ++secrets->sent > 8)
                        break;
                at += record;
        }
        secrets->odd = secrets->odd || at != end;
}

void takeover_forget(struct tls_session *session)
{
        if (session->secrets)
                mem_wipe(session->secrets, sizeof(*session->secrets));
        xfree(session->secrets);
        session->secrets = NULL;
}

/* RFC 6066 section 4: a client with little memory wants records shorter than ours are. */
static bool has_short_records(const SSL *ssl)
{
        const SSL_SESSION *agreed = SSL_get_session(ssl);
        return agreed == NULL ||
               SSL_SESSION_get_max_fragment_length(agreed) != TLSEXT_max_fragment_length_DISABLED;
}

/* A client that resumes needs the library for the tickets that come later. */
static bool is_movable(const struct tls_session *session)
{
        const struct traffic_secrets *secrets = session->secrets;
        return secrets && !secrets->odd && secrets->client_n == secrets->server_n &&
               SSL_version(session->ssl) == TLS1_3_VERSION && !SSL_has_pending(session->ssl) &&
               !has_short_records(session->ssl) && session->ctx->resume == NULL;
}

void takeover(struct tls_session *session)
{
        const struct traffic_secrets *secrets = session->secrets;
        bool client = session->ctx->client;
        if (is_movable(session))
                session->records = records_new(session->proof.cipher, client,
                        client ? secrets->server : secrets->client,
                        client ? secrets->client : secrets->server, secrets->client_n,
                        secrets->sent);
        takeover_forget(session);
}
