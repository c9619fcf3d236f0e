/* SPDX-License-Identifier: Apache-2.0 */
/* collect.h: ask every loop for its connections: one letter there, one back, and nobody waits.
 *
 *   control: collect_start ──mail──► loop: measure all, copy the first of them ──mail──► control:
 * done
 *
 * A loop copies only what a page can show: the first `need` in the asked order. The first `need` of
 * all are among those. */
#pragma once
#include "base/mailbox.h"
#include "monitor/connz.h"
#include <stddef.h>
#include <stdint.h>

struct account;
struct collect;
struct loop;
struct peer_info;
struct peer_server;

struct collect_ask {
        enum connz_sort sort;
        size_t need;                   /* SIZE_MAX: all */
        uint64_t now_ns;               /* wall clock: the moment the answer shows */
        unsigned want;                 /* PEER_WANT_* */
        uint64_t cid;                  /* not 0: only this one */
        const struct account *account; /* NULL: any */
        const char *user;              /* "": any; borrowed until done */
        bool nobody;                   /* count only */
};

/* What one loop found. */
struct collect_part {
        struct mail mail;
        struct collect *collect;
        struct loop *loop;
        uint64_t total;          /* in the account */
        struct peer_info *infos; /* owned, in order */
        size_t n;
};

struct collect {
        struct collect_ask ask; /* read by all while it lasts */
        struct loop *home;
        void (*done)(struct collect *collect);
        unsigned left; /* parts that have not come back */
        struct collect_part *parts;
        unsigned part_n;
};

/* On the control loop, as is done(): exactly once, never from inside this call; the caller fills
 * ask and done first and calls collect_fini() when it has read the parts. */
void collect_start(struct collect *collect, struct peer_server *peers);
void collect_fini(struct collect *collect);
