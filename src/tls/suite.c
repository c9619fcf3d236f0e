/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/suite.h"
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

struct suite {
        const char *name;
        const char *openssl; /* NULL: TLS 1.3 */
        uint16_t id;
        bool insecure;
};

static const struct suite suites[] = {
#define SUITE13(name, id) { name, NULL, id, false },
#define SUITE12(name, id, openssl, insecure) { name, openssl, id, insecure },
#include "tls/suite.def"
#undef SUITE12
#undef SUITE13
};

/* In our order of preference: hybrid post-quantum first where the library has it. */
static const struct {
        int group;
        const char *name, *openssl;
} groups[] = {
        { 0x11ec, "X25519MLKEM768", "X25519MLKEM768" },
        { 0x11ed, "SecP384r1MLKEM1024", "SecP384r1MLKEM1024" },
        { 0x11eb, "SecP256r1MLKEM768", "SecP256r1MLKEM768" },
        { NID_X25519, "X25519", "X25519" },
        { NID_X9_62_prime256v1, "CurveP256", "P-256" },
        { NID_secp384r1, "CurveP384", "P-384" },
        { NID_secp521r1, "CurveP521", "P-521" },
};

const char *suite_name(uint16_t id)
{
        for (size_t i = 0; i < ARRAY_N(suites); i++)
                if (suites[i].id == id)
                        return suites[i].name;
        return "";
}

static bool is_named(const char *name, const char *const *names, int n)
{
        for (int i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static void add(struct buf *list, const char *separator, const char *text)
{
        buf_printf(list, "%s%s", list->len > 0 ? separator : "", text);
}

void suite_list(
        SSL_CTX *library, const char *const *names, int n, struct buf *out, struct buf *missing)
{
        for (size_t i = 0; i < ARRAY_N(suites); i++) {
                const struct suite *suite = &suites[i];
                bool on = n > 0 ? is_named(suite->name, names, n) : !suite->insecure;
                if (suite->openssl == NULL || !on)
                        continue;
                if (SSL_CTX_set_cipher_list(library, suite->openssl))
                        add(out, ":", suite->openssl);
                else
                        add(missing, ", ", suite->name);
        }
        if (out->len == 0)
                buf_append_str(out, SUITE_LIST_NONE);
        ERR_clear_error();
}

void group_list(
        SSL_CTX *library, const char *const *names, int n, struct buf *out, struct buf *missing)
{
        for (size_t i = 0; i < ARRAY_N(groups); i++) {
                if (n > 0 && !is_named(groups[i].name, names, n))
                        continue;
                if (SSL_CTX_set1_groups_list(library, groups[i].openssl))
                        add(out, ":", groups[i].openssl);
                else if (n > 0)
                        add(missing, ", ", groups[i].name);
        }
        ERR_clear_error();
}

const char *group_name(int group)
{
        const int marker = 0x1000000; /* "no NID: the low bits are the id on the wire" */
        for (size_t i = 0; i < ARRAY_N(groups); i++)
                if (groups[i].group == (group & marker ? group & 0xffff : group))
                        return groups[i].name;
        return "";
}
