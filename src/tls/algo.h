/* SPDX-License-Identifier: Apache-2.0 */
/* algo.h: algorithms of the library that every handshake needs, looked up once for the process. What
 * EVP_sha256() and its like return is looked up again at each use, under a lock. Any thread. */
#pragma once
#include <openssl/evp.h>

const EVP_CIPHER *algo_aes_128_gcm(void);
const EVP_CIPHER *algo_aes_256_gcm(void);
const EVP_CIPHER *algo_chacha20_poly1305(void);
const EVP_CIPHER *algo_aes_256_cbc(void);
const EVP_MD *algo_sha256(void);
const EVP_MD *algo_sha384(void);
