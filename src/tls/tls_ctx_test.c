/* SPDX-License-Identifier: Apache-2.0 */
/* Files in, contexts or the reference's error texts out. */
#include "tls/tls_ctx.h"
#include "tls/tls_test.h"
#include <openssl/pem.h>
#include <sys/stat.h>
#include <time.h>

static void append_file(struct buf *out, const char *name)
{
        char bytes[8192];
        FILE *file = fopen(test_path(name), "rb");
        assert_non_null(file);
        buf_append(out, bytes, fread(bytes, 1, sizeof(bytes), file));
        fclose(file);
}

/* The parts, each a file's name or (when it ends in a newline) literal text, become one file. */
static void compose(const char *name, const char *const *parts)
{
        struct buf all = { 0 };
        for (; *parts; parts++) {
                if ((*parts)[strlen(*parts) - 1] == '\n')
                        buf_append_str(&all, *parts);
                else
                        append_file(&all, *parts);
        }
        test_write(name, all.ptr ? all.ptr : "", all.len);
        buf_fini(&all);
}

static void write_key(const char *name, const char *key_name, bool traditional, bool encrypted)
{
        BIO *in = BIO_new_file(test_path(key_name), "rb"),
            *out = BIO_new_file(test_path(name), "wb");
        EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
        const EVP_CIPHER *cipher = encrypted ? EVP_aes_128_cbc() : NULL;
        unsigned char password[] = "secret";
        int ok = traditional ? PEM_write_bio_PrivateKey_traditional(out, key, cipher,
                                       encrypted ? password : NULL, encrypted ? 6 : 0, NULL, NULL)
                             : PEM_write_bio_PKCS8PrivateKey(
                                       out, key, cipher, (char *)password, 6, NULL, NULL);
        assert_int_equal(ok, 1);
        EVP_PKEY_free(key);
        BIO_free(in);
        BIO_free(out);
}

#define JUNK "-----BEGIN JUNK-----\nAAAA\n-----END JUNK-----\n"
#define BROKEN "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"
#define NOT_DER "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

static int setup(void **state)
{
        test_setup(state);
        compose("both.pem", (const char *const[]){ "server-key.pem", JUNK, "server.pem", NULL });
        compose("junk.pem", (const char *const[]){ JUNK, NULL });
        compose("text.pem", (const char *const[]){ "hello\n", NULL });
        compose("malformed.pem", (const char *const[]){ NOT_DER, NULL });
        compose("pool.pem",
                (const char *const[]){ "words\n", JUNK, BROKEN, NOT_DER, "ca.pem", NULL });
        compose("empty.pem", (const char *const[]){ NULL });
        write_key("rsa-pkcs1.pem", "server-rsa-key.pem", true, false);
        write_key("ec-sec1.pem", "server-key.pem", true, false);
        write_key("ec-sec1-locked.pem", "server-key.pem", true, true);
        write_key("ec-locked.pem", "server-key.pem", false, true);
        assert_int_equal(mkdir(test_path("dir"), 0700), 0);
        return 0;
}

struct load_case {
        const char *cert, *key, *ca; /* names in the directory; NULL: not configured */
        const char *error;           /* "@" stands for the directory; NULL: loads */
};

static void expand(char *dst, size_t size, const char *text)
{
        const char *at = strchr(text, '@');
        if (at)
                snprintf(dst, size, "%.*s%s%s", (int)(at - text), text, test_dir, at + 1);
        else
                snprintf(dst, size, "%s", text);
}

#define LOCKED_                                                                                    \
        ": it is encrypted, and nobody is there to ask for the passphrase; write it without one: " \
        "openssl pkey -in KEY -out NEW"
#define PAIR_ "error parsing X509 certificate/key pair: "

static void check_load(const struct load_case *c)
{
        struct tls_pair_options pair = { c->cert ? test_path(c->cert) : NULL,
                c->key ? test_path(c->key) : NULL };
        struct tls_options opts = { .pairs = &pair,
                .pair_n = 1,
                .verify = c->ca != NULL,
                .ca_file = c->ca ? test_path(c->ca) : NULL,
                .position = "midge.conf:3:5" };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb = { "" };
        int rc = tls_ctx_new_server(&opts, &ctx, &eb);
        if (c->error == NULL) {
                if (rc < 0)
                        fail_msg("%s %s: %s", c->cert, c->key, eb.text);
                assert_int_equal(tls_ctx_requires_client_cert(ctx), c->ca != NULL);
                tls_ctx_unref(ctx);
                return;
        }
        char want[512], text[600];
        expand(want, sizeof(want), c->error);
        snprintf(text, sizeof(text), "midge.conf:3:5: %s", want);
        assert_int_equal(rc, ERR_CONFIG);
        assert_string_equal(eb.text, text);
        assert_null(ctx);
}

static void files_load_or_say_why_not(void **state)
{
        static const struct load_case cases[] = {
                { "server.pem", "server-key.pem", NULL, NULL },
                { "server-rsa.pem", "server-rsa-key.pem", "ca.pem", NULL },
                { "server-ed.pem", "server-ed-key.pem", "ca.pem", NULL },
                { "both.pem", "both.pem", NULL, NULL },
                { "server-rsa.pem", "rsa-pkcs1.pem", NULL, NULL },
                { "server.pem", "ec-sec1.pem", NULL, NULL },
                { "server.pem", "server-key.pem", "pool.pem", NULL },
                { "client-old.pem", "client-old-key.pem", NULL,
                        NULL }, /* expired: not our business */
                { "server.pem", "server-key.pem", "server.pem",
                        NULL }, /* a leaf may be an anchor */
                { NULL, NULL, NULL, NULL },
                { "server.pem", NULL, NULL, "missing 'key_file' in TLS configuration" },
                { NULL, "server-key.pem", NULL, "missing 'cert_file' in TLS configuration" },
                { "none.pem", "server-key.pem", NULL,
                        PAIR_ "open @/none.pem: no such file or directory" },
                { "server.pem", "none.pem", NULL,
                        PAIR_ "open @/none.pem: no such file or directory" },
                { "dir", "server-key.pem", NULL, PAIR_ "read @/dir: is a directory" },
                { "server.pem", "client-key.pem", NULL,
                        PAIR_ "tls: private key does not match public key" },
                { "server.pem", "server-rsa-key.pem", NULL,
                        PAIR_ "tls: private key type does not match public key type" },
                { "text.pem", "server-key.pem", NULL,
                        PAIR_ "tls: failed to find any PEM data in certificate input" },
                { "empty.pem", "server-key.pem", NULL,
                        PAIR_ "tls: failed to find any PEM data in certificate input" },
                { "server-key.pem", "server.pem", NULL,
                        PAIR_
                        "tls: failed to find certificate PEM data in certificate input, but did "
                        "find a private key; PEM inputs may have been switched" },
                { "junk.pem", "server-key.pem", NULL,
                        PAIR_
                        "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after "
                        "skipping PEM blocks of the following types: [JUNK]" },
                { "malformed.pem", "server-key.pem", NULL, PAIR_ "x509: malformed certificate" },
                { "server.pem", "text.pem", NULL,
                        PAIR_ "tls: failed to find any PEM data in key input" },
                { "server.pem", "server.pem", NULL,
                        PAIR_ "tls: found a certificate rather than a key in the PEM for the "
                              "private key" },
                { "server.pem", "junk.pem", NULL,
                        PAIR_
                        "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key "
                        "input after skipping PEM blocks of the following types: [JUNK]" },
                { "server.pem", "ec-locked.pem", NULL,
                        PAIR_ "tls: failed to parse private key" LOCKED_ },
                { "server.pem", "ec-sec1-locked.pem", NULL,
                        PAIR_ "tls: failed to parse private key" LOCKED_ },
                { "server.pem", "server-key.pem", "none.pem",
                        "open @/none.pem: no such file or directory" },
                { "server.pem", "server-key.pem", "junk.pem",
                        "failed to parse root ca certificate" },
                { "server.pem", "server-key.pem", "server-key.pem",
                        "failed to parse root ca certificate" },
                { "server.pem", "server-key.pem", "malformed.pem",
                        "failed to parse root ca certificate" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                check_load(&cases[i]);
}

static void several_pairs_are_counted_in_errors(void **state)
{
        struct tls_pair_options pairs[] = {
                { test_path("server.pem"), test_path("server-key.pem") },
                { test_path("server.pem"), test_path("client-key.pem") },
        };
        struct tls_options opts = { .pairs = pairs, .pair_n = 2 };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb;
        assert_int_equal(tls_ctx_new_server(&opts, &ctx, &eb), ERR_CONFIG);
        assert_string_equal(eb.text, "error parsing X509 certificate/key pair 2/2: tls: private "
                                     "key does not match public key");
}

static void not_after_is_the_first_certificates(void **state)
{
        struct tls_ctx *ctx = server_ctx("client-early", false, TLS_VERSION_1_2);
        int64_t want = (int64_t)time(NULL) + 20 * DAY_S, got = tls_ctx_not_after(ctx);
        assert_true(got > want - 300 && got <= want);
        tls_ctx_unref(ctx);
        ctx = server_ctx("", false, TLS_VERSION_1_2);
        assert_int_equal(tls_ctx_not_after(ctx), 0);
        tls_ctx_unref(ctx);
}

static void references_are_counted(void **state)
{
        struct tls_ctx *ctx = server_ctx("server", false, TLS_VERSION_1_2);
        assert_ptr_equal(tls_ctx_ref(ctx), ctx);
        tls_ctx_unref(ctx);
        struct tls_session *session = tls_session_new(ctx, NULL);
        tls_ctx_unref(ctx); /* the session's own keeps it */
        struct slice in = SLICE_LIT("GET / HTTP/1.1\r\n");
        struct buf out = { 0 };
        assert_int_equal(tls_session_handshake(session, &in, &out), TLS_FAILED);
        tls_session_free(session);
        tls_ctx_unref(NULL);
}

static void client_files_are_checked_too(void **state)
{
        struct tls_client_options opts = { .ca_file = test_path("ca.pem"),
                .cert_file = test_path("client.pem") };
        struct tls_ctx *ctx = NULL;
        struct errbuf eb;
        assert_int_equal(tls_ctx_new_client(&opts, &ctx, &eb), ERR_CONFIG);
        assert_string_equal(eb.text, "missing 'key_file' in TLS configuration");
        opts = (struct tls_client_options){ .ca_file = test_path("junk.pem") };
        assert_int_equal(tls_ctx_new_client(&opts, &ctx, &eb), ERR_CONFIG);
        assert_string_equal(eb.text, "failed to parse root ca certificate");
        opts = (struct tls_client_options){ .ca_file = NULL };
        assert_int_equal(tls_ctx_new_client(&opts, &ctx, &eb), 0); /* the system store */
        assert_false(tls_ctx_requires_client_cert(ctx));
        tls_ctx_unref(ctx);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_load_or_say_why_not),
                cmocka_unit_test(several_pairs_are_counted_in_errors),
                cmocka_unit_test(not_after_is_the_first_certificates),
                cmocka_unit_test(references_are_counted),
                cmocka_unit_test(client_files_are_checked_too),
        };
        return cmocka_run_group_tests(tests, setup, test_teardown);
}
