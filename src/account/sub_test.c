/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription costs: counted, not measured, so that it cannot grow unnoticed. */
#include "account/sub.h"
#include "account/account.h"
#include "base/mem.h"
#include "base/slab.h"
#include "subject/trie_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { SUBS = 100000 };

static void has_44_bytes_and_its_text(void **state)
{
        (void)state;
        assert_int_equal(sizeof(struct trie_link), 32);
        assert_int_equal(offsetof(struct sub, text), 44);
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

static void add(struct subs_batch *batch, struct account *account, struct sub *sub)
{
        struct trie_aim aim;
        assert_int_equal(trie_aim_rcu(account->trie, sub_subject(sub), &aim), 0);
        subs_batch_add(batch, account, sub, &aim);
}

/* In the trie when the batch is full, at a flush, and before those of another account. */
static void waits_in_a_batch(void **state)
{
        (void)state;
        enum { N = SUBS_BATCH_MAX + 2 };
        struct sub *subs[N];
        struct subs_batch batch = { 0 };
        struct slab *slab = slab_new();
        struct account *a = account_new("A", 0), *b = account_new("B", 1);
        for (unsigned i = 0; i < N; i++)
                subs[i] = sub_new(slab, NULL, 0, SLICE_LIT("x.*.y"), SLICE_NULL, SLICE_LIT("1"));
        for (unsigned i = 0; i < N - 1; i++) {
                add(&batch, a, subs[i]);
                assert_int_equal(trie_count(a->trie), i + 1 < SUBS_BATCH_MAX ? 0 : SUBS_BATCH_MAX);
        }
        add(&batch, b, subs[N - 1]);
        assert_int_equal(trie_count(a->trie), N - 1);
        assert_int_equal(trie_count(b->trie), 0);
        subs_batch_flush(&batch);
        assert_int_equal(trie_count(b->trie), 1);
        subs_batch_flush(&batch);
        assert_int_equal(trie_count(b->trie), 1);
        subs_remove_all(a, subs, N - 1);
        subs_remove(b, subs[N - 1]);
        rcu_barrier_wait();
        for (unsigned i = 0; i < N; i++)
                sub_free(subs[i]);
        account_free(a);
        account_free(b);
        slab_free(slab);
}

/* One whose secret puts what mixed() begins with into tables of their own. Two in one table may need more parts
 * than each for itself, and thirty-one of a thousand secrets do that. */
static struct account *account_without_neighbours(void)
{
        for (;;) {
                struct account *account = account_new("A", 0);
                size_t dev = trie_subject_shard(account->trie, SLICE_LIT("dev"));
                size_t area = trie_subject_shard(account->trie, SLICE_LIT("area"));
                size_t in = trie_subject_shard(account->trie, SLICE_LIT("in"));
                if (dev != area && area != in && in != dev)
                        return account;
                account_free(account);
        }
}

/* Bytes of each of SUBS subscriptions, in the slab and in the trie. */
static double cost_of(text_fn text)
{
        static struct sub *subs[SUBS];
        struct slab *slab = slab_new();
        struct account *account = account_without_neighbours();
        struct subs_batch batch = { 0 };
        char subject[64], sid[16];
        for (unsigned i = 0; i < SUBS; i++) {
                text(subject, sizeof subject, i);
                snprintf(sid, sizeof sid, "%u", i + 1);
                subs[i] = sub_new(slab, NULL, 0, slice_str(subject), SLICE_NULL, slice_str(sid));
                add(&batch, account, subs[i]);
        }
        subs_batch_flush(&batch);
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

/* Sids add 4 bytes to 18 (peer/subs_test.c). */
static void costs_little(void **state)
{
        (void)state;
        double a = cost_of(literal), b = cost_of(inbox), c = cost_of(mixed);
        print_message("bytes: literal %.1f, inbox %.1f, mixed %.1f\n", a, b, c);
        assert_true(a <= 85);
        assert_true(b <= 102);
        assert_true(c <= 113);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(has_44_bytes_and_its_text),
                cmocka_unit_test(waits_in_a_batch),
                cmocka_unit_test(costs_little),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
