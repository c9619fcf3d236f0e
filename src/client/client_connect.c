/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT (client-protocol 2.4, 2.5), in the order the reference checks things. */
#include "client/client_internal.h"
#include "auth/auth.h"
#include "peer/settings.h"

/* Somebody who asks for what there is not. */
static void refuse_wish(struct peer *peer, enum close_reason reason, const char *words)
{
        log_error(&peer->tag, "%s", words);
        peer_close(peer, reason);
}

void client_on_connect(struct peer *peer, const struct frame *frame)
{
        struct client *client = client_of(peer);
        struct errbuf eb = { "" };
        keepalive_connected(peer);
        if (connect_options_parse(&client->opts, frame->text, &eb) < 0) {
                log_error(&peer->tag, "CONNECT refused: %s", eb.text);
                peer_close(peer, CLOSE_PROTOCOL);
                return;
        }
        if (client->connected)
                peer_unsubscribe_all(peer);
        client->headers = client->opts.headers && peer_settings(peer)->headers;
        peer->own.parser.headers_ok = client->headers;
        client_log_in(client);
}

void client_on_login(struct client *client, const struct auth_result *result)
{
        static const struct auth_result no_such_thing = { .verdict = AUTH_WRONG };
        struct peer *peer = &client->peer;
        if (!client_let_in(client, result))
                return;
        if (client->opts.new_account || client->opts.account[0]) {
                client_refuse(client, &no_such_thing);
                return;
        }
        if (client->opts.protocol < 0 || client->opts.protocol > 1) {
                refuse_wish(peer, CLOSE_BAD_PROTOCOL_VERSION, "invalid client protocol");
                return;
        }
        if (client->opts.no_responders && !client->headers) {
                refuse_wish(peer, CLOSE_NO_RESPONDERS_HEADERS,
                        "no responders requires headers support");
                return;
        }
        client_ok(client);
}
