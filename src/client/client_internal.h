/* SPDX-License-Identifier: Apache-2.0 */
/* client_internal.h: the verbs of a client, one file each, and what they share. */
#pragma once
#include "client/client.h"

struct auth_result;
struct buf;
struct msg;
struct sub;

void client_on_connect(struct peer *peer, const struct frame *frame);
void client_on_pub(struct peer *peer, const struct frame *frame); /* PUB and HPUB */
void client_on_sub(struct peer *peer, const struct frame *frame);
void client_on_unsub(struct peer *peer, const struct frame *frame);
enum deliver_result client_deliver(struct peer *peer, struct sub *sub, const struct msg *msg);
void client_deliver_no_responders(struct client *client, struct sub *sub, const struct msg *msg);
void client_snapshot(struct peer *peer, struct peer_info *out, unsigned want);

/* +OK, when the client asked for it. */
void client_ok(struct client *client);
/* Permissions Violation, in the reference's words; the client stays. */
void client_refuse_publish(struct client *client, struct slice subject);
void client_refuse_reply(struct client *client, struct slice reply);
void client_refuse_sub(struct client *client, const struct frame *frame, bool too_many_tokens);

/* client_login.c */
void client_login_init(struct client *client);  /* at accept: must he log in? */
void client_login_start(struct client *client); /* he can speak: the time begins */
void client_login_stop(struct client *client);
void client_login_fini(struct client *client);
/* CONNECT was read: check it. client_on_login() follows, at once or when the proof is made. */
void client_log_in(struct client *client);
void client_on_login(
        struct client *client, const struct auth_result *result);            /* client_connect.c */
bool client_let_in(struct client *client, const struct auth_result *result); /* or refuse: false */
void client_refuse(struct client *client, const struct auth_result *result); /* log and close */
bool client_admit(struct peer *peer, char first);                            /* peer_ops */
void client_on_settings(struct peer *peer);                                  /* peer_ops */
bool client_auth_required(const struct client *client);
bool client_auth_is_asked(const struct client *client);    /* what the first INFO says */
const char *client_nonce(const struct client *client);     /* "": none */
const char *client_user_name(const struct client *client); /* for people to read; "": nobody */
void client_label_user(const struct client *client, struct buf *out); /* "$G/user:me"; or nothing */
