/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/pick.h"
#include "base/mem.h"
#include <stdbool.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

static bool before(const struct pick_item *a, const struct pick_item *b)
{
        return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void swap(struct pick_item *a, struct pick_item *b)
{
        struct pick_item old = *a;
        *a = *b;
        *b = old;
}

static void sift_up(struct pick *pick, size_t at)
{
        while (at > 0) {
                size_t parent = (at - 1) / 2;
                if (!before(&pick->items[parent], &pick->items[at]))
                        return;
                swap(&pick->items[parent], &pick->items[at]);
                at = parent;
        }
}

static void sift_down(struct pick *pick, size_t at)
{
        for (;;) {
                size_t last = at, left = 2 * at + 1, right = left + 1;
                if (left < pick->n && before(&pick->items[last], &pick->items[left]))
                        last = left;
                if (right < pick->n && before(&pick->items[last], &pick->items[right]))
                        last = right;
                if (last == at)
                        return;
                swap(&pick->items[last], &pick->items[at]);
                at = last;
        }
}

void pick_init(struct pick *pick, size_t max)
{
        *pick = (struct pick){ .max = max };
}

void pick_fini(struct pick *pick)
{
        xfree(pick->items);
        *pick = (struct pick){ 0 };
}

void pick_offer(struct pick *pick, struct pick_item item)
{
        if (pick->n < pick->max) {
                if (pick->n == pick->cap) {
                        pick->cap = pick->cap ? pick->cap * 2 : FIRST_CAP;
                        pick->items = xrealloc(pick->items, pick->cap * sizeof pick->items[0]);
                }
                pick->items[pick->n++] = item;
                sift_up(pick, pick->n - 1);
        } else if (pick->max > 0 && before(&item, &pick->items[0])) {
                pick->items[0] = item;
                sift_down(pick, 0);
        }
}

static int compare(const void *a, const void *b)
{
        return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

void pick_sort(struct pick *pick)
{
        if (pick->n > 1)
                qsort(pick->items, pick->n, sizeof pick->items[0], compare);
}
