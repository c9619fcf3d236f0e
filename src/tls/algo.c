/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider does not have stays with the library's own entry: its use fails as it always did. */
#include "tls/algo.h"
#include <openssl/err.h>
#include <pthread.h>

static const EVP_CIPHER *aes_128_gcm, *aes_256_gcm, *chacha20_poly1305, *aes_256_cbc;
static const EVP_MD *sha256, *sha384;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const EVP_CIPHER *cipher_of(const char *name, const EVP_CIPHER *other)
{
        const EVP_CIPHER *found = EVP_CIPHER_fetch(NULL, name, NULL);
        return found ? found : other;
}

static const EVP_MD *hash_of(const char *name, const EVP_MD *other)
{
        const EVP_MD *found = EVP_MD_fetch(NULL, name, NULL);
        return found ? found : other;
}

static void look_up(void)
{
        aes_128_gcm = cipher_of("AES-128-GCM", EVP_aes_128_gcm());
        aes_256_gcm = cipher_of("AES-256-GCM", EVP_aes_256_gcm());
        chacha20_poly1305 = cipher_of("ChaCha20-Poly1305", EVP_chacha20_poly1305());
        aes_256_cbc = cipher_of("AES-256-CBC", EVP_aes_256_cbc());
        sha256 = hash_of("SHA256", EVP_sha256());
        sha384 = hash_of("SHA384", EVP_sha384());
        ERR_clear_error();
}

#define ALGO(type, name)                                                                           \
        const type *algo_##name(void)                                                              \
        {                                                                                          \
                pthread_once(&once, look_up);                                                      \
                return name;                                                                       \
        }
ALGO(EVP_CIPHER, aes_128_gcm)
ALGO(EVP_CIPHER, aes_256_gcm)
ALGO(EVP_CIPHER, chacha20_poly1305)
ALGO(EVP_CIPHER, aes_256_cbc)
ALGO(EVP_MD, sha256)
ALGO(EVP_MD, sha384)
#undef ALGO
