/* SPDX-License-Identifier: Apache-2.0 */
/* hkdf.h: HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) without a context. Any thread. */
#pragma once
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HKDF_LABEL_MAX_BYTES = 16 };

/* dst_n bytes for label, "tls13 " not included; dst may be the secret. dst_n is at most one block of
 * hash's result. False: the library failed, or something is too long; dst is as it was. */
bool hkdf_expand_label(const EVP_MD *hash, const uint8_t *secret, size_t secret_n,
        const char *label, uint8_t *dst, size_t dst_n);
