/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/bench.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { SERVER, U64, U32, F64, LONG, BOOL, STR };

static const struct flag {
        const char *name;
        enum kind kind;
        size_t offset;
        const char *arg, *help;
} flags[] = {
#define BENCH_FLAG(name, kind, field, arg, help) { name, kind, offsetof(struct bench_options, field), arg, help },
#include "cli/bench_flag.def"
#undef BENCH_FLAG
};

static const char *const modes[] = { "pub", "sub", "pair", "fanout", "request", "connect", "idle" };

static void usage(FILE *to)
{
        fputs("Usage: midge bench MODE [options]\n\n"
              "  pub      publish with no subscriber          sub      receive what somebody else publishes\n"
              "  pair     publishers and subscribers 1:1      fanout   one publisher, many subscribers\n"
              "  request  request and reply latency           connect  connections per second\n"
              "  idle     memory of idle connections\n\n",
                to);
        for (size_t i = 0; i < ARRAY_N(flags); i++) {
                char left[40];
                snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].arg);
                fprintf(to, "  %-24s %s\n", left, flags[i].help);
        }
}

static bool set_server(struct bench_options *opts, const char *value)
{
        const char *colon = strrchr(value, ':');
        if (strncmp(value, "tls://", 6) == 0) {
                opts->tls = true;
                value += 6;
        } else if (strncmp(value, "nats://", 7) == 0) {
                value += 7;
        }
        if (colon == NULL || colon < value) {
                opts->host = value;
                return true;
        }
        unsigned long long port;
        if (!slice_to_u64(slice_str(colon + 1), 5, &port) || port == 0 || port > 65535)
                return false;
        bool v6 = value[0] == '[' && colon > value + 1 && colon[-1] == ']';
        opts->host = v6 ? xstrndup(value + 1, (size_t)(colon - value) - 2)
                        : xstrndup(value, (size_t)(colon - value));
        opts->port = (int)port;
        return true;
}

static bool set_flag(struct bench_options *opts, const struct flag *flag, const char *value)
{
        void *field = (char *)opts + flag->offset;
        unsigned long long number = 0;
        char *end;
        switch (flag->kind) {
        case SERVER:
                return set_server(opts, value);
        case STR:
                *(const char **)field = value;
                return true;
        case BOOL:
                *(bool *)field = true;
                return true;
        case F64:
                errno = 0;
                *(double *)field = strtod(value, &end);
                return errno == 0 && *end == '\0' && *(double *)field >= 0;
        default:
                break;
        }
        if (!slice_to_u64(slice_str(value), 15, &number) || (flag->kind == U32 && number > UINT32_MAX))
                return false;
        if (flag->kind == U64)
                *(uint64_t *)field = number;
        else if (flag->kind == LONG)
                *(long *)field = (long)number;
        else
                *(uint32_t *)field = (uint32_t)number;
        return true;
}

static const struct flag *find_flag(const char *word)
{
        while (*word == '-')
                word++;
        for (size_t i = 0; i < ARRAY_N(flags); i++)
                if (strcmp(flags[i].name, word) == 0)
                        return &flags[i];
        return NULL;
}

static int find_mode(const char *word)
{
        for (int i = 0; i < (int)ARRAY_N(modes); i++)
                if (strcmp(modes[i], word) == 0)
                        return i;
        return -1;
}

static void set_defaults(struct bench_options *opts)
{
        if (opts->msgs == 0)
                opts->msgs = opts->mode == BENCH_CONNECT || opts->mode == BENCH_REQUEST ? 10000 : 1000000;
        if (opts->subscribers == 0)
                opts->subscribers = opts->mode == BENCH_FANOUT ? 100 : 1;
        if (opts->clients == 0)
                opts->clients = 1;
        if (opts->threads == 0)
                opts->threads = 1;
        opts->tls |= opts->tls_first;
}

int bench_args(struct bench_options *opts, int argc, char **argv)
{
        *opts = (struct bench_options){ .host = "localhost", .port = 4222, .subject = "bench", .size = 16,
                .hold_s = 5 };
        if (argc > 0 && (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0)) {
                usage(stdout);
                return 2;
        }
        int mode = argc > 0 ? find_mode(argv[0]) : -1;
        if (mode < 0) {
                if (argc > 0)
                        fprintf(stderr, "midge bench: unknown mode \"%s\"\n\n", argv[0]);
                usage(stderr);
                return 1;
        }
        opts->mode = (enum bench_mode)mode;
        for (int i = 1; i < argc; i++) {
                const struct flag *flag = argv[i][0] == '-' ? find_flag(argv[i]) : NULL;
                if (flag == NULL) {
                        fprintf(stderr, "midge bench: unknown option \"%s\"\n\n", argv[i]);
                        usage(stderr);
                        return 1;
                }
                const char *value = flag->kind == BOOL ? "" : i + 1 < argc ? argv[++i] : NULL;
                if (value == NULL || !set_flag(opts, flag, value)) {
                        fprintf(stderr, "midge bench: --%s needs %s\n", flag->name, flag->arg);
                        return 1;
                }
        }
        set_defaults(opts);
        return 0;
}
