/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a storm: thousands of handshakes that began at the same time leave hundreds of megabytes with
 * malloc(), which are of no use to anybody. They go back once it is quiet, because whoever allocates meanwhile
 * waits for milliseconds. */
#include "os/os.h"
#include "server/server_internal.h"

enum {
        STORM = 1000, /* connections that ended since the last time */
        QUIET = 50,   /* that end between two looks */
};

void trim_look(struct server *server)
{
        struct trim *trim = &server->trim;
        uint64_t open_n = (uint64_t)atomic_load_explicit(
                &server->peers.shared.client_n, memory_order_relaxed);
        uint64_t ended_n =
                atomic_load_explicit(&server->peers.shared.total_n, memory_order_relaxed) - open_n;
        bool quiet = ended_n - trim->seen_n < QUIET;
        trim->seen_n = ended_n;
        if (!quiet || ended_n - trim->trimmed_n < STORM)
                return;
        trim->trimmed_n = ended_n;
        os_memory_trim();
}
