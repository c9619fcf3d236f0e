/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ocsp.c: the input as the answer of a responder, about a certificate whose issuer signed some of the
 * corpus; and as a certificate that is asked what it says about responders. */
#include "fuzz.h"
#include "base/buf.h"
#include "tls/ocsp.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define NOW_S 1800000000 /* within the corpus's times */

static const char ca_pem[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBJjCBzqADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2Z1enogQ0Ew\n"
                             "IBcNMjQwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB2Z1\n"
                             "enogQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATSxqxyKfW0zbQ+G6F6puRw\n"
                             "YErzBeDllAOhmDdIPFHknX8q/9jwZhj6/kWbU/qjRPl+FWG3PaUFAGKRerJIk4ex\n"
                             "oxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIANjiwvpPc5K\n"
                             "4i6YoeIA2McsxJIzMZs7eA58zc5PBHeNAiAf205/bZWtzF7sop/UTVmyezgGxImE\n"
                             "Uez2D1BjlMD33Q==\n"
                             "-----END CERTIFICATE-----\n";

static const char leaf_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBTTCB9KADAgECAgFNMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2Z1enogQ0Ew\n"
                               "IBcNMjQwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBGxl\n"
                               "YWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATsItrQYU9L8SRVPhAAMp5HrBQb\n"
                               "/D+XP3TI9u2+QcYuxeUVKvjlnslFkh4D5IXCLCYcnMz0wlJkJddHsynDdOGtozww\n"
                               "OjARBggrBgEFBQcBGAQFMAMCAQUwJQYIKwYBBQUHAQEEGTAXMBUGCCsGAQUFBzAB\n"
                               "hglodHRwOi8vci8wCgYIKoZIzj0EAwIDSAAwRQIgH2WKdvwckrttWSr9UPpuNYx9\n"
                               "GZWW5/sxNVPsC04T1kgCIQCg6Qpguy6wdeM2W+mtE+nAUKycUzLaqqBoDTyCullE\n"
                               "aQ==\n"
                               "-----END CERTIFICATE-----\n";

static X509 *leaf, *issuer;

static X509 *read_cert(const char *pem)
{
        BIO *bio = BIO_new_mem_buf(pem, -1);
        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        PROPERTY(cert);
        X509_check_purpose(cert, -1, 0);
        return cert;
}

static void free_all(void)
{
        X509_free(leaf);
        X509_free(issuer);
}

static void check_answer(struct slice der)
{
        struct ocsp_response response;
        struct errbuf eb = { "" };
        int rc = ocsp_parse(der, leaf, issuer, NOW_S, &response, &eb);
        PROPERTY((rc == 0) == (eb.text[0] == '\0'));
        if (rc < 0)
                return;
        PROPERTY(response.this_update_s > 0 && response.next_update_s >= 0);
        PROPERTY(response.status <= OCSP_STATUS_UNKNOWN);
        (void)ocsp_is_current(&response, NOW_S * NS_PER_SEC, 0, 0, &eb);
        (void)!ocsp_check_valid(&response, NOW_S * NS_PER_SEC, &eb);
}

static void check_cert(const X509 *cert)
{
        struct ocsp_urls urls;
        (void)ocsp_must_staple(cert);
        ocsp_urls_of(cert, &urls);
        PROPERTY(urls.n <= OCSP_URLS_MAX);
        for (int i = 0; i < urls.n; i++)
                PROPERTY(ocsp_url_is_usable(slice_str(urls.at[i])));
        ocsp_urls_fini(&urls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const unsigned char *der = data;
        if (leaf == NULL) {
                leaf = read_cert(leaf_pem);
                issuer = read_cert(ca_pem);
                atexit(free_all);
        }
        check_answer(slice_of((const char *)data, size));
        X509 *cert = d2i_X509(NULL, &der, (long)size);
        ERR_clear_error();
        if (cert)
                check_cert(cert);
        X509_free(cert);
        return 0;
}
