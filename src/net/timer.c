/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timer.h"
#include "base/mem.h"

static void place(struct timer_heap *heap, struct timer *timer, uint32_t i)
{
        heap->at[i] = timer;
        timer->pos = i + 1;
}

static void sift_up(struct timer_heap *heap, uint32_t i)
{
        struct timer *timer = heap->at[i];
        while (i > 0) {
                uint32_t parent = (i - 1) / 2;
                if (heap->at[parent]->due_ns <= timer->due_ns)
                        break;
                place(heap, heap->at[parent], i);
                i = parent;
        }
        place(heap, timer, i);
}

static void sift_down(struct timer_heap *heap, uint32_t i)
{
        struct timer *timer = heap->at[i];
        for (;;) {
                uint32_t child = 2 * i + 1;
                if (child >= heap->n)
                        break;
                if (child + 1 < heap->n && heap->at[child + 1]->due_ns < heap->at[child]->due_ns)
                        child++;
                if (timer->due_ns <= heap->at[child]->due_ns)
                        break;
                place(heap, heap->at[child], i);
                i = child;
        }
        place(heap, timer, i);
}

void timer_heap_init(struct timer_heap *heap)
{
        *heap = (struct timer_heap){ 0 };
}

void timer_heap_fini(struct timer_heap *heap)
{
        for (uint32_t i = 0; i < heap->n; i++)
                heap->at[i]->pos = 0;
        xfree(heap->at);
        timer_heap_init(heap);
}

void timer_heap_arm(struct timer_heap *heap, struct timer *timer, uint64_t due_ns)
{
        if (timer->pos != 0) {
                uint64_t old = timer->due_ns;
                timer->due_ns = due_ns;
                if (due_ns < old)
                        sift_up(heap, timer->pos - 1);
                else
                        sift_down(heap, timer->pos - 1);
                return;
        }
        if (heap->n == heap->cap) {
                heap->cap = heap->cap ? heap->cap * 2 : 64;
                heap->at = xrealloc(heap->at, heap->cap * sizeof heap->at[0]);
        }
        timer->due_ns = due_ns;
        heap->at[heap->n++] = timer;
        sift_up(heap, heap->n - 1);
}

void timer_heap_cancel(struct timer_heap *heap, struct timer *timer)
{
        if (timer->pos == 0)
                return;
        uint32_t i = timer->pos - 1;
        timer->pos = 0;
        struct timer *last = heap->at[--heap->n];
        if (last == timer)
                return;
        heap->at[i] = last;
        last->pos = i + 1;
        sift_up(heap, i);
        sift_down(heap, last->pos - 1);
}

unsigned timer_heap_run(struct timer_heap *heap, uint64_t now_ns)
{
        unsigned ran = 0;
        while (heap->n > 0 && heap->at[0]->due_ns <= now_ns) {
                struct timer *timer = heap->at[0];
                timer_heap_cancel(heap, timer);
                timer->fn(timer);
                ran++;
        }
        return ran;
}

uint64_t timer_heap_next(const struct timer_heap *heap)
{
        return heap->n ? heap->at[0]->due_ns : UINT64_MAX;
}
