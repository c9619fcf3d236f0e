/* SPDX-License-Identifier: Apache-2.0 */
/* provider_internal.h: the parts of the provider (provider.h) that its files give each other: tables of functions
 * that the library calls. */
#pragma once
#include <openssl/core_dispatch.h>
#include <stdbool.h>
#include <stdint.h>

enum { X25519_BYTES = 32 };

/* One key of X25519: both halves, a peer's public one, or (of a group without a key) nothing. */
struct x25519_key {
        uint8_t public_half[X25519_BYTES], private_half[X25519_BYTES];
        bool has_public, has_private;
};

extern const OSSL_DISPATCH tls13_kdf_functions[];
extern const OSSL_DISPATCH x25519_key_functions[];
extern const OSSL_DISPATCH x25519_exchange_functions[];

/* As the library calls them; parts: OSSL_KEYMGMT_SELECT_*, those that are copied. Freeing wipes. */
void *x25519_key_new(void *provider);
void x25519_key_free(void *key);
void *x25519_key_dup(const void *key, int parts);

/* Tells the library of the group for TLS: what take() returns. */
int x25519_group(OSSL_CALLBACK *take, void *arg);
