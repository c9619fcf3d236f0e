/* SPDX-License-Identifier: Apache-2.0 */
/* query.h: the parameters of a request, decoded as the reference does (monitoring.md 3): in the
 * order of the endpoint's row, the first failure ends it. An empty value is one that was not given.
 */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct buf;

enum query_type {
        QUERY_TEXT,
        QUERY_BOOL,
        QUERY_INT,
        QUERY_U64,
        QUERY_STATE, /* read with query_int(): enum query_state */
        QUERY_SUBS,  /* read with query_int(): enum query_subs */
};

enum query_state { QUERY_STATE_OPEN, QUERY_STATE_CLOSED, QUERY_STATE_ALL };
enum query_subs { QUERY_SUBS_NONE, QUERY_SUBS_LIST, QUERY_SUBS_DETAIL };

struct query_param {
        const char *name; /* NULL ends a list */
        enum query_type type;
};

enum { QUERY_PARAM_MAX = 12 };

struct query_value {
        char *text; /* owned; NULL: not given */
        int64_t number;
        uint64_t natural;
        bool flag;
};

struct query {
        const struct query_param *params;
        struct query_value value[QUERY_PARAM_MAX];
};

/* raw: the part behind '?'. Returns 0, or ERR_INVALID with the body of the 400 appended to error.
 * query_fini() is due in both cases. */
MUST_CHECK int query_decode(
        struct query *query, const struct query_param *params, struct slice raw, struct buf *error);
void query_fini(struct query *query);

/* The parameter must be one of the endpoint's. Not given: "", false, 0. */
const char *query_text(const struct query *query, const char *name);
bool query_bool(const struct query *query, const char *name);
int64_t query_int(const struct query *query, const char *name);
uint64_t query_u64(const struct query *query, const char *name);
