/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `midge bench`: a table of flags, one field each, then what must fit together.
 */
#include "base/macros.h"
#include "base/slice.h"
#include "cli/bench.h"
#include "subject/subject.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { SERVER, SUBJECT, U64, U32, F64, BOOL, STR };

static const struct flag {
        const char *name;
        enum kind kind;
        size_t offset;
        double low, high;
        const char *arg, *help;
} flags[] = {
#define BENCH_FLAG(name, kind, field, low, high, arg, help)                                        \
        { name, kind, offsetof(struct bench_options, field), low, (double)(high), arg, help },
#include "cli/bench_flag.def"
#undef BENCH_FLAG
};

const char *const bench_mode_names[BENCH_MODE_COUNT] = { "pub", "sub", "pair", "fanout", "fanin",
        "request", "connect", "idle", "subs" };

static void usage(FILE *to)
{
        fputs("Usage: midge bench MODE [options]\n\n"
              "Modes:\n"
              "  pub      publish what nobody receives         sub      receive what others "
              "publish\n"
              "  pair     publishers and subscribers, 1:1      fanout   one publisher, many "
              "subscribers\n"
              "  fanin    many publishers, one subscriber      request  latency of requests and "
              "replies\n"
              "  connect  connections made and dropped         idle     memory of quiet "
              "connections\n"
              "  subs     many subscriptions, and messages to random ones of them\n\n"
              "Options:\n",
                to);
        for (size_t i = 0; i < ARRAY_N(flags); i++) {
                char left[40];
                snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].arg);
                fprintf(to, "  %-22s%s%s\n", left, flags[i].help[0] ? " " : "", flags[i].help);
        }
        fputs("\nExit status: 0, 1 when a connection failed, 2 for a wrong command line.\n", to);
}

/* [tls://|nats://]HOST[:PORT], an IPv6 address in brackets when a port follows. */
static bool set_server(struct bench_options *opts, const char *value)
{
        if (strncmp(value, "tls://", 6) == 0) {
                opts->tls = true;
                value += 6;
        } else if (strncmp(value, "nats://", 7) == 0) {
                value += 7;
        }
        struct slice host = slice_str(value);
        const char *rest = value + host.len; /* ":PORT" or nothing */
        if (value[0] == '[') {
                const char *close = strchr(value, ']');
                if (close == NULL)
                        return false;
                host = slice_of(value + 1, (size_t)(close - value) - 1);
                rest = close + 1;
        } else if (strchr(value, ':') && strchr(value, ':') == strrchr(value, ':')) {
                rest = strchr(value, ':'); /* with more colons it is a bare IPv6 address */
                host.len = (size_t)(rest - value);
        }
        if (host.len == 0 || host.len >= sizeof opts->host)
                return false;
        if (*rest != '\0') {
                unsigned long long port;
                if (*rest != ':' || !slice_to_u64(slice_str(rest + 1), 5, &port) || port == 0 ||
                        port > 65535)
                        return false;
                opts->port = (int)port;
        }
        memcpy(opts->host, host.ptr, host.len);
        opts->host[host.len] = '\0';
        return true;
}

static bool set_number(void *field, const struct flag *flag, const char *value)
{
        unsigned long long number;
        if (!slice_to_u64(slice_str(value), 15, &number) || (double)number < flag->low ||
                (double)number > flag->high)
                return false;
        if (flag->kind == U64)
                *(uint64_t *)field = number;
        else
                *(uint32_t *)field = (uint32_t)number;
        return true;
}

static bool set_real(double *field, const struct flag *flag, const char *value)
{
        char *end;
        errno = 0;
        double number = strtod(value, &end);
        if (errno != 0 || end == value || *end != '\0' ||
                !(number > flag->low && number <= flag->high))
                return false;
        *field = number;
        return true;
}

static bool set_flag(struct bench_options *opts, const struct flag *flag, const char *value)
{
        void *field = (char *)opts + flag->offset;
        switch (flag->kind) {
        case SERVER:
                return set_server(opts, value);
        case F64:
                return set_real(field, flag, value);
        case BOOL:
                *(bool *)field = true;
                return true;
        case SUBJECT:
                if (strlen(value) > BENCH_SUBJECT_MAX || !subject_is_valid_text(slice_str(value)) ||
                        !subject_is_literal(slice_str(value)))
                        return false;
                /* fall through */
        case STR:
                *(const char **)field = value;
                return true;
        default:
                return set_number(field, flag, value);
        }
}

static const struct flag *find_flag(const char *word)
{
        if (*word++ != '-')
                return NULL;
        word += *word == '-';
        for (size_t i = 0; i < ARRAY_N(flags); i++)
                if (strcmp(flags[i].name, word) == 0)
                        return &flags[i];
        return NULL;
}

static bool is_help(const char *word)
{
        return strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 || strcmp(word, "--help") == 0;
}

static bool find_mode(const char *word, enum bench_mode *mode)
{
        for (int i = 0; i < BENCH_MODE_COUNT; i++) {
                if (strcmp(bench_mode_names[i], word) == 0) {
                        *mode = (enum bench_mode)i;
                        return true;
                }
        }
        return false;
}

/* What cannot go together; NULL: all fits. */
static const char *contradiction(const struct bench_options *opts)
{
        enum bench_mode mode = opts->mode;
        if (opts->rate > 0 && (mode == BENCH_SUB || mode == BENCH_IDLE || mode == BENCH_SUBS))
                return "--rate is not for sub, idle and subs";
        if (opts->rate > 0 && opts->window)
                return "--rate and --window do not go together";
        if (opts->subscriptions && mode != BENCH_SUBS)
                return "--subscriptions is for subs only";
        if (opts->inboxes && mode != BENCH_REQUEST)
                return "--inboxes is for request only";
        if (opts->resume && mode != BENCH_CONNECT)
                return "--resume is for connect only";
        if (opts->subscribers && mode != BENCH_FANOUT && mode != BENCH_REQUEST)
                return "--subscribers is for fanout and request only";
        if (opts->queue && (mode == BENCH_PUB || mode >= BENCH_CONNECT))
                return "--queue is for sub, pair, fanout, fanin and request only";
        if (opts->window && mode != BENCH_PAIR)
                return "--window is for pair only";
        if (opts->vary && mode >= BENCH_REQUEST)
                return "--vary is for pub, sub, pair, fanout and fanin only";
        if (opts->vary && opts->vary * ((uint64_t)opts->size + BENCH_SUBJECT_MAX) > BENCH_SIZE_MAX)
                return "--vary keeps a message of each subject in memory: times --size it is too "
                       "much";
        if (opts->clients > 1 && mode == BENCH_FANOUT)
                return "fanout has one publisher; --subscribers says how many receive";
        if (!opts->cert != !opts->key)
                return "--tlscert and --tlskey go together";
        if (!opts->user != !opts->password)
                return "--user and --password go together";
        if (mode == BENCH_SUBS && opts->msgs > BENCH_RECORD_MAX / (opts->size + 128))
                return "subs keeps its messages in memory: --msgs times --size is too much";
        bool uses_tls = opts->tls || opts->tls_first;
        if ((opts->ca || opts->cert || opts->insecure) && !uses_tls)
                return "--tlsca, --tlscert and --insecure need --tls or --tlsfirst";
        if (opts->resume && !uses_tls)
                return "--resume needs --tls or --tlsfirst";
        return NULL;
}

static void set_defaults(struct bench_options *opts)
{
        bool few = opts->mode == BENCH_CONNECT || opts->mode == BENCH_REQUEST;
        if (opts->msgs == 0)
                opts->msgs = few ? 10000 : 1000000;
        if (opts->subscribers == 0)
                opts->subscribers = opts->mode == BENCH_FANOUT ? 100 : 1;
        if (opts->clients == 0)
                opts->clients = opts->mode == BENCH_FANIN ? 100 : opts->mode == BENCH_SUBS ? 10 : 1;
        if (opts->mode == BENCH_SUBS && opts->subscriptions == 0)
                opts->subscriptions = 1000000;
        uint32_t most = opts->mode == BENCH_FANOUT ? opts->subscribers : opts->clients;
        if (opts->threads > most)
                opts->threads = most; /* a thread without a connection has nothing to do */
        opts->tls |= opts->tls_first;
}

static enum bench_args_result wrong(FILE *err)
{
        fputs("\nmidge bench --help lists modes and options.\n", err);
        return BENCH_WRONG;
}

enum bench_args_result bench_args(
        struct bench_options *opts, int argc, char **argv, FILE *out, FILE *err)
{
        *opts = (struct bench_options){ .host = "localhost",
                .port = 4222,
                .subject = "bench",
                .size = 16,
                .hold_s = 5,
                .threads = 1 };
        for (int i = 0; i < argc; i++) {
                if (is_help(argv[i])) {
                        usage(out);
                        return BENCH_HELP;
                }
        }
        if (argc == 0 || !find_mode(argv[0], &opts->mode)) {
                fprintf(err,
                        argc ? "midge bench: unknown mode \"%s\"\n"
                             : "midge bench: which mode?%s\n",
                        argc ? argv[0] : "");
                return wrong(err);
        }
        for (int i = 1; i < argc; i++) {
                const struct flag *flag = find_flag(argv[i]);
                if (flag == NULL) {
                        fprintf(err, "midge bench: unknown option \"%s\"\n", argv[i]);
                        return wrong(err);
                }
                const char *value = flag->kind == BOOL ? "" : i + 1 < argc ? argv[++i] : NULL;
                if (value == NULL) {
                        fprintf(err, "midge bench: --%s needs %s\n", flag->name, flag->arg);
                        return wrong(err);
                }
                if (!set_flag(opts, flag, value)) {
                        fprintf(err, "midge bench: --%s: \"%s\" is no %s", flag->name, value,
                                flag->arg);
                        if (flag->high > 0)
                                fprintf(err, " from %.0f to %.0f", flag->low, flag->high);
                        fputc('\n', err);
                        return wrong(err);
                }
        }
        const char *complaint = contradiction(opts);
        if (complaint) {
                fprintf(err, "midge bench: %s\n", complaint);
                return wrong(err);
        }
        set_defaults(opts);
        return BENCH_RUN;
}
