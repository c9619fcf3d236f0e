/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of X25519 as the library manages keys: it never looks inside one. */
#include "base/mem.h"
#include "tls/provider_internal.h"
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <openssl/rand.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <string.h>
#include <strings.h>

enum { BITS = 253, SECURITY_BITS = 128 }; /* as the library counts them */

void *x25519_key_new(void *provider)
{
        (void)provider;
        return xnew(struct x25519_key);
}

void x25519_key_free(void *data)
{
        if (data == NULL)
                return;
        mem_wipe(data, sizeof(struct x25519_key));
        xfree(data);
}

static bool key_complete(struct x25519_key *key)
{
        key->has_private = true;
        key->has_public =
                crypto_scalarmult_curve25519_base(key->public_half, key->private_half) == 0;
        return key->has_public;
}

/* A key of the group without any half has all parameters of the group, of which there are none. */
static int key_has(const void *data, int parts)
{
        const struct x25519_key *key = data;
        return key && (key->has_public || !(parts & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)) &&
               (key->has_private || !(parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY));
}

static int key_match(const void *data, const void *other_data, int parts)
{
        const struct x25519_key *key = data, *other = other_data;
        return !(parts & OSSL_KEYMGMT_SELECT_KEYPAIR) ||
               (key->has_public && other->has_public &&
                       memcmp(key->public_half, other->public_half, X25519_BYTES) == 0);
}

void *x25519_key_dup(const void *data, int parts)
{
        const struct x25519_key *key = data;
        struct x25519_key *copy = xnew(struct x25519_key);
        copy->has_public = key->has_public && (parts & OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
        copy->has_private = key->has_private && (parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
        if (copy->has_public)
                memcpy(copy->public_half, key->public_half, X25519_BYTES);
        if (copy->has_private)
                memcpy(copy->private_half, key->private_half, X25519_BYTES);
        return copy;
}

/* ---- parameters ---------------------------------------------------------------------------- */

static bool tell_number(OSSL_PARAM *params, const char *name, int value)
{
        OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
        return param == NULL || OSSL_PARAM_set_int(param, value);
}

static bool tell_public(OSSL_PARAM *params, const char *name, const struct x25519_key *key)
{
        OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
        return param == NULL || (key->has_public && OSSL_PARAM_set_octet_string(
                                                            param, key->public_half, X25519_BYTES));
}

static int key_get(void *data, OSSL_PARAM params[])
{
        return tell_number(params, OSSL_PKEY_PARAM_BITS, BITS) &&
               tell_number(params, OSSL_PKEY_PARAM_SECURITY_BITS, SECURITY_BITS) &&
               tell_number(params, OSSL_PKEY_PARAM_MAX_SIZE, X25519_BYTES) &&
               tell_public(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, data) &&
               tell_public(params, OSSL_PKEY_PARAM_PUB_KEY, data);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
        static const OSSL_PARAM names[] = {
                OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
                OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
                OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                OSSL_PARAM_END,
        };
        (void)provider;
        return names;
}

/* False when there is one that is no key; *found tells whether there is any. */
static bool take_half(
        const OSSL_PARAM *params, const char *name, uint8_t half[X25519_BYTES], bool *found)
{
        const void *at = NULL;
        size_t n = 0;
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, name);
        *found = param != NULL;
        if (param == NULL)
                return true;
        if (!OSSL_PARAM_get_octet_string_ptr(param, &at, &n) || at == NULL || n != X25519_BYTES)
                return false;
        memcpy(half, at, X25519_BYTES);
        return true;
}

/* A peer's key, as it comes over the wire. */
static int key_set(void *data, const OSSL_PARAM params[])
{
        struct x25519_key *key = data;
        bool found;
        if (!take_half(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key->public_half, &found))
                return 0;
        if (found) {
                mem_wipe(key->private_half, X25519_BYTES);
                key->has_private = false;
                key->has_public = true;
        }
        return 1;
}

static const OSSL_PARAM *key_settable(void *provider)
{
        static const OSSL_PARAM names[] = {
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
                OSSL_PARAM_END,
        };
        (void)provider;
        return names;
}

/* ---- to and from other providers ----------------------------------------------------------- */

static const OSSL_PARAM *halves(int parts)
{
        static const OSSL_PARAM names[] = {
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
                OSSL_PARAM_END,
        };
        return parts & OSSL_KEYMGMT_SELECT_KEYPAIR ? names : NULL;
}

static int key_import(void *data, int parts, const OSSL_PARAM params[])
{
        struct x25519_key *key = data;
        if (!(parts & OSSL_KEYMGMT_SELECT_KEYPAIR) ||
                !take_half(params, OSSL_PKEY_PARAM_PUB_KEY, key->public_half, &key->has_public))
                return 0;
        if (!(parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
                return key->has_public;
        if (!take_half(params, OSSL_PKEY_PARAM_PRIV_KEY, key->private_half, &key->has_private))
                return 0;
        return key->has_public || (key->has_private && key_complete(key));
}

static int key_export(void *data, int parts, OSSL_CALLBACK *take, void *arg)
{
        struct x25519_key *key = data;
        OSSL_PARAM params[3], *at = params;
        if (!(parts & OSSL_KEYMGMT_SELECT_KEYPAIR))
                return 0;
        if (key->has_public)
                *at++ = OSSL_PARAM_construct_octet_string(
                        OSSL_PKEY_PARAM_PUB_KEY, key->public_half, X25519_BYTES);
        if (key->has_private && (parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
                *at++ = OSSL_PARAM_construct_octet_string(
                        OSSL_PKEY_PARAM_PRIV_KEY, key->private_half, X25519_BYTES);
        *at = OSSL_PARAM_construct_end();
        return take(params, arg);
}

/* ---- making new ones ----------------------------------------------------------------------- */

struct maker {
        int parts;
};

static void *maker_new(void *provider, int parts, const OSSL_PARAM params[])
{
        struct maker *maker = xnew(struct maker);
        (void)provider;
        (void)params;
        maker->parts = parts;
        return maker;
}

static void maker_free(void *ctx)
{
        xfree(ctx);
}

/* There is but one group, and the library names it all the same. */
static int maker_set(void *ctx, const OSSL_PARAM params[])
{
        const char *name = NULL;
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
        (void)ctx;
        return param == NULL || (OSSL_PARAM_get_utf8_string_ptr(param, &name) && name &&
                                        strcasecmp(name, "x25519") == 0);
}

static const OSSL_PARAM *maker_settable(void *ctx, void *provider)
{
        static const OSSL_PARAM names[] = {
                OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                OSSL_PARAM_END,
        };
        (void)ctx;
        (void)provider;
        return names;
}

static void *maker_make(void *ctx, OSSL_CALLBACK *progress, void *arg)
{
        const struct maker *maker = ctx;
        struct x25519_key *key = xnew(struct x25519_key);
        (void)progress;
        (void)arg;
        if (!(maker->parts & OSSL_KEYMGMT_SELECT_KEYPAIR) ||
                (RAND_priv_bytes(key->private_half, X25519_BYTES) == 1 && key_complete(key)))
                return key;
        x25519_key_free(key);
        return NULL;
}

const OSSL_DISPATCH x25519_key_functions[] = {
        { OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))x25519_key_new },
        { OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))x25519_key_free },
        { OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has },
        { OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match },
        { OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))x25519_key_dup },
        { OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get },
        { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable },
        { OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))key_set },
        { OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, (void (*)(void))key_settable },
        { OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import },
        { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))halves },
        { OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export },
        { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))halves },
        { OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))maker_new },
        { OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))maker_set },
        { OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, (void (*)(void))maker_settable },
        { OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))maker_make },
        { OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))maker_free },
        { 0, NULL },
};

/* ---- the group ----------------------------------------------------------------------------- */

int x25519_group(OSSL_CALLBACK *take, void *arg)
{
        char tls_name[] = "x25519", name[] = "X25519";
        unsigned id = 0x001d, security_bits = SECURITY_BITS;
        int from = TLS1_VERSION, dtls_from = DTLS1_VERSION, any = 0;
        const OSSL_PARAM group[] = {
                OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME, tls_name, sizeof(tls_name)),
                OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL, name, sizeof(name)),
                OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_ALG, name, sizeof(name)),
                OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
                OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &security_bits),
                OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &from),
                OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &any),
                OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &dtls_from),
                OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &any),
                OSSL_PARAM_END,
        };
        return take(group, arg);
}
