/* SPDX-License-Identifier: Apache-2.0 */
/* What a run measured: a progress bar while it lasts, then a table for people or one JSON object
 * whose members docs/performance.md describes. */
#include "base/json.h"
#include "base/macros.h"
#include "cli/bench.h"
#include <unistd.h>

static const struct {
        double percent;
        const char *key, *title;
} percentiles[] = {
        { 50, "p50_us", "p50" },
        { 90, "p90_us", "p90" },
        { 99, "p99_us", "p99" },
        { 99.9, "p999_us", "p99.9" },
};

enum { BAR = 40 };

static bool shows_progress(const struct bench_options *opts)
{
        return !opts->quiet && !opts->json && isatty(STDERR_FILENO);
}

void bench_progress(const struct bench_options *opts, uint64_t done, uint64_t total, double seconds)
{
        static const char marks[] = "########################################";
        if (total == 0 || !shows_progress(opts))
                return;
        double part = done >= total ? 1 : (double)done / (double)total;
        int filled = (int)(part * BAR);
        fprintf(stderr, "\r[%.*s%*s] %3d%% %11.0f/s", filled, marks, BAR - filled, "",
                (int)(part * 100), seconds > 0 ? (double)done / seconds : 0);
}

void bench_progress_end(const struct bench_options *opts)
{
        if (shows_progress(opts))
                fputs("\r\033[K", stderr);
}

void bench_are_up(const struct bench_options *opts)
{
        bench_progress_end(opts);
        if (!opts->quiet)
                fprintf(stderr, "midge bench: %u connections are up\n", opts->clients);
}

static double per_second(const struct bench_result *result, uint64_t n)
{
        return result->seconds > 0 ? (double)n / result->seconds : 0;
}

static uint64_t moved(const struct bench_result *result)
{
        return result->delivered > result->done ? result->delivered : result->done;
}

/* CPU of the server for a million messages, requests or connections: of those it received or, when
 * they are more, of those it sent. */
static double per_million(const struct bench_result *result)
{
        uint64_t n = moved(result);
        return n ? result->server_cpu_s * 1e6 / (double)n : 0;
}

static double bytes_per_connection(const struct bench_result *result)
{
        double grown = (double)result->server_rss_bytes - (double)result->server_rss_before_bytes;
        return result->done && grown > 0 ? grown / (double)result->done : 0;
}

/* subs: what one subscription costs the server. */
static double bytes_per_subscription(
        const struct bench_options *opts, const struct bench_result *result)
{
        double grown = (double)result->server_rss_before_bytes - (double)result->prepare_rss_bytes;
        return grown > 0 ? grown / opts->subscriptions : 0;
}

static double subscriptions_per_s(
        const struct bench_options *opts, const struct bench_result *result)
{
        return result->prepare_s > 0 ? opts->subscriptions / result->prepare_s : 0;
}

static void json_hist(struct json_writer *w, const char *key, const struct hist *hist)
{
        if (hist->n == 0)
                return;
        json_object_open(w, key);
        json_f64(w, "min_us", (double)hist->min / 1e3);
        json_f64(w, "mean_us", hist->sum / (double)hist->n / 1e3);
        for (size_t i = 0; i < ARRAY_N(percentiles); i++)
                json_f64(w, percentiles[i].key,
                        (double)hist_percentile(hist, percentiles[i].percent) / 1e3);
        json_f64(w, "max_us", (double)hist->max / 1e3);
        json_object_close(w);
}

static void json_server(
        struct json_writer *w, const struct bench_options *opts, const struct bench_result *result)
{
        if (result->server_cpu_s < 0)
                return;
        json_f64(w, "server_cpu_s", result->server_cpu_s);
        json_f64(w, "server_cpu_s_per_million", per_million(result));
        json_f64(w, "load_cpu_s", result->load_cpu_s);
        json_u64(w, "server_rss_bytes", result->server_rss_bytes);
        json_u64(w, "server_rss_before_bytes", result->server_rss_before_bytes);
        if (opts->mode == BENCH_SUBS) {
                json_f64(w, "server_cpu_s_per_million_subscriptions",
                        result->prepare_cpu_s * 1e6 / opts->subscriptions);
                json_f64(w, "server_bytes_per_subscription", bytes_per_subscription(opts, result));
        }
        if (opts->mode == BENCH_IDLE)
                json_f64(w, "server_bytes_per_connection", bytes_per_connection(result));
}

static void report_json(
        const struct bench_options *opts, const struct bench_result *result, FILE *to)
{
        struct buf out = { 0 };
        struct json_writer w;
        json_begin(&w, &out, 2);
        json_object_open(&w, NULL);
        json_str(&w, "mode", bench_mode_names[opts->mode]);
        json_bool(&w, "tls", opts->tls);
        json_u64(&w, "size", opts->size);
        json_u64(&w, "clients", opts->clients);
        json_u64(&w, "subscribers", opts->subscribers);
        json_u64(&w, "threads", opts->threads);
        json_f64(&w, "rate", opts->rate);
        if (opts->mode == BENCH_SUBS) {
                json_u64(&w, "subscriptions", opts->subscriptions);
                json_f64(&w, "subscriptions_per_s", subscriptions_per_s(opts, result));
        }
        json_f64(&w, "seconds", result->seconds);
        json_u64(&w, "done", result->done);
        json_f64(&w, "done_per_s", per_second(result, result->done));
        json_u64(&w, "delivered", result->delivered);
        json_f64(&w, "delivered_per_s", per_second(result, result->delivered));
        json_u64(&w, "expected", result->expected);
        json_u64(&w, "errors", result->errors);
        if (opts->resume)
                json_u64(&w, "resumed", result->resumed);
        json_bool(&w, "interrupted", result->interrupted);
        json_server(&w, opts, result);
        json_hist(&w, "latency", &result->latency);
        json_hist(&w, "lag", &result->lag);
        json_object_close(&w);
        fprintf(to, "%.*s\n", SLICE_ARG(buf_slice(&out)));
        buf_fini(&out);
}

static void row_count(FILE *to, const char *title, const struct bench_result *result, uint64_t n)
{
        fprintf(to, "%-16s %llu (%.0f/s)\n", title, (unsigned long long)n, per_second(result, n));
}

static void row_hist(FILE *to, const char *title, const struct hist *hist)
{
        if (hist->n == 0)
                return;
        fprintf(to, "%-16s", title);
        for (size_t i = 0; i < ARRAY_N(percentiles); i++)
                fprintf(to, " %s %.1f ", percentiles[i].title,
                        (double)hist_percentile(hist, percentiles[i].percent) / 1e3);
        fprintf(to, " max %.1f µs\n", (double)hist->max / 1e3);
}

static void rows_server(
        const struct bench_options *opts, const struct bench_result *result, FILE *to)
{
        if (result->server_cpu_s < 0)
                return;
        fprintf(to, "%-16s %.3f s", "server CPU", result->server_cpu_s);
        if (moved(result) > 0)
                fprintf(to, ", %.3f s per million", per_million(result));
        fprintf(to, "\n%-16s %.1f MB, before %.1f MB", "server memory",
                (double)result->server_rss_bytes / 1e6,
                (double)result->server_rss_before_bytes / 1e6);
        if (opts->mode == BENCH_IDLE)
                fprintf(to, ", %.0f bytes per connection", bytes_per_connection(result));
        if (opts->mode == BENCH_SUBS)
                fprintf(to, ", %.0f bytes per subscription", bytes_per_subscription(opts, result));
        fputc('\n', to);
}

static void report_table(
        const struct bench_options *opts, const struct bench_result *result, FILE *to)
{
        static const char *const titles[BENCH_MODE_COUNT] = { "published", NULL, "published",
                "published", "published", "replies", "connections", "connections", "published" };
        bool messages = opts->mode <= BENCH_REQUEST || opts->mode == BENCH_SUBS;
        fprintf(to, "%-16s %s, %s", "scenario", bench_mode_names[opts->mode],
                opts->tls ? "TLS" : "plain");
        if (messages)
                fprintf(to, ", %u bytes", opts->size);
        if (opts->mode == BENCH_FANOUT)
                fprintf(to, ", 1 to %u\n", opts->subscribers);
        else
                fprintf(to, ", %u client%s\n", opts->clients, opts->clients == 1 ? "" : "s");
        fprintf(to, "%-16s %.3f s%s\n", "time", result->seconds,
                result->interrupted ? ", interrupted" : "");
        if (opts->mode == BENCH_SUBS)
                fprintf(to, "%-16s %u (%.0f/s)\n", "subscriptions", opts->subscriptions,
                        subscriptions_per_s(opts, result));
        if (titles[opts->mode])
                row_count(to, titles[opts->mode], result, result->done);
        if (result->expected)
                row_count(to, "delivered", result, result->delivered);
        if (result->delivered < result->expected)
                fprintf(to, "%-16s %llu\n", "missing",
                        (unsigned long long)(result->expected - result->delivered));
        if (result->errors)
                fprintf(to, "%-16s %llu\n", "errors", (unsigned long long)result->errors);
        if (opts->resume)
                fprintf(to, "%-16s %llu\n", "resumed", (unsigned long long)result->resumed);
        row_hist(to, "latency", &result->latency);
        row_hist(to, "schedule lag", &result->lag);
        rows_server(opts, result, to);
}

void bench_report(const struct bench_options *opts, const struct bench_result *result, FILE *out)
{
        if (opts->json)
                report_json(opts, result, out);
        else
                report_table(opts, result, out);
}
