/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of monitoring.md 5.11 that apply without JetStream, in their order; the first that
 * fails is the answer. */
#include "monitor/healthz.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "monitor/monitor_internal.h"

struct failure {
        int status; /* 0: none */
        const char *type, *text;
};

static struct failure check(const struct query *query, bool listeners_up)
{
        bool account = query_text(query, "account")[0], stream = query_text(query, "stream")[0];
        if (!account && stream)
                return (struct failure){ 400, "BAD_REQUEST",
                        "\"account\" must not be empty when checking stream health" };
        if (!stream && query_text(query, "consumer")[0])
                return (struct failure){ 400, "BAD_REQUEST",
                        "\"stream\" must not be empty when checking consumer health" };
        if (!listeners_up)
                return (struct failure){ 500, "CONNECTION",
                        "failed to be ready for connections after 1ms: server" };
        return (struct failure){ 0 };
}

static void put_details(struct json_writer *w, const struct failure *failure)
{
        json_array_open(w, "errors");
        json_object_open(w, NULL);
        json_str(w, "type", failure->type);
        json_str(w, "error", failure->text);
        json_object_close(w);
        json_array_close(w);
}

int healthz_render(
        const struct query *query, bool listeners_up, struct buf *out, struct buf *problem)
{
        struct json_writer w;
        struct failure failure = check(query, listeners_up);
        bool details = query_bool(query, "details");
        json_begin(&w, out, 0);
        json_object_open(&w, NULL);
        json_str(&w, "status", failure.status ? "error" : "ok");
        if (failure.status && details) {
                put_details(&w, &failure);
                buf_append_str(problem, "1 errors");
        } else if (failure.status) {
                json_str(&w, "error", failure.text);
                text_quote(problem, slice_str(failure.text));
        }
        json_object_close(&w);
        return failure.status ? failure.status : 200;
}

void healthz_serve(
        struct monitor *monitor, struct http_exchange *exchange, const struct query *query)
{
        const struct monitor_env *env = &monitor->env;
        struct buf body = { 0 }, problem = { 0 };
        bool up = env->listeners_up == NULL || env->listeners_up(env->listeners_ctx);
        if (query_bool(query, "js-enabled"))
                log_warn(NULL, "Healthcheck: js-enabled deprecated, use js-enabled-only instead");
        int status = healthz_render(query, up, &body, &problem);
        if (problem.len)
                log_warn(NULL, "Healthcheck failed: %.*s", SLICE_ARG(buf_slice(&problem)));
        buf_fini(&problem);
        answer_json(exchange, status, &body);
}
