/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_names.c: the input as a user name that may be a DN, and as a certificate that may name users. */
#include "fuzz.h"
#include "auth/auth.h"
#include "auth/cert_map.h"
#include "base/buf.h"
#include "cred/dn.h"
#include "tls/cert_names.h"
#include <openssl/err.h>

static void check_dn(struct slice text)
{
        struct dn dn;
        if (dn_parse(text, &dn, NULL) < 0)
                return;
        PROPERTY(dn.attribute_n <= DN_ATTRIBUTES_MAX && dn.rdn_n <= dn.attribute_n);
        PROPERTY(dn_equal(&dn, &dn) && dn_equal_reordered(&dn, &dn));
        dn_fini(&dn);
}

/* Whoever is found has a name that the certificate says. */
static void check_cert(const X509 *cert)
{
        const struct auth_user users[] = { { .name = "CN=a", .secret = "" },
                { .name = "CN=localhost,O=midge tests", .secret = "" },
                { .name = "client@example.com", .secret = "" } };
        struct buf notes = { 0 };
        struct cert_names *names = cert_names_of(cert);
        struct cert_map *map = cert_map_new(users, 3);
        const struct auth_user *user = cert_map_find(map, names, CONNECTION_STANDARD, &notes);
        PROPERTY(notes.len > 0);
        PROPERTY(user == NULL || names->emails.n + names->dns.n + names->uris.n > 0 ||
                 names->has_subject);
        cert_map_free(map);
        cert_names_free(names);
        buf_fini(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const unsigned char *der = data;
        check_dn(slice_of((const char *)data, size));
        X509 *cert = d2i_X509(NULL, &der, (long)size);
        ERR_clear_error();
        if (cert)
                check_cert(cert);
        X509_free(cert);
        return 0;
}
