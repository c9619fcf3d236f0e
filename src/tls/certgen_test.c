/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/certgen.h"
#include "tls/tls_test.h"
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>

static int setup(void **state)
{
        test_make_dir();
        return 0;
}

static int teardown(void **state)
{
        test_remove_dir();
        return 0;
}

static struct tls_pair load(const char *dir, const char *cert, const char *key)
{
        char cert_path[160], key_path[160];
        struct tls_pair pair;
        struct errbuf eb;
        snprintf(cert_path, sizeof(cert_path), "%s/%s", dir, cert);
        snprintf(key_path, sizeof(key_path), "%s/%s", dir, key);
        if (pem_load_pair(cert_path, key_path, &pair, &eb) < 0)
                fail_msg("%s", eb.text);
        return pair;
}

static ino_t inode_of(const char *dir, const char *name)
{
        char path[160];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        assert_int_equal(stat(path, &st), 0);
        if (strstr(name, "-key"))
                assert_int_equal(st.st_mode & 0777, 0600);
        return st.st_ino;
}

static void check_purpose(X509 *leaf, X509 *ca, int purpose, const char *host, const char *ip)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509_STORE_add_cert(store, ca);
        X509_STORE_CTX_init(ctx, store, leaf, NULL);
        X509_STORE_CTX_set_purpose(ctx, purpose);
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
        if (X509_verify_cert(ctx) != 1)
                fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        if (host)
                assert_int_equal(X509_check_host(leaf, host, 0, 0, NULL), 1);
        if (ip)
                assert_int_equal(X509_check_ip_asc(leaf, ip, 0), 1);
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
}

static void makes_a_set_that_verifies(void **state)
{
        struct errbuf eb;
        const char *dir = test_path("with/those/above");
        assert_int_equal(certgen_dev(dir, &eb), 0);
        struct tls_pair ca = load(dir, "ca.pem", "ca-key.pem");
        struct tls_pair server = load(dir, "server-cert.pem", "server-key.pem");
        struct tls_pair client = load(dir, "client-cert.pem", "client-key.pem");
        check_purpose(server.leaf, ca.leaf, X509_PURPOSE_SSL_SERVER, "localhost", "127.0.0.1");
        check_purpose(server.leaf, ca.leaf, X509_PURPOSE_SSL_SERVER, NULL, "::1");
        check_purpose(client.leaf, ca.leaf, X509_PURPOSE_SSL_CLIENT, NULL, NULL);
        char subject[256];
        X509_NAME_oneline(X509_get_subject_name(ca.leaf), subject, sizeof(subject));
        assert_non_null(strstr(subject, "not for production"));
        time_t late = time(NULL) + 825 * DAY_S;
        assert_true(X509_cmp_time(X509_get0_notAfter(ca.leaf), &late) < 0);
        pem_pair_fini(&ca);
        pem_pair_fini(&server);
        pem_pair_fini(&client);
}

static void keeps_what_is_good(void **state)
{
        static const char *const names[] = { "ca.pem", "ca-key.pem", "server-cert.pem",
                "server-key.pem", "client-cert.pem", "client-key.pem" };
        struct errbuf eb;
        const char *dir = test_path("dev2");
        ino_t before[6];
        assert_int_equal(certgen_dev(dir, &eb), 0);
        for (int i = 0; i < 6; i++)
                before[i] = inode_of(dir, names[i]);
        assert_int_equal(certgen_dev(dir, &eb), 0);
        for (int i = 0; i < 6; i++)
                assert_int_equal(inode_of(dir, names[i]), before[i]);
}

static void makes_again_what_is_missing_old_or_foreign(void **state)
{
        struct errbuf eb;
        struct tls_pair ca, server;
        char dir[100];
        snprintf(dir, sizeof(dir), "%s", test_path("dev3"));
        assert_int_equal(certgen_dev(dir, &eb), 0);
        ca = load(dir, "ca.pem", "ca-key.pem");
        /* a server certificate that ends in three days */
        struct mint_spec spec = { .name = "old", .from_s = -3600, .to_s = 3 * DAY_S };
        test_mint("dev3/server", spec, &ca, NULL);
        assert_int_equal(
                rename(test_path("dev3/server.pem"), test_path("dev3/server-cert.pem")), 0);
        assert_int_equal(certgen_dev(dir, &eb), 0);
        server = load(dir, "server-cert.pem", "server-key.pem");
        time_t soon = time(NULL) + 100 * DAY_S;
        assert_true(X509_cmp_time(X509_get0_notAfter(server.leaf), &soon) > 0);
        pem_pair_fini(&server);
        /* one for another machine, as after a change of the name */
        struct mint_spec other = { .name = "moved",
                .san = "DNS:elsewhere.example",
                .from_s = -3600,
                .to_s = 100 * DAY_S };
        char host[256] = "";
        if (gethostname(host, sizeof(host) - 1) == 0 && strcmp(host, "localhost") != 0) {
                test_mint("dev3/server", other, &ca, NULL);
                assert_int_equal(
                        rename(test_path("dev3/server.pem"), test_path("dev3/server-cert.pem")), 0);
                assert_int_equal(certgen_dev(dir, &eb), 0);
                server = load(dir, "server-cert.pem", "server-key.pem");
                assert_int_equal(X509_check_host(server.leaf, host, 0, 0, NULL), 1);
                pem_pair_fini(&server);
        }
        pem_pair_fini(&ca);
        /* without its CA everything is signed anew */
        assert_int_equal(unlink(test_path("dev3/ca-key.pem")), 0);
        assert_int_equal(certgen_dev(dir, &eb), 0);
        ca = load(dir, "ca.pem", "ca-key.pem");
        server = load(dir, "server-cert.pem", "server-key.pem");
        assert_int_equal(X509_verify(server.leaf, ca.key), 1);
        pem_pair_fini(&server);
        pem_pair_fini(&ca);
}

static void says_what_it_cannot_do(void **state)
{
        struct errbuf eb = { "" };
        FILE *file = fopen(test_path("plain"), "w");
        assert_non_null(file);
        fclose(file);
        assert_true(certgen_dev(test_path("plain/such"), &eb) < 0);
        assert_non_null(strstr(eb.text, "mkdir "));
        assert_non_null(strstr(eb.text, "/plain/such: not a directory"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(makes_a_set_that_verifies),
                cmocka_unit_test(keeps_what_is_good),
                cmocka_unit_test(makes_again_what_is_missing_old_or_foreign),
                cmocka_unit_test(says_what_it_cannot_do),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
