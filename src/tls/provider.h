/* SPDX-License-Identifier: Apache-2.0 */
/* provider.h: what the library asks of us in each handshake. TLS13-KDF, on our HKDF, is cheaper than the library's
 * and sees the traffic secrets that the library tells only its key log. X25519, by libsodium, is cheaper than the
 * library's in C. */
#pragma once

/* The property query by which a context finds them, or NULL: this library or its configuration will not have
 * them (FIPS, or another provider that is asked for); then the library's own do, and the key log. Any thread. */
const char *provider_query(void);
