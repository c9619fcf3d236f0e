/* SPDX-License-Identifier: Apache-2.0 */
/* certgen.h: certificates for development, so that TLS is there from the first minute. */
#pragma once
#include "base/err.h"

/* Make sure dir (created when missing, with those above it) holds ca.pem, ca-key.pem, server-cert.pem, server-key.pem,
 * client-cert.pem and client-key.pem that are valid for another week; what still is, stays. The
 * server certificate is for localhost, 127.0.0.1, ::1 and this machine's name; keys are readable by
 * the owner only. The subjects say that they are not for production. Returns: 0, or a negative code
 * with a sentence in eb. Blocks (files). */
MUST_CHECK int certgen_dev(const char *dir, struct errbuf *eb);
