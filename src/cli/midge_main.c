/* SPDX-License-Identifier: Apache-2.0 */
/* midge: the server, and behind a first word its tools: `midge bench`, `midge cert`. */
#include "cli/bench.h"
#include "cli/cert.h"
#include "cli/serve.h"
#include <string.h>

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "bench") == 0)
                return bench_main(argc - 2, argv + 2);
        if (argc > 1 && strcmp(argv[1], "cert") == 0)
                return cert_main(argc - 2, argv + 2);
        return serve_main(argc, argv);
}
