/* SPDX-License-Identifier: Apache-2.0 */
/* connz.h: /connz: which connections, in which order, printed how. Plain functions over plain data;
 * who asks the loops is collect.h, who puts both together is connz_job.c. */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct peer_info;
struct pick_item;
struct query;

enum connz_sort {
#define SORT(id, name, key) CONNZ_SORT_##id,
#include "monitor/connz_sort.def"
#undef SORT
        CONNZ_SORT_COUNT
};

enum { CONNZ_LIMIT_DEFAULT = 1024 };

struct connz_options {
        enum connz_sort sort;
        bool auth;
        int subs;                                 /* enum query_subs */
        int state;                                /* enum query_state */
        int64_t offset, limit;                    /* as printed: clamped, defaulted */
        uint64_t cid;                             /* 0: not given */
        const char *user, *account, *mqtt_client; /* "": not given; borrowed from the query */
};

/* Returns 0, or ERR_INVALID with the body of the 400 appended to error. */
MUST_CHECK int connz_options_read(
        struct connz_options *out, const struct query *query, struct buf *error);

/* How many connections in order must be known to print the page; SIZE_MAX: all. */
size_t connz_need(const struct connz_options *opts);

/* Position in the order: ascending. */
uint64_t connz_key(enum connz_sort sort, const struct peer_info *info);

/* Does a closed connection belong into the answer? The account filter alone decides about `total`.
 */
bool connz_closed_counts(const struct connz_options *opts, const struct peer_info *info);
bool connz_closed_matches(const struct connz_options *opts, const struct peer_info *info);

struct connz_page {
        const char *server_id; /* "" with an unknown account */
        uint64_t now_ns;
        uint64_t total;
        const struct pick_item *items; /* in order; value: const struct peer_info * */
        size_t n;
        bool unknown_account;
};

void connz_render(const struct connz_options *opts, const struct connz_page *page, struct buf *out);
