/* SPDX-License-Identifier: Apache-2.0 */
/* Every length on both sides of each branch, in blocks of exactly that size, so that the sanitizer sees any
 * byte too many. */
#include "base/bytes.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { LENGTHS = 130 };

static char *block(size_t len, int salt)
{
        char *bytes = xmalloc(len + (len == 0));
        for (size_t i = 0; i < len; i++)
                bytes[i] = (char)((int)i * 7 + salt);
        return bytes;
}

static void copies_every_length(void **state)
{
        for (size_t len = 0; len < LENGTHS; len++) {
                char *src = block(len, 3), *dst = block(len, 100);
                assert_ptr_equal(bytes_copy(dst, src, len), dst + len);
                assert_memory_equal(dst, src, len);
                xfree(src);
                xfree(dst);
        }
}

static void tells_every_byte_apart(void **state)
{
        for (size_t len = 0; len < LENGTHS; len++) {
                char *a = block(len, 3), *b = block(len, 3);
                assert_true(bytes_equal(a, b, len));
                for (size_t i = 0; i < len; i++) {
                        b[i] ^= 1;
                        assert_false(bytes_equal(a, b, len));
                        b[i] ^= 1;
                }
                xfree(a);
                xfree(b);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(copies_every_length),
                cmocka_unit_test(tells_every_byte_apart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
