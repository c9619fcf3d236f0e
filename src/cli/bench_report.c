/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "cli/bench.h"
#include <stdio.h>
#include <unistd.h>

static const char *const names[] = { "pub", "sub", "pair", "fanout", "request", "connect", "idle" };
static const double percents[] = { 50, 90, 99, 99.9 };
static const char *const percent_names[] = { "p50_us", "p90_us", "p99_us", "p999_us" };

enum { BAR = 40 };

void bench_progress(const struct bench_shared *shared, uint64_t total, double seconds)
{
        if (shared->opts->quiet || shared->opts->json || !isatty(STDERR_FILENO) || total == 0)
                return;
        uint64_t done = atomic_load_explicit(&shared->done, memory_order_relaxed);
        int filled = (int)(done >= total ? BAR : done * BAR / total);
        fprintf(stderr, "\r[%.*s%*s] %3d%% %11.0f/s", filled, "########################################",
                BAR - filled, "", (int)(done >= total ? 100 : done * 100 / total),
                seconds > 0 ? (double)done / seconds : 0);
}

void bench_progress_end(const struct bench_options *opts)
{
        if (!opts->quiet && !opts->json && isatty(STDERR_FILENO))
                fputs("\r\033[K", stderr);
}

/* Messages that the server moved: what it received and what it sent. */
static double per_million(const struct bench_result *result)
{
        uint64_t n = result->delivered > result->done ? result->delivered : result->done;
        return n ? result->server_cpu_s * 1e6 / (double)n : 0;
}

static void report_json(const struct bench_options *opts, const struct bench_result *r)
{
        struct buf out = { 0 };
        struct json_writer w;
        json_begin(&w, &out, 2);
        json_object_open(&w, NULL);
        json_str(&w, "mode", names[opts->mode]);
        json_bool(&w, "tls", opts->tls);
        json_u64(&w, "size", opts->size);
        json_u64(&w, "clients", opts->clients);
        json_u64(&w, "subscribers", opts->subscribers);
        json_f64(&w, "seconds", r->seconds);
        json_u64(&w, "done", r->done);
        json_f64(&w, "done_per_s", r->seconds > 0 ? (double)r->done / r->seconds : 0);
        json_u64(&w, "delivered", r->delivered);
        json_f64(&w, "delivered_per_s", r->seconds > 0 ? (double)r->delivered / r->seconds : 0);
        json_u64(&w, "errors", r->errors);
        if (r->server_cpu_s >= 0) {
                json_f64(&w, "server_cpu_s", r->server_cpu_s);
                json_f64(&w, "server_cpu_s_per_million", per_million(r));
                json_u64(&w, "server_rss_bytes", r->server_rss_bytes);
                json_u64(&w, "server_rss_before_bytes", r->server_rss_before_bytes);
        }
        if (r->latency.n > 0) {
                json_object_open(&w, "latency");
                for (unsigned i = 0; i < 4; i++)
                        json_f64(&w, percent_names[i], (double)hist_percentile(&r->latency, percents[i]) / 1e3);
                json_f64(&w, "max_us", (double)r->latency.max / 1e3);
                json_object_close(&w);
        }
        json_object_close(&w);
        printf("%.*s\n", SLICE_ARG(buf_slice(&out)));
        buf_fini(&out);
}

static void report_table(const struct bench_options *opts, const struct bench_result *r)
{
        bool connections = opts->mode == BENCH_CONNECT || opts->mode == BENCH_IDLE;
        printf("%-22s %s, %s, %u bytes, %u clients\n", "scenario", names[opts->mode], opts->tls ? "TLS" : "plain",
                opts->size, opts->clients);
        printf("%-22s %.3f s\n", "time", r->seconds);
        printf("%-22s %llu (%.0f/s)\n", connections ? "connections" : opts->mode == BENCH_REQUEST ? "replies" : "published",
                (unsigned long long)r->done, r->seconds > 0 ? (double)r->done / r->seconds : 0);
        if (r->delivered)
                printf("%-22s %llu (%.0f/s)\n", "delivered", (unsigned long long)r->delivered,
                        r->seconds > 0 ? (double)r->delivered / r->seconds : 0);
        if (r->errors)
                printf("%-22s %llu\n", "errors", (unsigned long long)r->errors);
        if (r->latency.n) {
                printf("%-22s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n", "latency in µs",
                        (double)hist_percentile(&r->latency, 50) / 1e3,
                        (double)hist_percentile(&r->latency, 90) / 1e3,
                        (double)hist_percentile(&r->latency, 99) / 1e3,
                        (double)hist_percentile(&r->latency, 99.9) / 1e3, (double)r->latency.max / 1e3);
        }
        if (r->server_cpu_s >= 0) {
                printf("%-22s %.3f s, %.3f s per million\n", "server CPU", r->server_cpu_s, per_million(r));
                printf("%-22s %.1f MB, before %.1f MB\n", "server memory", (double)r->server_rss_bytes / 1e6,
                        (double)r->server_rss_before_bytes / 1e6);
        }
}

void bench_report(const struct bench_options *opts, const struct bench_result *result)
{
        if (opts->json)
                report_json(opts, result);
        else
                report_table(opts, result);
}
