/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that two keys share (RFC 7748 section 6.1). An exchange is a key of its own: our private half and the
 * peer's public one, copied, since the library promises no life to the keys that it hands over. */
#include "tls/provider_internal.h"
#include <sodium/crypto_scalarmult_curve25519.h>
#include <string.h>

static void *exchange_dup(void *ctx)
{
        return x25519_key_dup(ctx, OSSL_KEYMGMT_SELECT_KEYPAIR);
}

static int exchange_init(void *ctx, void *key, const OSSL_PARAM params[])
{
        struct x25519_key *exchange = ctx;
        const struct x25519_key *own = key;
        (void)params;
        if (own == NULL || !own->has_private)
                return 0;
        memcpy(exchange->private_half, own->private_half, X25519_BYTES);
        exchange->has_private = true;
        return 1;
}

static int exchange_set_peer(void *ctx, void *key)
{
        struct x25519_key *exchange = ctx;
        const struct x25519_key *peer = key;
        if (peer == NULL || !peer->has_public)
                return 0;
        memcpy(exchange->public_half, peer->public_half, X25519_BYTES);
        exchange->has_public = true;
        return 1;
}

/* A point of small order, whose product is zero whatever our key is, is refused there. */
static int exchange_derive(void *ctx, unsigned char *dst, size_t *n, size_t size)
{
        const struct x25519_key *exchange = ctx;
        *n = X25519_BYTES;
        if (dst == NULL)
                return 1;
        return size >= X25519_BYTES && exchange->has_private && exchange->has_public &&
               crypto_scalarmult_curve25519(dst, exchange->private_half, exchange->public_half) ==
                       0;
}

const OSSL_DISPATCH x25519_exchange_functions[] = {
        { OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))x25519_key_new },
        { OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))x25519_key_free },
        { OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exchange_dup },
        { OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exchange_init },
        { OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))exchange_set_peer },
        { OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))exchange_derive },
        { 0, NULL },
};
