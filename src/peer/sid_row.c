/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/sid_row.h"
#include "base/mem.h"
#include <string.h>

enum { CAP_FIRST = 4, CAP_SMALL = 32 };

static void grow(struct sid_row *row, uint32_t len)
{
        uint32_t cap = row->cap + row->cap / 2;
        if (cap < len)
                cap = len > CAP_FIRST ? len : CAP_FIRST;
        row->names = xrealloc(row->names, cap * sizeof row->names[0]);
        memset(row->names + row->cap, 0, (cap - row->cap) * sizeof row->names[0]);
        row->cap = cap;
}

void sid_row_put(struct sid_row *row, uint32_t number, uint32_t name)
{
        if (row->n == 0) {
                row->base = number;
                row->len = 0;
        }
        uint32_t len = number - row->base + 1;
        if (len > row->cap)
                grow(row, len);
        if (len > row->len)
                row->len = len;
        row->names[len - 1] = name;
        row->n++;
}

void sid_row_take(struct sid_row *row, uint32_t number)
{
        row->names[number - row->base] = 0;
        if (--row->n == 0)
                sid_row_fini(row);
}

/* Taken out from one end, as clients do when they clean up, the rest stays close together. */
static void cut_ends(struct sid_row *row)
{
        uint32_t first = 0;
        while (row->names[first] == 0)
                first++;
        while (row->names[row->len - 1] == 0)
                row->len--;
        row->base += first;
        row->len -= first;
        memmove(row->names, row->names + first, row->len * sizeof row->names[0]);
}

bool sid_row_shrink(struct sid_row *row)
{
        if (row->cap <= CAP_SMALL || row->n >= row->cap / 8)
                return true;
        cut_ends(row);
        if (row->len / 2 > row->n)
                return false;
        row->cap = row->len;
        row->names = xrealloc(row->names, row->cap * sizeof row->names[0]);
        return true;
}

void sid_row_fini(struct sid_row *row)
{
        xfree(row->names);
        *row = (struct sid_row){ 0 };
}
