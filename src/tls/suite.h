/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h: Go's names for cipher suites and groups, which are the configuration's and the logs'. */
#pragma once
#include "base/buf.h"
#include <openssl/ssl.h>
#include <stdint.h>

/* "" for an id outside the table: no context enables one. */
const char *suite_name(uint16_t id);

/* Go's names to OpenSSL's list of TLS 1.2 suites, in our order of preference: a name switches a suite
 * on, its place means nothing. n == 0: the default list. TLS 1.3 names are passed over: those suites
 * are always on. library is asked what it has; what it lacks goes to missing, joined by ", ". */
void suite_list(
        SSL_CTX *library, const char *const *names, int n, struct buf *out, struct buf *missing);
/* The same for groups; out stays empty when the library has none of them. */
void group_list(
        SSL_CTX *library, const char *const *names, int n, struct buf *out, struct buf *missing);

/* A list that OpenSSL takes and that no client can use (there is no pre-shared key): what stands for
 * "no TLS 1.2 suite at all". */
#define SUITE_LIST_NONE "PSK-AES128-GCM-SHA256"

/* TLS 1.3's, always all of them. */
#define SUITE_LIST_TLS13                                                                           \
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* The curves that a certificate's key may be on. */
#define GROUP_LIST_CERTIFICATES "P-256:P-384:P-521"

/* By OpenSSL's answer to SSL_get_negotiated_group(): a NID, or an id with a marker bit. "" for
 * none. */
const char *group_name(int group);
