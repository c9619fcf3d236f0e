/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/secret.h"
#include "base/mem.h"
#include <crypt.h>
#include <stddef.h>
#include <string.h>

enum {
        HASH_LEN = 60,     /* $2b$10$ and 53 characters of salt and digest */
        VARIANT = 2,       /* where the letter stands */
        PASSWORD_MAX = 72, /* what bcrypt looks at */
};

bool secret_eq(const char *stored, const char *given)
{
        size_t stored_len = strlen(stored), given_len = strlen(given);
        volatile size_t difference = stored_len ^ given_len;
        for (size_t i = 0; i < given_len; i++) /* the NUL counts, so that the modulus is never 0 */
                difference |= (size_t)(unsigned char)(stored[i % (stored_len + 1)] ^ given[i]);
        return difference == 0;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool secret_is_bcrypt(const char *stored)
{
        return stored[0] == '$' && stored[1] == '2' && stored[VARIANT] != '\0' &&
               strchr("abxy", stored[VARIANT]) && stored[3] == '$' && is_digit(stored[4]) &&
               is_digit(stored[5]) && stored[6] == '$';
}

/* All variants mean the same algorithm here; the library would compute two of them with the faults of
 * old programs, so it is asked for the sound one. */
bool secret_bcrypt_eq(const char *hash, const char *given)
{
        if (!secret_is_bcrypt(hash) || strlen(hash) != HASH_LEN)
                return false;
        char setting[HASH_LEN + 1], password[PASSWORD_MAX + 1] = { 0 };
        memcpy(setting, hash, sizeof setting);
        setting[VARIANT] = 'b';
        memcpy(password, given, strnlen(given, PASSWORD_MAX));
        struct crypt_data *work = xnew(struct crypt_data);
        const char *computed = crypt_r(password, setting, work);
        bool same = computed && computed[0] == '$' && secret_eq(setting, computed);
        mem_wipe(work, sizeof *work);
        mem_wipe(password, sizeof password);
        xfree(work);
        return same;
}
