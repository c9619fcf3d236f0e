/* SPDX-License-Identifier: Apache-2.0 */
/* The cache takes what it is told for checked: responses here are any bytes. */
#include "tls/ocsp_cache.h"
#include "base/mem.h"
#include "tls/ocsp_cache_internal.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], store[80], path[96];
static const uint8_t issuer[OCSP_DIGEST_BYTES] = { 9 }, other[OCSP_DIGEST_BYTES] = { 8 };

static int setup(void **state)
{
        snprintf(dir, sizeof dir, "/tmp/midge-ocsp-test-XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        snprintf(store, sizeof store, "%s/store", dir);
        snprintf(path, sizeof path, "%s/cache.json", store);
        return 0;
}

static int teardown(void **state)
{
        char command[96];
        snprintf(command, sizeof command, "rm -rf '%s'", dir);
        return system(command);
}

static struct ocsp_cache *cache_with(enum ocsp_cache_type type, bool preserve)
{
        const struct ocsp_cache_options opts = { type, store, preserve, 0 };
        struct ocsp_cache *cache = ocsp_cache_new(&opts);
        ocsp_cache_start(cache);
        return cache;
}

static const uint8_t *digest_of(uint32_t number)
{
        static uint8_t digest[OCSP_DIGEST_BYTES];
        memset(digest, 0, sizeof digest);
        memcpy(digest, &number, sizeof number);
        return digest;
}

static void put_of(struct ocsp_cache *cache, uint32_t number, enum ocsp_status status, size_t bytes,
        int64_t this_update_s)
{
        const struct ocsp_response said = { .status = status, .this_update_s = this_update_s };
        char *response = xcalloc(1, bytes);
        memcpy(response, &number, sizeof number);
        ocsp_cache_put(cache, digest_of(number), issuer, slice_of(response, bytes), &said, "CN=x");
        xfree(response);
}

static void put(struct ocsp_cache *cache, uint32_t number, enum ocsp_status status, size_t bytes)
{
        put_of(cache, number, status, bytes, 5);
}

static bool has(struct ocsp_cache *cache, uint32_t number)
{
        struct ocsp_item *item = ocsp_cache_get(cache, digest_of(number));
        if (item)
                assert_memory_equal(ocsp_item_response(item).ptr, &number, sizeof number);
        ocsp_item_unref(item);
        return item != NULL;
}

static void drop(struct ocsp_cache *cache, uint32_t number)
{
        struct ocsp_item *item = ocsp_cache_get(cache, digest_of(number));
        assert_non_null(item);
        ocsp_cache_drop(cache, item);
        ocsp_item_unref(item);
}

static void expect(struct ocsp_cache *cache, struct ocsp_cache_stats want)
{
        struct ocsp_cache_stats got;
        ocsp_cache_stats(cache, &got);
        assert_memory_equal(&got, &want, sizeof got);
}

static void test_counts(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, false);
        assert_false(has(cache, 1));
        put(cache, 1, OCSP_STATUS_GOOD, 10);
        put(cache, 2, OCSP_STATUS_REVOKED, 10);
        put(cache, 3, OCSP_STATUS_UNKNOWN, 10);
        assert_true(has(cache, 1));
        expect(cache, (struct ocsp_cache_stats){ 1, 1, 3, 1, 1, 1 });
        put(cache, 1, OCSP_STATUS_REVOKED, 12); /* in place of the good one */
        expect(cache, (struct ocsp_cache_stats){ 1, 1, 3, 0, 2, 1 });
        drop(cache, 2); /* what looked like a hit was none */
        expect(cache, (struct ocsp_cache_stats){ 1, 2, 2, 0, 1, 1 });
        assert_false(has(cache, 2));
        ocsp_cache_stop(cache);
        ocsp_cache_unref(cache);
}

static void test_none(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_NONE, false);
        struct ocsp_response said;
        assert_false(ocsp_cache_is_local(cache));
        put(cache, 1, OCSP_STATUS_GOOD, 10);
        assert_false(has(cache, 1));
        assert_false(ocsp_cache_proved(cache, digest_of(1), issuer, &said));
        expect(cache, (struct ocsp_cache_stats){ 0 });
        ocsp_cache_stop(cache);
        ocsp_cache_unref(cache);
        assert_int_equal(access(store, F_OK), -1);
}

static void test_preserve(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, true);
        put(cache, 1, OCSP_STATUS_REVOKED, 10);
        put(cache, 2, OCSP_STATUS_GOOD, 10);
        drop(cache, 1);
        drop(cache, 2);
        assert_true(has(cache, 1));
        assert_false(has(cache, 2));
        put(cache, 1, OCSP_STATUS_GOOD, 10); /* the newer one counts */
        expect(cache, (struct ocsp_cache_stats){ 1, 3, 1, 1, 0, 0 });
        drop(cache, 1);
        assert_false(has(cache, 1));
        ocsp_cache_unref(cache);
}

/* Another put between get and drop stays. */
static void test_drop_is_for_one_item(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, false);
        put(cache, 1, OCSP_STATUS_GOOD, 10);
        struct ocsp_item *old = ocsp_cache_get(cache, digest_of(1));
        put(cache, 1, OCSP_STATUS_REVOKED, 10);
        ocsp_cache_drop(cache, old);
        ocsp_item_unref(old);
        assert_true(has(cache, 1));
        ocsp_cache_unref(cache);
}

static void test_proofs(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, false);
        const struct ocsp_response good = { .status = OCSP_STATUS_GOOD, .this_update_s = 7 };
        struct ocsp_response said;
        put(cache, 1, OCSP_STATUS_REVOKED, 10);
        assert_true(ocsp_cache_proved(cache, digest_of(1), issuer, &said));
        assert_int_equal(said.status, OCSP_STATUS_REVOKED);
        assert_int_equal(said.this_update_s, 5);
        assert_false(ocsp_cache_proved(cache, digest_of(1), other, &said)); /* another's word */
        assert_false(ocsp_cache_proved(cache, digest_of(2), issuer, &said));
        struct ocsp_item *item = ocsp_cache_get(cache, digest_of(1));
        ocsp_cache_prove(cache, item, other, &good);
        assert_true(ocsp_cache_proved(cache, digest_of(1), other, &said));
        assert_int_equal(said.this_update_s, 7);
        put(cache, 1, OCSP_STATUS_UNKNOWN, 10);
        ocsp_cache_prove(cache, item, other, &good); /* of an item that is gone */
        assert_false(ocsp_cache_proved(cache, digest_of(1), other, &said));
        ocsp_item_unref(item);
        ocsp_cache_unref(cache);
}

/* Of the same issuer; whatever way it took, it is not the last word. */
static void test_an_older_one_is_late(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, false);
        struct ocsp_response said;
        put_of(cache, 1, OCSP_STATUS_REVOKED, 10, 6);
        put_of(cache, 1, OCSP_STATUS_GOOD, 10, 5);
        assert_true(ocsp_cache_proved(cache, digest_of(1), issuer, &said));
        assert_int_equal(said.status, OCSP_STATUS_REVOKED);
        expect(cache, (struct ocsp_cache_stats){ 0, 0, 1, 0, 1, 0 });
        put_of(cache, 1, OCSP_STATUS_GOOD, 10, 6);
        assert_true(ocsp_cache_proved(cache, digest_of(1), issuer, &said));
        assert_int_equal(said.status, OCSP_STATUS_GOOD);
        const struct ocsp_response late = { .status = OCSP_STATUS_UNKNOWN, .this_update_s = 1 };
        ocsp_cache_put(cache, digest_of(1), other, SLICE_LIT("x"), &late, "CN=x");
        assert_true(ocsp_cache_proved(cache, digest_of(1), other, &said));
        ocsp_cache_unref(cache);
}

/* What was not used longest goes, kept revocations last. */
static void test_bounds(void **state)
{
        enum { BIG = 60 * 1024, N = OCSP_CACHE_MAX_BYTES / BIG };
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, true);
        struct ocsp_cache_stats stats;
        put(cache, 0, OCSP_STATUS_REVOKED, BIG);
        for (uint32_t i = 1; i < N; i++)
                put(cache, i, OCSP_STATUS_GOOD, BIG);
        assert_true(has(cache, 1));
        for (uint32_t i = N; i < N + 10; i++)
                put(cache, i, OCSP_STATUS_GOOD, BIG);
        ocsp_cache_stats(cache, &stats);
        assert_int_equal(stats.entries, N);
        assert_true(has(cache, 0) && has(cache, 1) && has(cache, N + 9));
        for (uint32_t i = 2; i < 12; i++)
                assert_false(has(cache, i));
        assert_true(has(cache, 12));
        ocsp_cache_unref(cache);
        cache = cache_with(OCSP_CACHE_LOCAL, false);
        for (uint32_t i = 0; i < OCSP_CACHE_MAX_ENTRIES + 10; i++)
                put(cache, i, OCSP_STATUS_GOOD, 8);
        ocsp_cache_stats(cache, &stats);
        assert_int_equal(stats.entries, OCSP_CACHE_MAX_ENTRIES);
        assert_false(has(cache, 9));
        assert_true(has(cache, 10));
        ocsp_cache_unref(cache);
}

static void test_file(void **state)
{
        struct ocsp_cache *cache = cache_with(OCSP_CACHE_LOCAL, false);
        struct ocsp_response said;
        struct stat was, is;
        put(cache, 1, OCSP_STATUS_GOOD, 100);
        put(cache, 2, OCSP_STATUS_REVOKED, 70 * 1000 - 100);
        ocsp_cache_save(cache);
        assert_int_equal(stat(path, &was), 0);
        assert_int_equal(was.st_mode & 0777, 0600);
        ocsp_cache_save(cache); /* nothing is new */
        assert_int_equal(stat(path, &is), 0);
        assert_int_equal(was.st_ino, is.st_ino);
        put(cache, 3, OCSP_STATUS_UNKNOWN, 10);
        ocsp_cache_stop(cache);
        assert_false(has(cache, 1)); /* offline */
        ocsp_cache_unref(cache);
        cache = cache_with(OCSP_CACHE_LOCAL, false);
        expect(cache,
                (struct ocsp_cache_stats){ 0, 0, 2, 1, 0, 1 }); /* 2 was too large to be one */
        assert_true(has(cache, 1) && has(cache, 3));
        assert_false(
                ocsp_cache_proved(cache, digest_of(1), issuer, &said)); /* a file proves nothing */
        ocsp_cache_stop(cache);
        ocsp_cache_unref(cache);
}

static int item_n;

static void count_item(void *ctx, struct ocsp_item *item)
{
        (void)ctx;
        item_n++;
        ocsp_item_unref(item);
}

#define KEY "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define RESP "\"resp\": \"/wYAAFMyc1R3TwEJAABImjV3cGxhaW4=\"" /* "plain" by Go's s2.Writer */

static void test_reading(void **state)
{
        static const struct {
                const char *text, *error; /* error: a part of it; NULL: none */
                int n;
        } cases[] = {
                { "{}", NULL, 0 },
                { "{\"" KEY "\": {" RESP "}}", NULL, 1 },
                { "{\"" KEY "\": {" RESP ", \"cached_at\": \"2026-11-24T22:00:00.5+01:00\"}}", NULL,
                        1 },
                { "{\"" KEY "\": {\"RESP\": \"/wYAAFMyc1R3TwEJAABImjV3cGxhaW4=\"}}", NULL, 1 },
                { "{\"" KEY "\": {}}", NULL, 0 }, /* an empty response is none */
                { "{\"" KEY "\": {\"resp\": \"cnViYmlzaA==\"}}", NULL, 0 }, /* told, passed over */
                { "{\"short\": {" RESP "}}", NULL, 0 }, /* nobody can ask for it */
                { "{\"" KEY "\": {\"resp\": \"?\"}}", "base64", 0 },
                { "{\"" KEY "\": {\"resp\": 5}}", "base64", 0 },
                { "{\"" KEY "\": 5}", "no object", 0 },
                { "{\"" KEY "\": {" RESP ", \"cached_at\": \"2026-13-24T22:00:00Z\"}}", "time", 0 },
                { "{\"" KEY "\": {" RESP ", \"resp_expires\": \"\"}}", "time", 0 },
                { "{\"" KEY "\": {" RESP ", \"resp_expires\": \"2026-01-01T00:00:00Zx\"}}", "time",
                        0 },
                { "[]", "no object", 0 },
                { "{", "", 0 },
                { "", "", 0 },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct errbuf eb = { "" };
                item_n = 0;
                int rc = ocsp_store_read(slice_str(cases[i].text), count_item, NULL, &eb);
                if ((rc < 0) != (cases[i].error != NULL))
                        fail_msg("%s: %d %s", cases[i].text, rc, eb.text);
                if (cases[i].error)
                        assert_non_null(strstr(eb.text, cases[i].error));
                else if (item_n != cases[i].n)
                        fail_msg("%s: %d", cases[i].text, item_n);
        }
}

static void keep_item(void *ctx, struct ocsp_item *item)
{
        *(struct ocsp_item **)ctx = item;
}

/* Authorities may say "in a thousand years". */
static void test_far_times(void **state)
{
        struct ocsp_item *item = NULL;
        struct errbuf eb = { "" };
        struct buf out = { 0 };
        assert_int_equal(ocsp_store_read(slice_str("{\"" KEY "\": {" RESP ", \"resp_expires\": "
                                                   "\"9999-12-31T23:59:59Z\"}}"),
                                 keep_item, &item, &eb),
                0);
        assert_non_null(item);
        assert_int_equal(item->expires_s, 253402300799);
        ocsp_store_write(&item, 1, &out);
        buf_append_char(&out, '\0');
        assert_non_null(strstr(out.ptr, "\"resp_expires\": \"9999-12-31T23:59:59Z\""));
        ocsp_item_unref(item);
        buf_fini(&out);
}

static void test_files_that_fail(void **state)
{
        struct errbuf eb = { "" };
        struct buf out = { 0 };
        char missing[128], want[200];
        snprintf(missing, sizeof missing, "%s/no/where", dir);
        assert_int_equal(ocsp_store_load(missing, &out, &eb), -ENOENT);
        assert_true(ocsp_store_save(missing, missing, SLICE_LIT("x"), &eb) < 0);
        snprintf(want, sizeof want, "mkdir %s: no such file or directory", missing);
        assert_string_equal(eb.text, want);
        assert_true(ocsp_store_load(dir, &out, &eb) < 0); /* a directory */
        buf_fini(&out);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_none, setup, teardown),
                cmocka_unit_test_setup_teardown(test_preserve, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drop_is_for_one_item, setup, teardown),
                cmocka_unit_test_setup_teardown(test_proofs, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_older_one_is_late, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_file, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
                cmocka_unit_test_setup_teardown(test_far_times, setup, teardown),
                cmocka_unit_test_setup_teardown(test_files_that_fail, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
