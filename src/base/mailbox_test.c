/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/thread.h"
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { WRITERS = 4, LETTERS = 20000 };

struct letter {
        struct mail mail;
        int writer, number;
};

static struct mailbox box;
static int seen[WRITERS];

static void deliver(struct mail *mail)
{
        struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
        assert_int_equal(letter->number, seen[letter->writer]);
        seen[letter->writer]++;
        xfree(letter);
}

static size_t deliver_all(void)
{
        size_t n = 0;
        for (struct mail *mail = mailbox_take(&box), *next; mail != NULL; mail = next, n++) {
                next = mail->next;
                mail->deliver(mail);
        }
        return n;
}

static bool send(int writer, int number)
{
        struct letter *letter = xnew(struct letter);
        *letter = (struct letter){ { NULL, deliver }, writer, number };
        return mailbox_push(&box, &letter->mail);
}

static void keeps_order(void **state)
{
        memset(seen, 0, sizeof seen);
        mailbox_init(&box);
        assert_true(mailbox_is_empty(&box));
        assert_null(mailbox_take(&box));
        assert_true(send(0, 0));
        assert_false(send(0, 1));
        assert_false(send(1, 0));
        assert_false(mailbox_is_empty(&box));
        assert_int_equal(deliver_all(), 3);
        assert_true(mailbox_is_empty(&box));
        assert_true(send(0, 2));
        assert_int_equal(deliver_all(), 1);
}

static void write_letters(void *ctx)
{
        for (int i = 0; i < LETTERS; i++)
                send((int)(intptr_t)ctx, i);
}

static void many_writers(void **state)
{
        struct thread *threads[WRITERS];
        size_t n = 0;
        memset(seen, 0, sizeof seen);
        mailbox_init(&box);
        for (intptr_t i = 0; i < WRITERS; i++)
                threads[i] = thread_start("writer", THREAD_TEST, write_letters, (void *)i);
        while (n < (size_t)WRITERS * LETTERS)
                n += deliver_all();
        for (int i = 0; i < WRITERS; i++)
                thread_join(threads[i]);
        assert_true(mailbox_is_empty(&box));
        for (int i = 0; i < WRITERS; i++)
                assert_int_equal(seen[i], LETTERS);
}

struct observed {
        enum thread_role role;
        char name[16];
        bool blocked;
};

static void observe(void *ctx)
{
        struct observed *observed = ctx;
        sigset_t mask;
        observed->role = thread_role();
        pthread_getname_np(pthread_self(), observed->name, sizeof observed->name);
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        observed->blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
}

static void threads_know_their_role(void **state)
{
        struct observed observed = { 0 };
        sigset_t mask;
        assert_int_equal(thread_role(), THREAD_NONE);
        thread_join(thread_start("a-name-longer-than-15", THREAD_CRYPTO, observe, &observed));
        assert_int_equal(observed.role, THREAD_CRYPTO);
        assert_string_equal(observed.name, "a-name-longer-t");
        assert_true(observed.blocked);
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        assert_int_equal(sigismember(&mask, SIGTERM), 0);
        thread_set_role(THREAD_TEST, "test");
        assert_int_equal(thread_role(), THREAD_TEST);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_order),
                cmocka_unit_test(many_writers),
                cmocka_unit_test(threads_know_their_role),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
