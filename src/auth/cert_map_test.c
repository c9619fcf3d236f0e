/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, as lists of names, against lists of users: who is it, and what does the log say? */
#include "auth/auth.h"
#include "auth/cert_map.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tls/cert_names.h"
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { USERS_MAX = 8 };

struct attribute {
        const char *type, *value; /* "+OU": in one RDN with the attribute before */
};

struct map_case {
        struct attribute subject[10]; /* in the order of the encoding */
        const char *san;              /* as openssl writes it; NULL: none */
        const char *users[USERS_MAX];
        const char *want;  /* NULL: nobody */
        const char *notes; /* last line for the log; NULL: not looked at */
};

static X509 *cert_of(const struct map_case *c)
{
        X509 *cert = X509_new();
        X509_NAME *name = X509_get_subject_name(cert);
        for (const struct attribute *a = c->subject; a < c->subject + 10 && a->type; a++) {
                bool joined = a->type[0] == '+';
                assert_int_equal(X509_NAME_add_entry_by_txt(name, a->type + joined, MBSTRING_UTF8,
                                         (const unsigned char *)a->value, -1, -1, joined ? -1 : 0),
                        1);
        }
        if (c->san) {
                X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, c->san);
                assert_non_null(san);
                assert_int_equal(X509_add_ext(cert, san, -1), 1);
                X509_EXTENSION_free(san);
        }
        return cert;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct auth_user *)a)->name, ((const struct auth_user *)b)->name);
}

/* Sorted, as the map wants them. */
static int users_of(const struct map_case *c, struct auth_user *users)
{
        int n = 0;
        for (; n < USERS_MAX && c->users[n]; n++)
                users[n] = (struct auth_user){ .name = c->users[n], .secret = "" };
        qsort(users, (size_t)n, sizeof *users, by_name);
        return n;
}

static void check(const struct map_case *c)
{
        struct auth_user users[USERS_MAX];
        struct buf notes = { 0 };
        X509 *cert = cert_of(c);
        struct cert_names *names = cert_names_of(cert);
        struct cert_map *map = cert_map_new(users, users_of(c, users));
        const struct auth_user *user = cert_map_find(map, names, CONNECTION_STANDARD, &notes);
        buf_append_char(&notes, '\0');
        const char *line = strrchr(notes.ptr, '\n');
        line = line ? line + 1 : notes.ptr;
        if (strcmp(user ? user->name : "-", c->want ? c->want : "-") != 0)
                fail_msg("%s: got %s, want %s (%s)", c->san ? c->san : c->subject[0].value,
                        user ? user->name : "-", c->want ? c->want : "-", notes.ptr);
        if (c->notes && strcmp(line, c->notes) != 0)
                fail_msg("got <%s>, want <%s>", line, c->notes);
        cert_map_free(map);
        cert_names_free(names);
        X509_free(cert);
        buf_fini(&notes);
}

#define LOCALHOST                                                                                  \
        { "C", "US" }, { "ST", "CA" }, { "L", "Los Angeles" }, { "O", "NATS" }, { "OU", "NATS" },  \
                { "CN", "localhost" }, { "DC", "foo1" },                                           \
        {                                                                                          \
                "DC", "foo2"                                                                       \
        }

static const struct map_case cases[] = {
        /* Row 43: e-mail; row 46: DNS before the subject, the subject when there is no SAN. */
        { { { "CN", "a" } }, "email:derek@nats.io,DNS:app.nats.dev",
                { "app.nats.dev", "derek@nats.io" }, "derek@nats.io",
                "Using email found in cert for auth [\"derek@nats.io\"]" },
        { { { "CN", "a" } }, "DNS:app.nats.dev,DNS:*.app.nats.dev", { "CN=a", "app.nats.dev" },
                "app.nats.dev", "Using SAN found in cert for auth [\"app.nats.dev\"]" },
        { { { "CN", "a" }, { "OU", "b" } }, NULL, { "OU=b,CN=a", "CN=a,OU=b" }, "OU=b,CN=a",
                "Using DistinguishedNameMatch for auth [\"OU=b,CN=a\"]" },
        /* Row 47: an empty subject with a DNS SAN. */
        { { { NULL, NULL } }, "DNS:app.nats.dev", { "app.nats.dev" }, "app.nats.dev", NULL },
        { { { NULL, NULL } }, "DNS:app.nats.dev", { "CN=", "x" }, NULL,
                "User in cert [\"\"], not found" },
        { { { NULL, NULL } }, NULL, { "x" }, NULL, "User required in cert, none found" },
        { { { NULL, NULL } }, "IP:127.0.0.1", { "127.0.0.1" }, NULL,
                "User required in cert, none found" },
        /* Row 48: unknown SANs fall to the subject; the second may match; a wildcard is a literal. */
        { { { "CN", "www.nats.io" } }, "DNS:app.nats.dev", { "CN=www.nats.io" }, "CN=www.nats.io",
                NULL },
        { { { "CN", "a" } }, "DNS:one,DNS:two", { "two" }, "two", NULL },
        { { { "CN", "a" } }, "DNS:*.app.nats.dev", { "*.app.nats.dev" }, "*.app.nats.dev", NULL },
        { { { "CN", "a" } }, "DNS:*.app.nats.dev", { "x.app.nats.dev" }, NULL,
                "User in cert [\"CN=a\"], not found" },
        { { { "CN", "a" } }, "DNS:App.nats.dev", { "app.nats.dev" }, NULL, NULL },
        /* Row 51: SPIFFE. */
        { { { "CN", "a" } }, "URI:spiffe://localhost/my-nats-service/user-a",
                { "spiffe://localhost/my-nats-service/user-a" },
                "spiffe://localhost/my-nats-service/user-a",
                "Using URI found in cert for auth "
                "[\"spiffe://localhost/my-nats-service/user-a\"]" },
        { { { "C", "US" }, { "O", "SPIRE" } }, "URI:spiffe://localhost/other", { "O=SPIRE,C=US" },
                "O=SPIRE,C=US", NULL },
        { { { "C", "US" }, { "O", "SPIRE" } }, "URI:spiffe://localhost/other", { "O=SPIRE" }, NULL,
                "User in cert [\"O=SPIRE,C=US\"], not found" },
        { { { "CN", "a" } }, "URI:SPIFFE://Host/%41", { "spiffe://Host/%41" }, "spiffe://Host/%41",
                NULL },
        /* Row 49: TestTLSClientAuthWithRDNSequence. */
        { { LOCALHOST }, NULL,
                { "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=foo1,DC=foo2" },
                "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=foo1,DC=foo2",
                "Using DistinguishedNameMatch for auth [\"CN=localhost,OU=NATS,O=NATS,L=Los "
                "Angeles,ST=CA,C=US,DC=foo1,DC=foo2\"]" },
        { { LOCALHOST }, NULL,
                { "DC=foo2,DC=foo1,CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US" },
                "DC=foo2,DC=foo1,CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US", NULL },
        { { LOCALHOST }, NULL,
                { "DC=foo2, DC=foo1, CN=localhost, OU=NATS, O=NATS, L=Los Angeles, ST=CA, C=US" },
                "DC=foo2, DC=foo1, CN=localhost, OU=NATS, O=NATS, L=Los Angeles, ST=CA, C=US",
                NULL },
        { { LOCALHOST }, NULL,
                { "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=foo1,DC=foo2",
                        "DC=foo2,DC=foo1,CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US" },
                "DC=foo2,DC=foo1,CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US", NULL },
        { { LOCALHOST }, NULL,
                { "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=foo1",
                        "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US" },
                "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US",
                "Using certificate subject for auth [\"CN=localhost,OU=NATS,O=NATS,L=Los "
                "Angeles,ST=CA,C=US\"]" },
        { { LOCALHOST }, NULL, { "CN=localhost,DC=foo1,DC=foo2" }, NULL, NULL },
        { { { "DC", "com" }, { "DC", "example" }, { "CN", "Users" }, { "CN", "jdoe" } }, NULL,
                { "CN=jdoe,CN=Users,DC=example,DC=com" }, "CN=jdoe,CN=Users,DC=example,DC=com",
                NULL },
        { { { "O", "users" }, { "DC", "org" }, { "+DC", "OpenSSL" }, { "CN", "John Doe" } }, NULL,
                { "CN=John Doe,DC=org+DC=OpenSSL,O=users" },
                "CN=John Doe,DC=org+DC=OpenSSL,O=users", NULL },
        { { { "O", "users" }, { "DC", "org" }, { "+DC", "OpenSSL" }, { "CN", "John Doe" } }, NULL,
                { "CN=John Doe,DC=OpenSSL,O=users" }, NULL, NULL },
        /* Row 55: a name that occurs twice in one must occur twice in the other. */
        { { { "O", "NATS" }, { "CN", "Alice" }, { "CN", "Alice" } }, NULL,
                { "CN=Alice,O=NATS,OU=Users", "CN=Alice,O=NATS,O=NATS" }, NULL, NULL },
        /* An attribute that no user name can say: step 4 is left out, the text still matches. */
        { { { "emailAddress", "a@b" }, { "CN", "jdoe" }, { "OU", "x" } }, NULL, { "OU=x,CN=jdoe" },
                NULL, "User in cert [\"CN=jdoe,OU=x\"], not found" },
        { { { "emailAddress", "a@b" }, { "CN", "jdoe" }, { "OU", "x" } }, NULL, { "CN=jdoe,OU=x" },
                "CN=jdoe,OU=x", "Using certificate subject for auth [\"CN=jdoe,OU=x\"]" },
        { { { "emailAddress", "a@b" }, { "DC", "d" }, { "CN", "jdoe" } }, NULL, { "CN=jdoe,DC=d" },
                "CN=jdoe,DC=d", "Using RDNSequence for auth [\"CN=jdoe,DC=d\"]" },
        /* 6.4: only the last CN; values of one type joined. */
        { { { "emailAddress", "a" }, { "CN", "one" }, { "CN", "two" }, { "OU", "x" },
                  { "OU", "y" } },
                NULL, { "CN=two,OU=x+OU=y" }, "CN=two,OU=x+OU=y", NULL },
        /* A value that looks like structure is a value. */
        { { { "CN", "a,O=b" } }, NULL, { "CN=a,O=b" }, NULL, NULL },
        { { { "CN", "a,O=b" } }, NULL, { "CN=a\\,O\\=b" }, "CN=a\\,O\\=b", NULL },
        { { { "CN", "a" } }, NULL, { "CN=A" }, NULL, NULL },
        { { { "CN", "a" } }, NULL, { "cn=a" }, "cn=a", NULL },
};

static void the_first_name_that_fits_wins(void **state)
{
        for (size_t i = 0; i < ARRAY_N(cases); i++)
                check(&cases[i]);
}

/* Row 61: at every step a user who may not use this type of connection is as if absent. */
static void types_of_connections_are_heeded(void **state)
{
        struct auth_user users[] = {
                { .name = "CN=a", .connection_types = 1u << CONNECTION_WEBSOCKET },
                { .name = "a@b", .connection_types = 1u << CONNECTION_WEBSOCKET },
                { .name = "app", .connection_types = 1u << CONNECTION_STANDARD },
        };
        const struct map_case c = { .subject = { { "CN", "a" } }, .san = "email:a@b,DNS:app" };
        struct buf notes = { 0 };
        X509 *cert = cert_of(&c);
        struct cert_names *names = cert_names_of(cert);
        struct cert_map *map = cert_map_new(users, 3);
        assert_ptr_equal(cert_map_find(map, names, CONNECTION_STANDARD, &notes), &users[2]);
        assert_ptr_equal(cert_map_find(map, names, CONNECTION_WEBSOCKET, &notes), &users[1]);
        assert_null(cert_map_find(map, names, CONNECTION_MQTT, &notes));
        users[2].connection_types = 1u << CONNECTION_MQTT;
        assert_null(cert_map_find(map, names, CONNECTION_STANDARD, &notes));
        cert_map_free(map);
        cert_names_free(names);
        X509_free(cert);
        buf_fini(&notes);
}

/* A NUL in a name must not cut it to somebody else's. */
static void a_nul_hides_nothing(void **state)
{
        struct auth_user users[] = { { .name = "CN=admin" }, { .name = "admin" } };
        struct buf notes = { 0 };
        X509 *cert = X509_new();
        X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                (const unsigned char *)"admin\0x", 7, -1, 0);
        GENERAL_NAMES *sans = GENERAL_NAMES_new();
        GENERAL_NAME *san = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, "admin\0x", 7);
        GENERAL_NAME_set0_value(san, GEN_DNS, text);
        sk_GENERAL_NAME_push(sans, san);
        assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, sans, 0, 0), 1);
        GENERAL_NAMES_free(sans);
        struct cert_names *names = cert_names_of(cert);
        struct cert_map *map = cert_map_new(users, 2);
        assert_null(cert_map_find(map, names, CONNECTION_STANDARD, &notes));
        cert_map_free(map);
        cert_names_free(names);
        X509_free(cert);
        buf_fini(&notes);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_name_that_fits_wins),
                cmocka_unit_test(types_of_connections_are_heeded),
                cmocka_unit_test(a_nul_hides_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
