/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/suite.h"
#include <openssl/obj_mac.h>

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

static const struct {
        int group;
        const char *name;
} groups[] = {
        { NID_X25519, "X25519" },
        { NID_X9_62_prime256v1, "CurveP256" },
        { NID_secp384r1, "CurveP384" },
        { NID_secp521r1, "CurveP521" },
        { 0x11ec, "X25519MLKEM768" },
        { 0x11eb, "SecP256r1MLKEM768" },
        { 0x11ed, "SecP384r1MLKEM1024" },
};

const char *suite_name(uint16_t id)
{
        for (size_t i = 0; i < ARRAY_N(suites); i++)
                if (suites[i].id == id)
                        return suites[i].name;
        return "";
}

void suite_default_list(struct buf *out)
{
        for (size_t i = 0; i < ARRAY_N(suites); i++) {
                if (suites[i].openssl == NULL || suites[i].insecure)
                        continue;
                if (out->len > 0)
                        buf_append_char(out, ':');
                buf_append_str(out, suites[i].openssl);
        }
}

const char *group_name(int group)
{
        const int marker = 0x1000000; /* "no NID: the low bits are the id on the wire" */
        for (size_t i = 0; i < ARRAY_N(groups); i++)
                if (groups[i].group == (group & marker ? group & 0xffff : group))
                        return groups[i].name;
        return "";
}
