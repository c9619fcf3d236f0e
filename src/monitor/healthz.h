/* SPDX-License-Identifier: Apache-2.0 */
/* healthz.h: /healthz: may this server get work? A plain function over plain data. */
#pragma once
#include <stdbool.h>

struct buf;
struct query;

/* Append the compact JSON; returns the HTTP status. problem: what is to be logged, appended. */
int healthz_render(
        const struct query *query, bool listeners_up, struct buf *out, struct buf *problem);
