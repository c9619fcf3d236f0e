/* SPDX-License-Identifier: Apache-2.0 */
/* client_internal.h: the verbs of a client, one file each, and what they share. */
#pragma once
#include "client/client.h"

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
/* Permissions Violation for <what> "<subject>"<tail>: the reference's words; the client stays. */
void client_violation(
        struct client *client, const char *what, struct slice subject, const char *tail);
