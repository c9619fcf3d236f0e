/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.h: one message in, deliveries out.
 *
 *   publish ─► match cache ─► plan ─► receivers on this loop: their ops->deliver, now
 *                                └──► receivers on other loops: a parcel for each loop, one mail per read
 *
 * Everything here runs inside the read section of one socket read (peer/pump.c), which
 * dispatch_end_of_read() closes by posting the parcels. */
#pragma once
#include "proto/msg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct dispatch;
struct loop;
struct peer;
struct peer_server;
struct sub;

/* One per loop, before the loops run. cache_entries 0: no match cache. */
struct dispatch *dispatch_new(struct loop *loop, struct peer_server *server, size_t cache_entries);
/* After all loops ended; mail still under way has been delivered or dropped. */
void dispatch_free(struct dispatch *dispatch);

/* Deliver to every plain subscription and one member of each queue group. from: the publisher, whose own
 * subscriptions are skipped unless echo.
 * Returns how many receivers took it or will be handed it. */
size_t dispatch_publish(
        struct peer *from, bool echo, struct account *account, const struct msg *msg);

/* A plain subscription of this very peer that would get the subject, for the no-responders status; NULL:
 * none. */
struct sub *dispatch_own_sub(struct peer *peer, struct account *account, struct slice subject);

/* Post what was collected for other loops; hold the publisher back when receivers cannot keep up. */
void dispatch_end_of_read(struct peer *from);
