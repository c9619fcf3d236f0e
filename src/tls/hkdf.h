/* SPDX-License-Identifier: Apache-2.0 */
/* hkdf.h: HKDF (RFC 5869) as TLS 1.3 uses it (RFC 8446 section 7.1). Any thread. Both functions are false
 * when the library failed or something is too long; dst is then as it was. */
#pragma once
#include "base/slice.h"
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the struct HkdfLabel; 80 bytes together, which holds a hash of any size. */
struct hkdf_label {
        struct slice prefix; /* "tls13 " */
        struct slice label;
        struct slice context;
};

/* HKDF-Expand-Label; dst may be the secret. dst_n: at most one result of hash. */
bool hkdf_expand_label(const EVP_MD *hash, struct slice secret, const struct hkdf_label *label,
        uint8_t *dst, size_t dst_n);

/* HKDF-Extract: one result of hash. */
bool hkdf_extract(const EVP_MD *hash, struct slice salt, struct slice key, uint8_t *dst);
