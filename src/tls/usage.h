/* SPDX-License-Identifier: Apache-2.0 */
/* usage.h: what a chain may be used for, by the rule of the reference: the extended key usage of every
 * certificate, the anchor's as well, allows the role, or there is none. Key usage does not count: it is
 * often wrong, and a client that signs with a key for encipherment has proved that it holds it. Whoever has
 * issued another one says in its basic constraints that it may. */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>

/* The first certificate, from the leaf on, that does not allow the role; NULL: all do. *error says why
 * not, in OpenSSL's numbers. */
X509 *usage_refuses(STACK_OF(X509) * chain, bool as_server, int *error);
