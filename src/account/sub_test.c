/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription costs: counted, not measured, so that it cannot grow unnoticed. */
#include "account/sub.h"
#include "account/account.h"
#include "base/mem.h"
#include "base/slab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { SUBS = 100000 };

static void has_51_bytes_and_its_text(void **state)
{
        (void)state;
        assert_int_equal(sizeof(struct trie_link), 32);
        assert_int_equal(offsetof(struct sub, text), 51);
        struct slab *slab = slab_new();
        struct sub *sub = sub_new(
                slab, NULL, 3, SLICE_LIT("orders.eu"), SLICE_LIT("workers"), SLICE_LIT("12345"));
        assert_true(slice_eq_str(sub_subject(sub), "orders.eu"));
        assert_true(slice_eq_str(sub_queue(sub), "workers"));
        assert_true(slice_eq_str(sub_sid(sub), "12345"));
        assert_int_equal(sub->link.shelf, 3);
        assert_int_equal(sub->link.in.own.delivered, 0);
        assert_int_equal(sub->link.in.own.max, 0);
        struct slab_stats stats;
        slab_stats(slab, &stats);
        assert_int_equal(stats.object_bytes, 72); /* 51 + 9 + 7 + 5 */
        sub_free(sub);
        slab_free(slab);
}

typedef void (*text_fn)(char *dst, size_t size, unsigned i);

static void literal(char *dst, size_t size, unsigned i)
{
        snprintf(dst, size, "a.b.%u", i);
}

static void inbox(char *dst, size_t size, unsigned i)
{
        snprintf(dst, size, "_INBOX.a8Kq0ZrXw2%08uYz3P.%u", i, i % 10);
}

static void mixed(char *dst, size_t size, unsigned i)
{
        switch (i % 4) {
        case 0:
                snprintf(dst, size, "dev.%u.state", i);
                break;
        case 1:
                snprintf(dst, size, "dev.%u.*", i);
                break;
        case 2:
                snprintf(dst, size, "area.%u.>", i);
                break;
        default:
                snprintf(dst, size, "in.%u.*.out", i);
                break;
        }
}

/* Bytes of each of SUBS subscriptions, in the slab and in the trie. */
static double cost_of(text_fn text)
{
        static struct sub *subs[SUBS];
        struct slab *slab = slab_new();
        struct account *account = account_new("A", 0);
        char subject[64], sid[16];
        for (unsigned i = 0; i < SUBS; i++) {
                text(subject, sizeof subject, i);
                snprintf(sid, sizeof sid, "%u", i + 1);
                subs[i] = sub_new(slab, NULL, 0, slice_str(subject), SLICE_NULL, slice_str(sid));
                assert_int_equal(subs_add(account, subs[i]), 0);
        }
        struct slab_stats in_slab;
        struct trie_stats in_trie;
        slab_stats(slab, &in_slab);
        trie_stats(account->trie, &in_trie);
        assert_int_equal(in_slab.objects, SUBS);
        assert_int_equal(in_trie.subscriptions, SUBS);
        subs_remove_all(account, subs, SUBS);
        rcu_barrier_wait();
        for (unsigned i = 0; i < SUBS; i++)
                sub_free(subs[i]);
        account_free(account);
        slab_free(slab);
        return (double)(in_slab.object_bytes + in_trie.bytes) / SUBS;
}

/* The table of sids adds 12 to 18 bytes (peer/subs_test.c). */
static void costs_little(void **state)
{
        (void)state;
        double a = cost_of(literal), b = cost_of(inbox), c = cost_of(mixed);
        print_message("bytes: literal %.1f, inbox %.1f, mixed %.1f\n", a, b, c);
        assert_true(a <= 92);
        assert_true(b <= 110);
        assert_true(c <= 123);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(has_51_bytes_and_its_text),
                cmocka_unit_test(costs_little),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
