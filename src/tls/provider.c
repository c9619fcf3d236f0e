/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/provider.h"
#include "tls/provider_internal.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <sodium/core.h>
#include <string.h>
#include <strings.h>

#define NAME "midge"
#define MARK NAME ".handshake=yes" /* a property of one's own has a dot in its name */
#define PROPERTIES "provider=" NAME "," MARK
/* Not by "provider", which would take the place of what the library's configuration says of that property. */
#define QUERY "?" MARK

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
        static const OSSL_ALGORITHM kdfs[] = {
                { "TLS13-KDF", PROPERTIES, tls13_kdf_functions, NULL },
                { NULL, NULL, NULL, NULL },
        };
        static const OSSL_ALGORITHM keys[] = {
                { "X25519", PROPERTIES, x25519_key_functions, NULL },
                { NULL, NULL, NULL, NULL },
        };
        static const OSSL_ALGORITHM exchanges[] = {
                { "X25519", PROPERTIES, x25519_exchange_functions, NULL },
                { NULL, NULL, NULL, NULL },
        };
        (void)provider;
        *no_cache = 0;
        switch (operation) {
        case OSSL_OP_KDF:
                return kdfs;
        case OSSL_OP_KEYMGMT:
                return keys;
        case OSSL_OP_KEYEXCH:
                return exchanges;
        default:
                return NULL;
        }
}

/* The library drops its own entry for a group whose keys are made here, or keeps both, which say the same. */
static int capabilities(void *provider, const char *kind, OSSL_CALLBACK *take, void *arg)
{
        (void)provider;
        return strcasecmp(kind, "TLS-GROUP") != 0 || x25519_group(take, arg);
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
        void **provider)
{
        static const OSSL_DISPATCH functions[] = {
                { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
                { OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities },
                { 0, NULL },
        };
        (void)in;
        *out = functions;
        *provider = (void *)handle; /* anything but NULL */
        return 1;
}

static OSSL_PROVIDER *usable; /* NULL: not */

static bool is_ours(const OSSL_PROVIDER *provider)
{
        return strcmp(OSSL_PROVIDER_get0_name(provider), NAME) == 0;
}

static bool is_found(void)
{
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", QUERY);
        EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, "X25519", QUERY);
        EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(NULL, "X25519", QUERY);
        bool found = kdf && is_ours(EVP_KDF_get0_provider(kdf)) && keys &&
                     is_ours(EVP_KEYMGMT_get0_provider(keys)) && exchange &&
                     is_ours(EVP_KEYEXCH_get0_provider(exchange));
        EVP_KDF_free(kdf);
        EVP_KEYMGMT_free(keys);
        EVP_KEYEXCH_free(exchange);
        return found;
}

/* Of several providers the library takes the first that it met, where nothing is asked for: its own. */
static void let_the_library_be_first(void)
{
        EVP_KDF_free(EVP_KDF_fetch(NULL, "TLS13-KDF", NULL));
        EVP_KEYMGMT_free(EVP_KEYMGMT_fetch(NULL, "X25519", NULL));
        EVP_KEYEXCH_free(EVP_KEYEXCH_fetch(NULL, "X25519", NULL));
}

static void load(void)
{
        /* A machine with FIPS active means its handshakes to be done there, also where no property says so. */
        if (OSSL_PROVIDER_available(NULL, "fips") || sodium_init() < 0)
                return;
        let_the_library_be_first();
        /* The library's own algorithms stay, which loading a provider by name would otherwise end. */
        if (OSSL_PROVIDER_add_builtin(NULL, NAME, init))
                usable = OSSL_PROVIDER_try_load(NULL, NAME, 1);
        if (usable && !is_found()) {
                OSSL_PROVIDER_unload(usable);
                usable = NULL;
        }
        ERR_clear_error();
}

const char *provider_query(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, load);
        return usable ? QUERY : NULL;
}
