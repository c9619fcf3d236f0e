/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ticket.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tls/algo.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define ROTATE_NS (24ULL * 3600 * NS_PER_SEC)
/* The last ticket is sealed a day after a key's birth and lives seven more. */
enum { KEPT = 8 };

struct tickets {
        _Atomic uint32_t refs;
        pthread_mutex_t lock;
        struct ticket_key keys[KEPT]; /* a ring; newest at `at` */
        int at;
};

struct tickets *tickets_new(void)
{
        struct tickets *tickets = xnew(struct tickets);
        atomic_init(&tickets->refs, 1);
        pthread_mutex_init(&tickets->lock, NULL);
        return tickets;
}

struct tickets *tickets_ref(struct tickets *tickets)
{
        atomic_fetch_add_explicit(&tickets->refs, 1, memory_order_relaxed);
        return tickets;
}

void tickets_unref(struct tickets *tickets)
{
        if (tickets == NULL ||
                atomic_fetch_sub_explicit(&tickets->refs, 1, memory_order_acq_rel) != 1)
                return;
        pthread_mutex_destroy(&tickets->lock);
        mem_wipe(tickets->keys, sizeof(tickets->keys));
        xfree(tickets);
}

static void key_init(struct ticket_key *key, uint64_t now_ns)
{
        rand_secure(key->name, sizeof(key->name));
        rand_secure(key->cipher, sizeof(key->cipher));
        rand_secure(key->mac, sizeof(key->mac));
        key->born_ns = now_ns ? now_ns : 1;
}

void tickets_current(struct tickets *tickets, uint64_t now_ns, struct ticket_key *out)
{
        pthread_mutex_lock(&tickets->lock);
        struct ticket_key *newest = &tickets->keys[tickets->at];
        if (newest->born_ns == 0 || now_ns - newest->born_ns >= ROTATE_NS) {
                tickets->at = (tickets->at + 1) % KEPT;
                newest = &tickets->keys[tickets->at];
                key_init(newest, now_ns);
        }
        *out = *newest;
        pthread_mutex_unlock(&tickets->lock);
}

bool tickets_find(
        struct tickets *tickets, uint64_t now_ns, const uint8_t *name, struct ticket_key *out)
{
        bool found = false;
        pthread_mutex_lock(&tickets->lock);
        for (int i = 0; i < KEPT && !found; i++) {
                const struct ticket_key *key = &tickets->keys[i];
                if (key->born_ns == 0 || now_ns - key->born_ns >= KEPT * ROTATE_NS ||
                        memcmp(key->name, name, TICKET_NAME_BYTES) != 0)
                        continue;
                *out = *key;
                found = true;
        }
        pthread_mutex_unlock(&tickets->lock);
        return found;
}

bool ticket_key_apply(const struct ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
        EVP_MAC_CTX *mac, bool seal)
{
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_octet_string(
                        OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof(key->mac)),
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                OSSL_PARAM_construct_end(),
        };
        return EVP_MAC_CTX_set_params(mac, params) &&
               EVP_CipherInit_ex(cipher, algo_aes_256_cbc(), NULL, key->cipher, iv, seal);
}
