/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/usage.h"
#include <openssl/x509v3.h>

/* 0 or an error. */
static int judge(X509 *cert, bool signs, uint32_t wanted)
{
        uint32_t flags = X509_get_extension_flags(cert);
        if (flags & EXFLAG_INVALID)
                return X509_V_ERR_INVALID_EXTENSION; /* whatever it should have said */
        if (signs && X509_get_version(cert) >= X509_VERSION_3 && !(flags & EXFLAG_CA))
                return X509_V_ERR_INVALID_CA; /* RFC 5280 6.1.4 (k); key usage is not enough */
        if (flags & EXFLAG_XKUSAGE && !(X509_get_extended_key_usage(cert) & (wanted | XKU_ANYEKU)))
                return X509_V_ERR_INVALID_PURPOSE;
        return 0;
}

X509 *usage_refuses(STACK_OF(X509) * chain, bool as_server, int *error)
{
        const uint32_t wanted = as_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
        for (int i = 0; i < sk_X509_num(chain); i++) {
                *error = judge(sk_X509_value(chain, i), i > 0, wanted);
                if (*error)
                        return sk_X509_value(chain, i);
        }
        return NULL;
}
