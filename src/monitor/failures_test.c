/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/failures.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct tls_failure *failure(enum tls_reason reason, const char *ip, uint64_t at_ns)
{
        struct tls_failure *made = xnew(struct tls_failure);
        tls_verdict_set(&made->verdict, reason, "text");
        snprintf(made->ip, sizeof made->ip, "%s", ip);
        made->listener = "client";
        made->at_ns = at_ns;
        return made;
}

static void check(const struct failure_ring *ring, size_t index, const char *ip, uint64_t count,
        uint64_t first_ns, uint64_t last_ns)
{
        const struct failure_entry *entry = failure_ring_at(ring, index);
        assert_string_equal(entry->last->ip, ip);
        assert_int_equal(entry->count, count);
        assert_int_equal(entry->first_ns, first_ns);
        assert_int_equal(entry->last->at_ns, last_ns);
}

static void the_same_counts_up_and_comes_to_the_front(void **state)
{
        struct failure_ring *ring = failure_ring_new(3);
        (void)state;
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "a", 1));
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "b", 2));
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "a", 3));
        assert_int_equal(failure_ring_count(ring), 2);
        check(ring, 0, "a", 2, 1, 3);
        check(ring, 1, "b", 1, 2, 2);
        failure_ring_add(ring, failure(TLS_REASON_CIPHER, "a", 4));
        assert_int_equal(failure_ring_count(ring), 3);
        check(ring, 0, "a", 1, 4, 4);
        failure_ring_free(ring);
}

static void the_oldest_is_dropped(void **state)
{
        struct failure_ring *ring = failure_ring_new(2);
        (void)state;
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "a", 1));
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "b", 2));
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "c", 3));
        assert_int_equal(failure_ring_count(ring), 2);
        check(ring, 0, "c", 1, 3, 3);
        check(ring, 1, "b", 1, 2, 2);
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "b", 4));
        check(ring, 0, "b", 2, 2, 4);
        check(ring, 1, "c", 1, 3, 3);
        failure_ring_free(ring);
        failure_ring_free(NULL);
}

static void certificate_and_name_tell_apart(void **state)
{
        struct failure_ring *ring = failure_ring_new(9);
        struct tls_failure *other = failure(TLS_REASON_EXPIRED, "a", 2);
        (void)state;
        failure_ring_add(ring, failure(TLS_REASON_EXPIRED, "a", 1));
        tls_verdict_set_cert(&other->verdict, SLICE_LIT("CN=x"), "00");
        failure_ring_add(ring, other);
        other = failure(TLS_REASON_EXPIRED, "a", 3);
        tls_verdict_set_sni(&other->verdict, SLICE_LIT("host"));
        failure_ring_add(ring, other);
        other = failure(TLS_REASON_EXPIRED, "a", 4);
        other->listener = "monitoring";
        failure_ring_add(ring, other);
        assert_int_equal(failure_ring_count(ring), 4);
        failure_ring_free(ring);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_counts_up_and_comes_to_the_front),
                cmocka_unit_test(the_oldest_is_dropped),
                cmocka_unit_test(certificate_and_name_tell_apart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
