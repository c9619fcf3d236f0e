/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h: is this the secret? Nothing here tells an observer how much of a wrong one was right.
 * Any thread. */
#pragma once
#include <stdbool.h>

/* Time depends on the length of `given` alone. Texts end at their NUL. */
bool secret_eq(const char *stored, const char *given);

/* Does the stored text have the form of a bcrypt hash: $2a$ $2b$ $2x$ $2y$, a cost, the rest? */
bool secret_is_bcrypt(const char *stored);
/* Slow by design (the cost of the hash decides): for the crypto pool. Of a longer password the first
 * 72 bytes count. False as well when the hash is damaged. */
bool secret_bcrypt_eq(const char *hash, const char *given);
