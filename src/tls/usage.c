/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/usage.h"
#include <openssl/x509v3.h>

/* 0 or an error. */
static int judge(X509 *cert, uint32_t wanted)
{
        uint32_t flags = X509_get_extension_flags(cert);
        if (flags & EXFLAG_INVALID)
                return X509_V_ERR_INVALID_EXTENSION; /* whatever it should have said */
        if (flags & EXFLAG_XKUSAGE && !(X509_get_extended_key_usage(cert) & (wanted | XKU_ANYEKU)))
                return X509_V_ERR_INVALID_PURPOSE;
        return 0;
}

X509 *usage_refuses(STACK_OF(X509) * chain, bool as_server, int *error)
{
        for (int i = 0; i < sk_X509_num(chain); i++) {
                *error =
                        judge(sk_X509_value(chain, i), as_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT);
                if (*error)
                        return sk_X509_value(chain, i);
        }
        return NULL;
}
