/* SPDX-License-Identifier: Apache-2.0 */
/* name.h: distinguished names as the reference prints them. */
#pragma once
#include "base/buf.h"
#include <openssl/x509.h>
#include <stdint.h>

/* Append Go's pkix.Name text: "CN=h,OU=X,O=NATS,ST=CA,C=US", rebuilt in a fixed order from the
 * fields Go knows, then every other attribute in reverse order as ",OID=value". */
void name_text(struct buf *out, const X509_NAME *name);

/* Without those others. */
void name_flat_text(struct buf *out, const X509_NAME *name);

/* Seconds since 1970; 0 for a date that cannot be read. */
int64_t name_time(const ASN1_TIME *date);

/* SHA-256 of the DER of the public key (SubjectPublicKeyInfo), lower-case hex: what pins name. */
void name_key_sha256(const X509 *cert, char hex[65]);

/* SHA-256 of the certificate's DER, lower-case hex. */
void name_cert_sha256(const X509 *cert, char hex[65]);
