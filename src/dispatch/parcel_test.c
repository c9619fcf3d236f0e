/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into parcels comes out, and every chunk is given back. */
#include "dispatch/parcel.h"
#include "account/sub.h"
#include "base/chunk.h"
#include "base/mem.h"
#include "base/slab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MESSAGES = 400, LARGE_EVERY = 9, LARGE_BYTES = 10000, SUBS = 5 };

static struct parcel *full[MESSAGES];
static unsigned full_n;
static struct sub *subs[SUBS];
static struct trie_link *links[SUBS];
static struct chunk *chunk;

static void on_full(struct parcel *parcel)
{
        full[full_n++] = parcel;
}

static struct msg message(unsigned i, char *text, size_t size)
{
        size_t body = i % LARGE_EVERY == 0 ? LARGE_BYTES + i : i % 90;
        int n = snprintf(text, size, "orders.%u %s%u %s%zu\r\n", i, i % 2 ? "reply." : "", i,
                i % 3 ? "" : "007 ", body);
        char *tail = strchr(text, ' ') + 1;
        return (struct msg){
                .subject = slice_of(text, (size_t)(tail - text - 1)),
                .reply = slice_of(tail, i % 2 ? (size_t)(strchr(tail, ' ') - tail) : 0),
                .tail = slice_of(tail, (size_t)(text + n - tail)),
                .wire = slice_of(chunk->data + i, body + 2),
                .chunk = chunk,
                .n = 1,
                .header_bytes = i % 3 ? 0 : 7,
        };
}

static void check(unsigned i, const struct parcel_entry *entry, const struct msg *got)
{
        char text[128];
        struct msg want = message(i, text, sizeof text);
        assert_true(slice_eq(got->subject, want.subject));
        assert_true(slice_eq(got->reply, want.reply));
        assert_true(slice_eq(got->tail, want.tail));
        assert_int_equal(msg_is_joined(got), got->chunk == NULL);
        assert_true(slice_eq(got->wire, want.wire));
        assert_int_equal(got->header_bytes, want.header_bytes);
        assert_int_equal(got->chunk != NULL, i % LARGE_EVERY == 0);
        assert_int_equal(entry->sub_n, 1 + i % SUBS);
        for (uint32_t s = 0; s < entry->sub_n; s++)
                assert_ptr_equal(entry->links[s], links[s]);
        assert_int_equal(entry->queue, i % 4 == 0);
        assert_int_equal(entry->hops, i % 8);
        assert_int_equal(entry->not_for, i * 3);
}

static void comes_out_as_it_went_in(void **state)
{
        (void)state;
        struct parcel *open = NULL;
        unsigned seen = 0;
        size_t charged = 0;
        struct slab *slab = slab_new();
        chunk = chunk_new(64 * 1024);
        for (uint32_t i = 0; i < chunk->cap; i++)
                chunk->data[i] = (char)(i * 7 + i / 256);
        for (int i = 0; i < SUBS; i++) {
                subs[i] = sub_new(slab, NULL, 0, SLICE_LIT("orders.>"), SLICE_NULL, SLICE_LIT("1"));
                links[i] = &subs[i]->link;
        }
        for (unsigned i = 0; i < MESSAGES; i++) {
                char text[128];
                struct msg msg = message(i, text, sizeof text);
                const struct parcel_entry flags = {
                        .queue = i % 4 == 0, .hops = i % 8, .not_for = i * 3
                };
                parcel_add(&open, NULL, &msg, NULL, links, 1 + i % SUBS, &flags, on_full);
        }
        assert_true(full_n >= 1);
        on_full(open);
        for (unsigned p = 0; p < full_n; p++) {
                struct parcel_entry *entry = NULL;
                struct msg got;
                assert_true(full[p]->used <= full[p]->cap);
                assert_true(full[p]->charge_bytes >= full[p]->cap);
                charged += full[p]->charge_bytes;
                while ((entry = parcel_next(full[p], entry, &got)))
                        check(seen++, entry, &got);
        }
        assert_int_equal(seen, MESSAGES);
        assert_true(charged >= full_n * (size_t)chunk->cap); /* each holds the chunk, and once */
        assert_true(charged < full_n * ((size_t)chunk->cap + 80 * 1024));
        assert_true(chunk_is_shared(chunk));
        for (unsigned p = 0; p < full_n; p++)
                parcel_free(full[p]);
        assert_false(chunk_is_shared(chunk));
        chunk_unref(chunk);
        for (int i = 0; i < SUBS; i++)
                sub_free(subs[i]);
        slab_free(slab);
}

/* A run is cut out of the middle of what was read: from its first tail on. */
static void keeps_a_run(void **state)
{
        (void)state;
        static const char input[] = "PUB a.b 2\r\nhi\r\nPUB a.b 2\r\nho\r\nPUB a.b 2\r\nha\r\n";
        const uint32_t step = (sizeof input - 1) / 3;
        const struct msg run = {
                .subject = slice_of(input + 4, 3),
                .reply = slice_of(input + 8, 0),
                .tail = slice_of(input + 8, 3),
                .wire = slice_of(input + 11, 4),
                .n = 3,
                .step = step,
        };
        static const char *const bodies[] = { "2\r\nhi\r\n", "2\r\nho\r\n", "2\r\nha\r\n" };
        const struct parcel_entry flags = { 0 };
        struct parcel *open = NULL;
        struct slab *slab = slab_new();
        struct sub *sub = sub_new(slab, NULL, 0, SLICE_LIT("a.b"), SLICE_NULL, SLICE_LIT("1"));
        struct trie_link *link = &sub->link;
        parcel_add(&open, NULL, &run, NULL, &link, 1, &flags, on_full);
        struct msg got, single = { 0 };
        struct parcel_entry *entry = parcel_next(open, NULL, &got);
        assert_non_null(entry);
        assert_int_equal(got.n, 3);
        for (uint32_t i = 0; i < 3; i++) {
                assert_true(msg_each(&got, i, &single));
                assert_int_equal(single.n, 1);
                assert_true(slice_eq_str(single.subject, "a.b"));
                assert_true(msg_is_joined(&single));
                assert_true(slice_eq_str(
                        slice_of(single.tail.ptr, single.tail.len + single.wire.len), bodies[i]));
        }
        assert_false(msg_each(&got, 3, &single));
        assert_null(parcel_next(open, entry, &got));
        parcel_free(open);
        sub_free(sub);
        slab_free(slab);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(comes_out_as_it_went_in),
                cmocka_unit_test(keeps_a_run),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
