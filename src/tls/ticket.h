/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.h: keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): stateless resumption.
 * Each set is random and new: a ticket of one context means nothing to another. The sealing key
 * changes daily and is kept as long as its last ticket may live. Any thread; one short lock. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { TICKET_NAME_BYTES = 16, TICKET_KEY_BYTES = 32, TICKET_LIFE_SECONDS = 7 * 24 * 3600 };

struct ticket_key {
        uint8_t name[TICKET_NAME_BYTES];
        uint8_t cipher[TICKET_KEY_BYTES];
        uint8_t mac[TICKET_KEY_BYTES];
        uint64_t born_ns; /* monotonic; 0: no key */
};

struct tickets;

struct tickets *tickets_new(void); /* one reference */
struct tickets *tickets_ref(struct tickets *tickets);
void tickets_unref(struct tickets *tickets); /* the last one wipes; NULL is fine */

/* The key to seal with at now_ns. */
void tickets_current(struct tickets *tickets, uint64_t now_ns, struct ticket_key *out);
/* The key to open with; false when it is unknown or too old. */
bool tickets_find(
        struct tickets *tickets, uint64_t now_ns, const uint8_t *name, struct ticket_key *out);

/* What SSL_CTX_set_tlsext_ticket_key_evp_cb() asks: init both contexts by key. False: library
 * failure. */
bool ticket_key_apply(const struct ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
        EVP_MAC_CTX *mac, bool seal);
