/* SPDX-License-Identifier: Apache-2.0 */
#include "server/placement.h"

enum {
        GROUPS_TOTAL = 256, /* connections before every loop has its first group */
        GROUP_LEAST = 16,
        GROUP_MOST = 128,
        GROUP_TLS = 4,
        BUSY_PERCENT = 50,
};

unsigned placement_group(unsigned loop_n, bool tls)
{
        if (tls)
                return GROUP_TLS;
        unsigned group = GROUPS_TOTAL / (loop_n ? loop_n : 1);
        if (group > GROUP_MOST)
                return GROUP_MOST;
        return group < GROUP_LEAST ? GROUP_LEAST : group;
}

static bool is_busy(const struct placement_load *load)
{
        return load->busy_percent >= BUSY_PERCENT;
}

static bool is_better(const struct placement_load *a, const struct placement_load *b)
{
        if (is_busy(a) != is_busy(b))
                return is_busy(b);
        return a->conn_n < b->conn_n;
}

unsigned placement_choose(
        const struct placement_load *loads, unsigned n, unsigned last, unsigned group)
{
        unsigned best = 0;
        for (unsigned i = 1; i < n; i++)
                if (is_better(&loads[i], &loads[best]))
                        best = i;
        if (last < n && !is_busy(&loads[last]) && loads[last].conn_n < loads[best].conn_n + group)
                return last;
        return best;
}

void placement_trim(uint64_t *conn_n, unsigned loop_n, uint64_t n)
{
        uint64_t total_n = 0, before_n = 0, given_n = 0; /* running totals leave no remainder */
        for (unsigned i = 0; i < loop_n; i++)
                total_n += conn_n[i];
        if (n >= total_n)
                return;
        for (unsigned i = 0; i < loop_n; i++) {
                before_n += conn_n[i];
                uint64_t due_n = n * before_n / total_n;
                conn_n[i] = due_n - given_n;
                given_n = due_n;
        }
}
