/* SPDX-License-Identifier: Apache-2.0 */
/* dn.h: distinguished names, compared by their structure and never by their text (RFC 4514).
 *
 *   "CN=jdoe,OU=Users+O=Acme"  =  two RDNs, the second with two attributes
 *
 * Any thread; a finished name is not changed any more. */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>

enum { DN_ATTRIBUTES_MAX = 64 }; /* of one name: comparing costs their square */

struct dn_attribute {
        char *type;
        char *value; /* may hold NUL */
        size_t value_len;
        int rdn; /* which one it belongs to, from 0 */
};

struct dn {
        struct dn_attribute *attributes; /* in order, those of one RDN together */
        int attribute_n, rdn_n;
};

/* Blanks around types and values do not count; '\' takes one of  "#+,;<=>\ or two hex digits.
 * Returns 0, or ERR_CONFIG with the reason in eb (may be NULL) and nothing to free in out. */
MUST_CHECK int dn_parse(struct slice text, struct dn *out, struct errbuf *eb);
void dn_fini(struct dn *dn);

/* For building: copies. False: too many attributes. The next RDN begins with `fresh`. */
bool dn_add(struct dn *dn, struct slice type, struct slice value, bool fresh);

/* RDN by RDN. Types are the same in any case, values byte for byte; within an RDN the order is free. */
bool dn_equal(const struct dn *a, const struct dn *b);
/* The same RDNs in any order, each paired with one of its own. */
bool dn_equal_reordered(const struct dn *a, const struct dn *b);
