/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"
#include "tls/certgen.h"
#include <stdio.h>
#include <string.h>

int cert_main(int argc, char **argv)
{
        struct errbuf eb = { "" };
        if (argc != 2 || strcmp(argv[0], "dev") != 0) {
                fputs("Usage: midge cert dev DIR\n\n"
                      "Make sure DIR holds a development CA with a server and a client "
                      "certificate\n"
                      "(ca.pem, server-cert.pem, server-key.pem, client-cert.pem, "
                      "client-key.pem).\n"
                      "What is still valid for a week stays. Never use these in production.\n",
                        stderr);
                return 2;
        }
        if (certgen_dev(argv[1], &eb) < 0) {
                fprintf(stderr, "midge cert: %s\n", eb.text);
                return 1;
        }
        printf("development certificates are in %s, not for production; for example:\n"
               "  midge --tls --tlscert %s/server-cert.pem --tlskey %s/server-key.pem\n"
               "  nats --server tls://localhost:4222 --tlsca %s/ca.pem sub '>'\n",
                argv[1], argv[1], argv[1], argv[1]);
        return 0;
}
