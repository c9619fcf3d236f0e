/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h: Go's names for cipher suites and groups, which are the configuration's and the logs'. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

/* "" for an id outside the table: no context enables one. */
const char *suite_name(uint16_t id);

/* OpenSSL's list of the TLS 1.2 suites that are on by default, in order of preference. */
void suite_default_list(struct buf *out);

/* TLS 1.3's, always all of them. */
#define SUITE_LIST_TLS13                                                                           \
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* By OpenSSL's answer to SSL_get_negotiated_group(): a NID, or an id with a marker bit. "" for
 * none. */
const char *group_name(int group);
