/* SPDX-License-Identifier: Apache-2.0 */
/* client.h: a NATS client: the peer that authenticates with CONNECT, publishes and subscribes. */
#pragma once
#include "base/slice.h"
#include "peer/peer.h"
#include "proto/connect.h"
#include <stdbool.h>

struct auth;
struct auth_user;
struct client_login;
struct client_perm;
struct info_template;
struct loop;
struct peer_server;

struct client {
        struct peer peer;            /* first: the ops convert back */
        struct connect_options opts; /* initial values until CONNECT */
        bool headers;                /* both sides speak headers */
        bool connected;              /* CONNECT was processed */
        bool first_pong_sent;        /* the PONG after CONNECT, and the INFO behind it */
        bool tls_first;              /* the handshake came before INFO */
        bool sniffing;               /* the first byte tells whether the client wants TLS */
        bool token_sent;             /* some CONNECT had a token */
        struct auth *auth; /* what the login was checked against; one reference, or NULL */
        const struct auth_user *user; /* in it; NULL: nobody in particular */
        struct client_perm *perm;     /* what he may do; NULL: everything */
        struct client_login *login;   /* NULL: nobody had to log in when he came */
};

static inline struct client *client_of(struct peer *peer)
{
        return CONTAINER_OF(peer, struct client, peer);
}

/* Owner loop: greet whoever is behind this fresh socket and serve him until it closes. */
void client_accept(
        struct peer_server *server, struct loop *loop, int fd, const struct peer_addr *addr);
/* Any thread: the same on that loop. */
void client_accept_post(
        struct peer_server *server, struct loop *loop, int fd, const struct peer_addr *addr);

/* Owner loop. Send INFO: the one of the settings, or `which` when it is not NULL. connect_info: with what
 * only a connected client is told. */
void client_send_info(struct client *client, const struct info_template *which, bool connect_info);
