/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/name.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above. */
#include <cmocka.h>

struct attribute {
        const char *type, *value;
};

struct name_case {
        struct attribute attributes[8];
        const char *want;
};

static const struct name_case cases[] = {
        { { { NULL, NULL } }, "" },
        { { { "C", "US" }, { "ST", "CA" }, { "O", "NATS" }, { "OU", "X" }, { "CN", "h" } },
                "CN=h,OU=X,O=NATS,ST=CA,C=US" },
        /* several values of a type form one element, in the certificate's order */
        { { { "OU", "Users" }, { "CN", "jdoe" }, { "OU", "Organic Units" } },
                "CN=jdoe,OU=Users+OU=Organic Units" },
        /* only the last common name and serial number */
        { { { "CN", "first" }, { "CN", "second" }, { "serialNumber", "1" },
                  { "serialNumber", "2" } },
                "SERIALNUMBER=2,CN=second" },
        { { { "postalCode", "TW9 1DT" }, { "street", "The Square" }, { "L", "London" },
                  { "ST", "Surrey" }, { "C", "GB" }, { "O", "Isode Limited" }, { "OU", "RFCs" },
                  { "CN", "Steve Kille" } },
                "CN=Steve Kille,OU=RFCs,O=Isode Limited,POSTALCODE=TW9 1DT,STREET=The "
                "Square,L=London,"
                "ST=Surrey,C=GB" },
        /* escapes */
        { { { "CN", " a,b+c\"d\\e<f>g;h " } }, "CN=\\ a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ " },
        { { { "CN", "#x#" }, { "O", "a = b" } }, "CN=\\#x#,O=a = b" },
        { { { "CN", "J\303\274rgen" } }, "CN=J\303\274rgen" },
        /* what Go has no field for comes last, in reverse, by its number */
        { { { "C", "US" }, { "DC", "foo1" }, { "DC", "foo2" }, { "CN", "h" } },
                "CN=h,C=US,0.9.2342.19200300.100.1.25=foo2,0.9.2342.19200300.100.1.25=foo1" },
        { { { "emailAddress", "a@b" } }, "1.2.840.113549.1.9.1=a@b" },
        { { { "CN", "z" }, { "UID", " a,b#" } }, "CN=z,0.9.2342.19200300.100.1.1=\\ a\\,b#" },
};

static void names_print_as_go_prints_them(void **state)
{
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                X509_NAME *name = X509_NAME_new();
                struct buf text = { 0 };
                for (const struct attribute *a = cases[i].attributes;
                        a < cases[i].attributes + 8 && a->type; a++)
                        assert_int_equal(X509_NAME_add_entry_by_txt(name, a->type, MBSTRING_UTF8,
                                                 (const unsigned char *)a->value, -1, -1, 0),
                                1);
                name_text(&text, name);
                char *got = buf_take_str(&text);
                assert_string_equal(got, cases[i].want);
                xfree(got);
                X509_NAME_free(name);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_print_as_go_prints_them),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
