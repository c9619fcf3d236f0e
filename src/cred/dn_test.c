/* SPDX-License-Identifier: Apache-2.0 */
/* Rows 52 to 55 of the TLS checklist: TestSuccessfulDNParsing, TestErrorDNParsing, TestDNEqual,
 * TestDNReverseMatchDuplicates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/mem.h"
#include "cred/dn.h"
#include <string.h>

/* "CN|a;O|x+OU|y": the structure, with '.' for a byte that cannot be printed. */
static char *shape(const struct dn *dn)
{
        struct buf out = { 0 };
        for (int i = 0; i < dn->attribute_n; i++) {
                const struct dn_attribute *a = &dn->attributes[i];
                bool fresh = i == 0 || a[-1].rdn != a->rdn;
                buf_printf(&out, "%s%s|", i == 0 ? "" : fresh ? ";" : "+", a->type);
                for (size_t j = 0; j < a->value_len; j++)
                        buf_append_char(&out, a->value[j] == '\0' ? '.' : a->value[j]);
        }
        return buf_take_str(&out);
}

static void names_are_read(void **state)
{
        static const struct {
                const char *text, *shape;
        } cases[] = {
                { "", "" },
                { "CN=", "" },
                { "CN=Jim\\2C \\22Hasse Hö\\22 Hansson!,dc=dummy,dc=com",
                        "CN|Jim, \"Hasse Hö\" Hansson!;dc|dummy;dc|com" },
                { "UID=jsmith,DC=example,DC=net", "UID|jsmith;DC|example;DC|net" },
                { "OU=Sales+CN=J. Smith,DC=example,DC=net",
                        "OU|Sales+CN|J. Smith;DC|example;DC|net" },
                { "CN=Lu\\C4\\8Di\\C4\\87", "CN|Lu\xc4\x8di\xc4\x87" },
                { "  CN = a  b ,  O =x\\ ", "CN|a  b;O|x " },
                { "CN=\\ a\\ \\ ", "CN| a  " },
                { "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i\\#", "CN|a,b+c\"d\\e<f>g;h=i#" },
                { "CN=a\\00b", "CN|a.b" },
                { "CN=a,", "CN|a" },
                { "CN=a,O=", "CN|a" },
                { "CN=a#", "CN|a#" },
                { "CN= #a", "CN|#a" },
                { "CN=a=b", "a|b" },
                { "CN=a\\", "CN|a" },
                { "CN=,O=x", "CN|;O|x" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct dn dn;
                struct errbuf eb = { "" };
                if (dn_parse(slice_str(cases[i].text), &dn, &eb) < 0)
                        fail_msg("<%s>: %s", cases[i].text, eb.text);
                char *got = shape(&dn);
                assert_string_equal(got, cases[i].shape);
                xfree(got);
                dn_fini(&dn);
        }
}

static void what_is_no_name_is_refused(void **state)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                { "*", "DN ended with incomplete type, value pair" },
                { "cn=Jim\\0Test",
                        "failed to decode escaped character: encoding/hex: invalid byte: "
                        "U+0054 'T'" },
                { "cn=Jim\\0", "got corrupted escaped character" },
                { "DC=example,=net", "DN ended with incomplete type, value pair" },
                { "1=#0402486", "unsupported BER encoding" },
                { "test,DC=example,DC=com", "incomplete type, value pair" },
                { "=test,DC=example,DC=com", "incomplete type, value pair" },
                { ",", "incomplete type, value pair" },
                { "CN=a,,O=b", "incomplete type, value pair" },
                { "jdoe", "DN ended with incomplete type, value pair" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct dn dn;
                struct errbuf eb = { "" };
                assert_int_equal(dn_parse(slice_str(cases[i].text), &dn, &eb), ERR_CONFIG);
                assert_string_equal(eb.text, cases[i].error);
                assert_int_equal(dn_parse(slice_str(cases[i].text), &dn, NULL), ERR_CONFIG);
        }
}

static void too_many_attributes_are_no_name(void **state)
{
        struct buf text = { 0 };
        struct dn dn;
        for (int i = 0; i < DN_ATTRIBUTES_MAX; i++)
                buf_append_str(&text, "CN=a,");
        assert_int_equal(dn_parse(buf_slice(&text), &dn, NULL), 0);
        assert_int_equal(dn.rdn_n, DN_ATTRIBUTES_MAX);
        dn_fini(&dn);
        buf_append_str(&text, "CN=a");
        assert_int_equal(dn_parse(buf_slice(&text), &dn, NULL), ERR_CONFIG);
        buf_fini(&text);
}

static void structures_are_compared(void **state)
{
        static const struct {
                const char *a, *b;
                bool equal, reordered;
        } cases[] = {
                { "", "", true, true },
                { "CN=a", "cn=a", true, true },
                { "CN=a", "CN=A", false, false },
                { "CN=a", "CN=a ", true, true },
                { "CN=a", "CN=a\\ ", false, false },
                { "CN=a,O=b", "CN=a, O=b", true, true },
                { "CN=a,O=b", "O=b,CN=a", false, true },
                { "CN=a,O=b", "CN=a", false, false },
                { "CN=a+O=b", "O=b+CN=a", true, true },
                { "CN=a+O=b", "CN=a,O=b", false, false },
                { "CN=a,O=x+DC=y", "CN=a,DC=y+O=x", true, true },
                { "CN=a,O=x+DC=y", "CN=a,DC=y", false, false },
                { "CN=Alice,CN=Alice,O=NATS", "CN=Alice,O=NATS,OU=Users", false, false },
                { "CN=Alice,CN=Alice,O=NATS", "CN=Alice,O=NATS,O=NATS", false, false },
                { "CN=Alice,CN=Alice,O=NATS", "O=NATS,CN=Alice,CN=Alice", false, true },
                { "CN=a+CN=a+O=b", "CN=a+O=b+O=b", false, false },
                { "CN=a\\00", "CN=a", false, false },
                { "CN=a\\,O\\=b", "CN=a,O=b", false, false },
                { "CN=a\\2CO=b", "CN=a", false, false },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct dn a, b;
                assert_int_equal(dn_parse(slice_str(cases[i].a), &a, NULL), 0);
                if (dn_parse(slice_str(cases[i].b), &b, NULL) < 0) {
                        assert_false(cases[i].equal);
                        dn_fini(&a);
                        continue;
                }
                if (dn_equal(&a, &b) != cases[i].equal || dn_equal(&b, &a) != cases[i].equal ||
                        dn_equal_reordered(&a, &b) != cases[i].reordered ||
                        dn_equal_reordered(&b, &a) != cases[i].reordered)
                        fail_msg("<%s> <%s>", cases[i].a, cases[i].b);
                dn_fini(&a);
                dn_fini(&b);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_read),
                cmocka_unit_test(what_is_no_name_is_refused),
                cmocka_unit_test(too_many_attributes_are_no_name),
                cmocka_unit_test(structures_are_compared),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
