/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve.h"
#include "cli/signal_cmd.h"
#include "conf/load.h"
#include "server/server.h"
#include <stdio.h>

static int finish(const struct launch *launch)
{
        if (launch->out)
                fputs(launch->out, stdout);
        if (launch->err)
                fputs(launch->err, stderr);
        return launch->status;
}

static int signal_other(const struct launch *launch)
{
        struct errbuf eb = { "" };
        if (signal_cmd(launch->signal_command, launch->signal_pid, &eb) == 0)
                return 0;
        fprintf(stderr, "%s: %s\n", launch->program, eb.text);
        return 1;
}

int serve_main(int argc, char **argv)
{
        const struct options_hooks hooks = { .check_tls = server_check_tls };
        struct launch launch;
        int status;
        options_load(&launch, argc, argv, &hooks);
        switch (launch.action) {
        case LAUNCH_EXIT:
                status = finish(&launch);
                break;
        case LAUNCH_SIGNAL:
                status = signal_other(&launch);
                break;
        default:
                if (launch.warnings)
                        fputs(launch.warnings, stderr);
                status = server_run(&launch);
                break;
        }
        launch_fini(&launch);
        return status;
}
