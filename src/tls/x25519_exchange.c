/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that two keys share (RFC 7748 section 6.1). */
#include "base/mem.h"
#include "tls/provider_internal.h"
#include <sodium/crypto_scalarmult_curve25519.h>
#include <string.h>

/* Copies, since the library promises no life to keys that it hands over. */
struct exchange {
        struct x25519_key own, peer;
};

static void *exchange_new(void *provider)
{
        (void)provider;
        return xnew(struct exchange);
}

static void exchange_free(void *ctx)
{
        if (ctx == NULL)
                return;
        mem_wipe(ctx, sizeof(struct exchange));
        xfree(ctx);
}

static void *exchange_dup(void *ctx)
{
        struct exchange *copy = xnew(struct exchange);
        *copy = *(const struct exchange *)ctx;
        return copy;
}

static int exchange_init(void *ctx, void *key, const OSSL_PARAM params[])
{
        const struct x25519_key *own = key;
        (void)params;
        if (own == NULL || !own->has_private)
                return 0;
        ((struct exchange *)ctx)->own = *own;
        return 1;
}

static int exchange_set_peer(void *ctx, void *key)
{
        const struct x25519_key *peer = key;
        struct exchange *exchange = ctx;
        if (peer == NULL || !peer->has_public)
                return 0;
        memcpy(exchange->peer.public_half, peer->public_half, X25519_BYTES);
        exchange->peer.has_public = true;
        return 1;
}

/* A point of small order, whose product is zero whatever our key is, is refused there. */
static int exchange_derive(void *ctx, unsigned char *dst, size_t *n, size_t size)
{
        const struct exchange *exchange = ctx;
        *n = X25519_BYTES;
        if (dst == NULL)
                return 1;
        return size >= X25519_BYTES && exchange->own.has_private && exchange->peer.has_public &&
               crypto_scalarmult_curve25519(
                       dst, exchange->own.private_half, exchange->peer.public_half) == 0;
}

const OSSL_DISPATCH x25519_exchange_functions[] = {
        { OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))exchange_new },
        { OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))exchange_free },
        { OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exchange_dup },
        { OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exchange_init },
        { OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))exchange_set_peer },
        { OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))exchange_derive },
        { 0, NULL },
};
