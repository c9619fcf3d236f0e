/* SPDX-License-Identifier: Apache-2.0 */
/* client_perm.h: what one client may do: its user's permit, the replies it was given, and what was asked
 * lately. A client that may do everything has none. Owner: its loop. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct auth_user;
struct client_perm;
struct permit;

struct client_perm *client_perm_new(const struct auth_user *user); /* NULL: everything is allowed */
/* No subscription refers to its permit any more, or a grace period is to come. NULL is fine. */
void client_perm_free(struct client_perm *perm);

const struct permit *client_perm_permit(const struct client_perm *perm);
/* May it be published whatever was delivered before? Not when only as an answer. */
bool client_perm_is_listed(struct client_perm *perm, struct slice subject);
/* Counts it, when it is an answer. */
bool client_perm_publish(struct client_perm *perm, struct slice subject, uint64_t now_ns);
/* A message with this reply subject is delivered. */
void client_perm_on_reply(struct client_perm *perm, struct slice reply, uint64_t now_ns);
