/* SPDX-License-Identifier: Apache-2.0 */
/* roster.h: the peers of one loop, and the settings they live under. Owner: the loop. */
#pragma once
#include "account/sub.h"
#include "base/fold.h"
#include "base/list.h"
#include <stdbool.h>

struct loop;
struct mail;
struct peer;
struct settings;
struct slab;

struct roster {
        struct list peers;         /* open ones, by peer->own.member */
        struct list ending;        /* closing ones, by the same member, until they are freed */
        unsigned n;                /* open */
        unsigned alive;            /* not freed yet */
        bool draining;             /* the server stops: no new peers; the loop ends with the last */
        struct settings *settings; /* one reference */
        struct fold handshakes;    /* failed ones, so that they do not fill the log */
        struct slab *subs;         /* where the subscriptions of the peers live */
        struct subs_batch batch;   /* of the peer that is read; empty between reads */
        unsigned reports;          /* roster_report() */
};

struct roster *roster_new(struct settings *settings); /* takes a reference of its own */
void roster_free(struct roster *roster);              /* no peer is left, no mail of theirs */

/* Owner: new settings for all peers of the loop; takes over the caller's reference. */
void roster_apply(struct loop *loop, struct settings *settings);

/* Owner: close everybody and end the loop when the last is freed. Call again to stop waiting for those
 * that do not read their last bytes. */
void roster_drain(struct loop *loop);

/* Owner: a letter for whoever asks on the control thread what became of a peer. It wakes that thread only now and
 * then, so that these letters do not pile up; who asks has them all, because reading a request takes mail first. */
void roster_report(struct roster *roster, struct loop *control, struct mail *mail);

typedef void (*roster_fn)(struct peer *peer, void *ctx);
void roster_each(struct loop *loop, roster_fn fn, void *ctx); /* fn may close its peer */
