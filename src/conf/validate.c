/* SPDX-License-Identifier: Apache-2.0 */
/* validate.c: relations between options, checked when a server is made and at each reload. */
#include "base/clock.h"
#include "conf/options.h"
#include <inttypes.h>
#include <string.h>

static int validate_no_auth_user(const struct auth_options *auth, struct errbuf *eb)
{
        const char *name = auth->no_auth_user;
        if (name[0] == '\0')
                return 0;
        if (auth->user_n == 0 && auth->nkey_n == 0)
                return errbuf_set(eb, ERR_CONFIG,
                        "no_auth_user: \"%s\" present, but users/nkeys are not defined", name);
        for (int i = 0; i < auth->user_n; i++)
                if (strcmp(auth->users[i].name, name) == 0)
                        return 0;
        for (int i = 0; i < auth->nkey_n; i++)
                if (strcmp(auth->nkeys[i].name, name) == 0)
                        return 0;
        return errbuf_set(eb, ERR_CONFIG,
                "no_auth_user: \"%s\" not present as user or nkey in authorization block or "
                "account "
                "configuration",
                name);
}

int options_validate(const struct options *opts, struct errbuf *eb)
{
        const struct timing_options *timing = &opts->timing;
        if (timing->lame_duck_grace_ns >= timing->lame_duck_duration_ns) {
                char grace[40], duration[40];
                clock_duration(timing->lame_duck_grace_ns, grace, sizeof grace);
                clock_duration(timing->lame_duck_duration_ns, duration, sizeof duration);
                return errbuf_set(eb, ERR_CONFIG,
                        "lame duck grace period (%s) should be strictly lower than lame duck "
                        "duration (%s)",
                        grace, duration);
        }
        if (opts->limits.max_payload_bytes > opts->limits.max_pending_bytes)
                return errbuf_set(eb, ERR_CONFIG,
                        "max_payload (%" PRId64 ") cannot be higher than max_pending (%" PRId64 ")",
                        opts->limits.max_payload_bytes, opts->limits.max_pending_bytes);
        if (strchr(opts->server_name, ' '))
                return errbuf_set(eb, ERR_CONFIG, "server name cannot contain spaces");
        if (opts->tls.enabled && opts->tls.ocsp_peer.verify && !opts->tls.verify)
                return errbuf_set(eb, ERR_CONFIG,
                        "OCSP peer verification for client connections requires TLS verify (mTLS) "
                        "to be enabled");
        return validate_no_auth_user(&opts->auth, eb);
}

int options_validate_monitor(const struct options *opts, struct errbuf *eb)
{
        const struct monitor_options *monitor = &opts->monitor;
        if (monitor->http_port != 0 && monitor->https_port != 0)
                return errbuf_set(eb, ERR_CONFIG,
                        "Can't start monitoring: can't specify both HTTP (%d) and HTTPs (%d) ports",
                        monitor->http_port, monitor->https_port);
        if (monitor->https_port != 0 && !opts->tls.enabled)
                return errbuf_set(eb, ERR_CONFIG,
                        "Can't start monitoring: TLS cert and key required for HTTPS");
        return 0;
}
