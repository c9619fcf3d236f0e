/* SPDX-License-Identifier: Apache-2.0 */
/* kdf_provider.h: TLS13-KDF, which the library asks for each secret of a handshake, on our HKDF. It is cheaper
 * than the library's, and sees the traffic secrets that the library tells only its key log. */
#pragma once

/* The property query by which a context finds it, or NULL: this library or its configuration will not have
 * it (a FIPS provider, say), and the key log has to do. Any thread. */
const char *kdf_provider_query(void);
