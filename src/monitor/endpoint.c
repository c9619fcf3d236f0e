/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its handler: endpoint.def is the router. */
#include "base/buf.h"
#include "monitor/monitor_internal.h"
#include <string.h>

enum count_when { COUNT_HIT, COUNT_DECODED };

#define PARAM(name, type)                                                                          \
        {                                                                                          \
                name, QUERY_##type                                                                 \
        }
#define PARAM_NONE                                                                                 \
        {                                                                                          \
                NULL, QUERY_TEXT                                                                   \
        }

#define ENDPOINT(id, path, stat, count, handler, ...)                                              \
        static const struct query_param params_##id[] = { __VA_ARGS__, PARAM_NONE };
#include "monitor/endpoint.def"
#undef ENDPOINT

static const struct {
        const char *path, *stat;
        enum count_when count;
        endpoint_fn serve;
        const struct query_param *params;
} endpoints[ENDPOINT_COUNT] = {
#define ENDPOINT(id, path, stat, count, handler, ...)                                              \
        [ENDPOINT_##id] = { path, stat, COUNT_##count, handler, params_##id },
#include "monitor/endpoint.def"
#undef ENDPOINT
};

static const char plain_text[] = "text/plain; charset=utf-8";

void answer_json(struct http_exchange *exchange, int status, struct buf *body)
{
        const struct http_answer answer = {
                .status = status,
                .content_type = "application/json",
                .any_origin = true,
                .body = buf_slice(body),
        };
        if (body->failed)
                answer_text(exchange, 503, SLICE_LIT("503 Service Unavailable"));
        else
                http_answer(exchange, &answer);
        buf_fini(body);
}

void answer_text(struct http_exchange *exchange, int status, struct slice body)
{
        const struct http_answer answer = {
                .status = status, .content_type = plain_text, .body = body
        };
        http_answer(exchange, &answer);
}

static void answer_not_found(struct http_exchange *exchange)
{
        const struct http_answer answer = {
                .status = 404,
                .content_type = plain_text,
                .nosniff = true,
                .body = SLICE_LIT("404 page not found\n"),
        };
        http_answer(exchange, &answer);
}

enum endpoint endpoint_find(const char *base, struct slice path)
{
        struct slice prefix = slice_str(base);
        if (slice_eq(path, prefix))
                return ENDPOINT_ROOT;
        if (prefix.len == 1)
                prefix.len = 0; /* "/" */
        if (!slice_starts(path, prefix))
                return ENDPOINT_COUNT;
        path = slice_of(path.ptr + prefix.len, path.len - prefix.len);
        for (int i = ENDPOINT_ROOT + 1; i < ENDPOINT_COUNT; i++)
                if (slice_eq_str(path, endpoints[i].path))
                        return (enum endpoint)i;
        return ENDPOINT_COUNT;
}

const char *endpoint_path(enum endpoint endpoint)
{
        return endpoints[endpoint].path;
}

/* Several paths may share a name. */
static void count(struct monitor *monitor, enum endpoint endpoint)
{
        for (int i = 0; i < ENDPOINT_COUNT; i++) {
                if (strcmp(endpoints[i].path, endpoints[endpoint].stat) == 0)
                        monitor->hits[i]++;
        }
}

void endpoint_serve(struct monitor *monitor, struct http_exchange *exchange)
{
        struct query query;
        struct buf error = { 0 };
        static const struct http_answer empty = { .status = 200 };
        if (slice_eq_str(exchange->path, "*")) {
                http_answer(exchange, &empty);
                return;
        }
        enum endpoint endpoint = endpoint_find(monitor->base, exchange->path);
        if (endpoint == ENDPOINT_COUNT) {
                answer_not_found(exchange);
                return;
        }
        if (endpoints[endpoint].count == COUNT_HIT)
                count(monitor, endpoint);
        if (query_decode(&query, endpoints[endpoint].params, exchange->query, &error) < 0) {
                answer_text(exchange, 400, buf_slice(&error));
        } else {
                if (endpoints[endpoint].count == COUNT_DECODED)
                        count(monitor, endpoint);
                endpoints[endpoint].serve(monitor, exchange, &query);
        }
        query_fini(&query);
        buf_fini(&error);
}
