/* SPDX-License-Identifier: Apache-2.0 */
/* root.c: the page for people: a list of what can be asked. */
#include "base/buf.h"
#include "base/version.h"
#include "monitor/monitor_internal.h"
#include <string.h>

static const struct {
        const char *label, *path;
} links[] = {
        { "General", "/varz" },
        { "Connections", "/connz" },
        { "Accounts", "/accountz" },
        { "Account Statistics", "/accstatz" },
        { "Subscriptions", "/subsz" },
        { "TLS", "/tlsz" },
        { "Health Probe", "/healthz" },
};

static const char head[] = "<!DOCTYPE html>\n"
                           "<html lang=\"en\">\n"
                           "<head>\n"
                           "<title>midge</title>\n"
                           "<style>\n"
                           "body { font-family: system-ui, sans-serif; margin: 2em; color: #223 }\n"
                           "a { color: #235 }\n"
                           "li { margin: .4em 0 }\n"
                           "code { color: #889; margin-left: .6em }\n"
                           "</style>\n"
                           "</head>\n"
                           "<body>\n";

static void put_text(struct buf *out, const char *text)
{
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;
                if (c < 0x20 || c > 0x7e || strchr("<>&\"'", c))
                        buf_printf(out, "&#%u;", c);
                else
                        buf_append_char(out, *text);
        }
}

/* Links are relative to the page, so that they survive a proxy that adds a prefix: below "/nats"
 * the last element of the base comes first. */
static void put_link(struct buf *out, const char *base, const char *label, const char *path)
{
        const char *last = strrchr(base, '/');
        buf_append_str(out, "<li><a href=\".");
        if (last[1])
                put_text(out, last);
        buf_printf(out, "%s\">%s</a><code>%s</code></li>\n", path, label, path);
}

void root_serve(struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        struct buf body = { 0 };
        (void)query;
        buf_append_str(&body, head);
        buf_printf(&body, "<h1>midge v%s</h1>\n<p>NATS level %s, server ", MIDGE_VERSION,
                MIDGE_NATS_LEVEL);
        put_text(&body, monitor->env.server_name);
        buf_append_str(&body, "</p>\n<ul>\n");
        for (size_t i = 0; i < ARRAY_N(links); i++)
                put_link(&body, monitor->base, links[i].label, links[i].path);
        buf_append_str(&body, "</ul>\n</body>\n</html>\n");
        const struct http_answer answer = {
                .status = 200,
                .content_type = "text/html; charset=utf-8",
                .body = buf_slice(&body),
        };
        http_answer(exchange, &answer);
        buf_fini(&body);
}
