/* SPDX-License-Identifier: Apache-2.0 */
/* roster.h: the peers of one loop, and the settings they live under. Owner: the loop. */
#pragma once
#include "base/list.h"

struct loop;
struct peer;
struct settings;

struct roster {
        struct list peers;               /* by peer->own.member */
        unsigned n;
        struct settings *settings;       /* one reference */
};

struct roster *roster_new(struct settings *settings);            /* takes a reference of its own */
void roster_free(struct roster *roster);                         /* no peer is left */

/* Owner: new settings for all peers of the loop; takes over the caller's reference. */
void roster_apply(struct loop *loop, struct settings *settings);

typedef void (*roster_fn)(struct peer *peer, void *ctx);
void roster_each(struct loop *loop, roster_fn fn, void *ctx);    /* fn may close its peer */
