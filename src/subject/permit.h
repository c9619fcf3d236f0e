/* SPDX-License-Identifier: Apache-2.0 */
/* permit.h: what somebody may publish, subscribe and be given (client-protocol 5.6). The one place that
 * decides it, for every kind of peer and every path a message takes.
 *
 * Made once for each set of rules, then immutable and counted: its owner hands it out, any thread asks it.
 * A NULL permit allows everything; callers test that themselves, inline, on their hot path. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>

struct permit;

/* Entries are "subject" or, for subscriptions, "subject queue"; all are valid (config.md 2.2). */
struct permit_list {
        const char *const *at;
        int n;
};

struct permit_rules {
        struct permit_list publish_allow, publish_deny, subscribe_allow, subscribe_deny;
        bool closed; /* without publish_allow nothing may be published, rather than everything */
};

/* Copies what it needs of the rules. */
struct permit *permit_new(const struct permit_rules *rules);
struct permit *permit_ref(struct permit *permit);
/* The memory goes a grace period after the last reference (base/rcu.h). NULL is fine. */
void permit_unref(struct permit *permit);

/* Deny wins over allow; an empty allow list allows all. The subject is looked up as if it were a
 * literal: a wildcard token in it is an ordinary token, and one with an empty token matches no entry. */
bool permit_can_publish(const struct permit *permit, struct slice subject);
/* queue: empty for a plain subscription. Entries with a queue decide about queue subscriptions only;
 * when one of the allow list covers the subject, plain entries do not help. */
bool permit_can_subscribe(const struct permit *permit, struct slice subject, struct slice queue);

/* Of an allowed subscription: can it be reached by subjects that are denied? Then every message has to
 * pass permit_can_deliver(). */
bool permit_must_filter(const struct permit *permit, struct slice subject, struct slice queue);
/* May a message with this subject go to a subscription with this queue (empty: plain)? */
bool permit_can_deliver(const struct permit *permit, struct slice subject, struct slice queue);
