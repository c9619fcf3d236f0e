/* SPDX-License-Identifier: Apache-2.0 */
/* flags.c: argv → values, values → options. */
#include "conf/flags_internal.h"
#include "base/text.h"
#include <limits.h>

const struct flag_row flag_rows[FLAG_COUNT] = {
#define FLAG(id, section, names, kind, type, member, argument, help)                               \
        [FLAG_##id] = { section, names, FLAG_KIND_##kind, false, true, OPTION_##type,              \
                offsetof(struct options, member), argument, help },
#define SWITCH(id, section, names, kind, argument, help)                                           \
        [FLAG_##id] = { section, names, FLAG_KIND_##kind, false, false, OPTION_NOTHING, 0,         \
                argument, help },
#define LATER(id, names, kind)                                                                     \
        [FLAG_##id] = { "", names, FLAG_KIND_##kind, true, false, OPTION_NOTHING, 0, "", "" },
#include "conf/flag.def"
#undef FLAG
#undef SWITCH
#undef LATER
};

/* The flags that a reload keeps when they are not zero; the rest fall back to the file. */
static const enum flag_id merged[] = { FLAG_PORT, FLAG_HOST, FLAG_ADVERTISE, FLAG_USER, FLAG_PASS,
        FLAG_AUTH, FLAG_HTTP, FLAG_DEBUG, FLAG_TRACE, FLAG_LOGTIME, FLAG_LOG, FLAG_PID,
        FLAG_PORTS_DIR, FLAG_PROFILE, FLAG_LOOPS, FLAG_CRYPTO };

static const struct flag_row *find_row(struct slice name, struct flag_value *spelling)
{
        for (int i = 0; i < FLAG_COUNT; i++) {
                for (const char *at = flag_rows[i].names; *at;) {
                        size_t len = strcspn(at, "|");
                        if (slice_eq(name, slice_of(at, len))) {
                                spelling->name = at;
                                spelling->name_len = len;
                                return &flag_rows[i];
                        }
                        at += at[len] ? len + 1 : len;
                }
        }
        return NULL;
}

static bool parse_bool(struct slice text, bool *out)
{
        static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True", "0", "f", "F",
                "false", "FALSE", "False" };
        for (size_t i = 0; i < ARRAY_N(words); i++) {
                if (slice_eq_str(text, words[i])) {
                        *out = i < 6;
                        return true;
                }
        }
        return false;
}

static int digit_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* The base that a prefix names; *at moves behind the prefix. A bare leading 0 is octal. */
static unsigned take_base(struct slice text, size_t *at)
{
        if (*at == text.len || text.ptr[*at] != '0')
                return 10;
        char letter = text.len - *at >= 3 ? (char)(text.ptr[*at + 1] | 0x20) : '\0';
        unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        *at += base ? 2 : 1;
        return base ? base : 8;
}

/* Go's integer literal: sign, 0x 0o 0b, one '_' between digits or behind the prefix. */
static int parse_int(struct slice text, int64_t *out)
{
        size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
        bool negative = at == 1 && text.ptr[0] == '-', range = false;
        uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0), value = 0;
        size_t first = at;
        unsigned base = take_base(text, &at);
        bool after_digit = at > first;
        for (; at < text.len; at++) {
                unsigned digit = (unsigned)digit_value(text.ptr[at]);
                bool separator = text.ptr[at] == '_';
                if (separator ? !after_digit : digit >= base)
                        return ERR_INVALID;
                after_digit = !separator;
                if (separator)
                        continue;
                range = range || value > (limit - digit) / base;
                value = value * base + digit;
        }
        if (!after_digit)
                return ERR_INVALID;
        if (range)
                return ERR_RANGE;
        *out = negative ? (int64_t)(0 - value) : (int64_t)value;
        return 0;
}

static int bad_value(struct errbuf *eb, const char *what, struct slice value, struct slice name,
        const char *reason)
{
        struct buf quoted;
        buf_init(&quoted);
        text_quote(&quoted, value);
        errbuf_set(eb, ERR_CONFIG, "invalid %s %.*s for %s-%.*s: %s", what,
                SLICE_ARG(buf_slice(&quoted)), what[0] == 'v' ? "flag " : "", SLICE_ARG(name),
                reason);
        buf_fini(&quoted);
        return ERR_CONFIG;
}

static int set_value(struct flag_value *value, const struct flag_row *row, struct slice name,
        const char *text, struct errbuf *eb)
{
        struct slice s = slice_str(text);
        if (row->kind == FLAG_KIND_BOOL && !parse_bool(s, &value->on))
                return bad_value(eb, "boolean value", s, name, "parse error");
        if (row->kind == FLAG_KIND_INT || row->kind == FLAG_KIND_INT64) {
                int rc = parse_int(s, &value->number);
                if (rc < 0)
                        return bad_value(eb, "value", s, name,
                                rc == ERR_RANGE ? "value out of range" : "parse error");
        }
        value->text = text;
        value->given = true;
        return 0;
}

/* One argument that begins with a dash; *i moves on when its value is the next one. */
static int parse_flag(struct flags *flags, int argc, char *const *argv, int *i, struct errbuf *eb)
{
        const char *arg = argv[*i];
        const char *name = arg + (arg[1] == '-' ? 2 : 1);
        size_t len = strcspn(name, "=");
        if (len == 0 || name[0] == '-')
                return errbuf_set(eb, ERR_CONFIG, "bad flag syntax: %s", arg);
        struct flag_value spelling = { 0 };
        const struct flag_row *row = find_row(slice_of(name, len), &spelling);
        if (!row)
                return errbuf_set(
                        eb, ERR_CONFIG, "flag provided but not defined: -%.*s", (int)len, name);
        struct flag_value *value = &flags->value[row - flag_rows];
        value->name = spelling.name;
        value->name_len = spelling.name_len;
        const char *text = name[len] == '=' ? name + len + 1 : NULL;
        if (!text && row->kind == FLAG_KIND_BOOL)
                text = "true";
        if (!text && *i + 1 < argc)
                text = argv[++*i];
        if (!text)
                return errbuf_set(eb, ERR_CONFIG, "flag needs an argument: -%.*s", (int)len, name);
        return set_value(value, row, slice_of(name, len), text, eb);
}

int flags_parse(struct flags *flags, int argc, char *const *argv, struct errbuf *eb)
{
        *flags = (struct flags){ 0 };
        int i = 1;
        for (; i < argc; i++) {
                const char *arg = argv[i];
                if (arg[0] != '-' || arg[1] == '\0')
                        break;
                if (strcmp(arg, "--") == 0) {
                        i++;
                        break;
                }
                int rc = parse_flag(flags, argc, argv, &i, eb);
                if (rc < 0)
                        return rc;
        }
        flags->words = argv + i;
        flags->word_n = argc > i ? argc - i : 0;
        return 0;
}

static int clamp(int64_t number)
{
        return number > INT_MAX ? INT_MAX : number < INT_MIN ? INT_MIN : (int)number;
}

static void store(const struct flag_row *row, const struct flag_value *value, struct options *opts)
{
        char *member = (char *)opts + row->offset;
        switch (row->kind) {
        case FLAG_KIND_BOOL:
                *(bool *)member = value->on;
                break;
        case FLAG_KIND_INT:
                *(int *)member = clamp(value->number);
                break;
        case FLAG_KIND_INT64:
                *(int64_t *)member = value->number;
                break;
        case FLAG_KIND_STRING:
                option_put_string(opts, row->type, row->offset, slice_str(value->text));
                break;
        }
}

void flags_apply(const struct flags *flags, struct options *opts)
{
        for (int i = 0; i < FLAG_COUNT; i++)
                if (flags->value[i].given && flag_rows[i].stored)
                        store(&flag_rows[i], &flags->value[i], opts);
        /* -DV -DVV -VV speak last, in this order. */
        const struct flag_value *v = flags->value;
        struct log_file_options *log = &opts->log;
        if (v[FLAG_DV].given)
                log->trace = log->debug = v[FLAG_DV].on;
        if (v[FLAG_DVV].given)
                log->trace = log->debug = log->trace_verbose = v[FLAG_DVV].on;
        if (v[FLAG_VV].given)
                log->trace = log->trace_verbose = v[FLAG_VV].on;
}

static bool is_zero(const struct flag_row *row, const struct flag_value *value)
{
        switch (row->kind) {
        case FLAG_KIND_BOOL:
                return !value->on;
        case FLAG_KIND_STRING:
                return value->text[0] == '\0';
        default:
                return value->number == 0;
        }
}

void flags_merge(const struct flags *flags, struct options *opts)
{
        for (size_t i = 0; i < ARRAY_N(merged); i++) {
                const struct flag_value *value = &flags->value[merged[i]];
                if (value->given && !is_zero(&flag_rows[merged[i]], value))
                        store(&flag_rows[merged[i]], value, opts);
        }
}

void flags_marks(const struct flags *flags, struct bool_marks *marks)
{
        /* Go visits flags by name, capitals first; of two that set one member the later name wins.
         */
        static const struct {
                enum flag_id id;
                bool debug, trace, verbose;
        } order[] = { { FLAG_DV, true, true, false }, { FLAG_DVV, true, true, true },
                { FLAG_VV, false, true, true } };
        const struct flag_value *v = flags->value;
        const size_t debug = offsetof(struct options, log.debug);
        const size_t trace = offsetof(struct options, log.trace);
        const size_t verbose = offsetof(struct options, log.trace_verbose);
        if (v[FLAG_DEBUG].given && v[FLAG_DEBUG].name_len == 1)
                bool_marks_set(marks, debug, v[FLAG_DEBUG].on);
        for (size_t i = 0; i < ARRAY_N(order); i++) {
                if (order[i].id == FLAG_VV && v[FLAG_TRACE].given && v[FLAG_TRACE].name_len == 1)
                        bool_marks_set(marks, trace, v[FLAG_TRACE].on);
                if (!v[order[i].id].given)
                        continue;
                if (order[i].debug)
                        bool_marks_set(marks, debug, v[order[i].id].on);
                if (order[i].trace)
                        bool_marks_set(marks, trace, v[order[i].id].on);
                if (order[i].verbose)
                        bool_marks_set(marks, verbose, v[order[i].id].on);
        }
        if (v[FLAG_DEBUG].given && v[FLAG_DEBUG].name_len > 1)
                bool_marks_set(marks, debug, v[FLAG_DEBUG].on);
        if (v[FLAG_LOGTIME].given)
                bool_marks_set(marks, offsetof(struct options, log.time), v[FLAG_LOGTIME].on);
        if (v[FLAG_SYSLOG].given)
                bool_marks_set(marks, offsetof(struct options, log.syslog), v[FLAG_SYSLOG].on);
        if (v[FLAG_TRACE].given && v[FLAG_TRACE].name_len > 1)
                bool_marks_set(marks, trace, v[FLAG_TRACE].on);
}

/* The file's bounds hold for a flag as well. */
static int check_threads(const struct flag_value *value, int max, struct errbuf *eb)
{
        if (!value->given || (value->number >= 0 && value->number <= max))
                return 0;
        return errbuf_set(eb, ERR_CONFIG, "--%.*s must be between 0 and %d", (int)value->name_len,
                value->name, max);
}

int flags_check_values(const struct flags *flags, struct errbuf *eb)
{
        for (int i = 0; i < FLAG_COUNT; i++) {
                const struct flag_value *value = &flags->value[i];
                if (flag_rows[i].later && value->given && !is_zero(&flag_rows[i], value))
                        return errbuf_set(eb, ERR_CONFIG, "not supported yet: %s%.*s",
                                value->name_len > 2 ? "--" : "-", (int)value->name_len,
                                value->name);
        }
        if (check_threads(&flags->value[FLAG_LOOPS], LOOP_N_MAX, eb) < 0)
                return ERR_CONFIG;
        return check_threads(&flags->value[FLAG_CRYPTO], CRYPTO_THREAD_N_MAX, eb);
}

/* NULL for an empty text. */
static const char *text_or_null(struct options *opts, const struct flag_value *value)
{
        return value->given && value->text[0] ? arena_str(opts->arena, slice_str(value->text))
                                              : NULL;
}

int flags_apply_tls(const struct flags *flags, struct options *opts,
        const struct options_hooks *hooks, struct errbuf *eb)
{
        const struct flag_value *v = flags->value;
        struct tls_flag_options *given = &opts->tls_flags;
        given->on = v[FLAG_TLS].on;
        given->verify = v[FLAG_TLSVERIFY].on;
        given->cert_file = text_or_null(opts, &v[FLAG_TLSCERT]);
        given->key_file = text_or_null(opts, &v[FLAG_TLSKEY]);
        given->ca_file = text_or_null(opts, &v[FLAG_TLSCACERT]);

        struct tls_options *tls = &opts->tls;
        if (v[FLAG_TLS].given && !v[FLAG_TLS].on) {
                tls->enabled = false;
                return 0;
        }
        if (!v[FLAG_TLS].given && !v[FLAG_TLSVERIFY].given && !v[FLAG_TLSCERT].given &&
                !v[FLAG_TLSKEY].given && !v[FLAG_TLSCACERT].given)
                return 0;
        if (!given->cert_file)
                return errbuf_set(
                        eb, ERR_CONFIG, "TLS Server certificate must be present and valid");
        if (!given->key_file)
                return errbuf_set(
                        eb, ERR_CONFIG, "TLS Server private key must be present and valid");
        /* timeout, handshake_first and the like stay as the file has them. */
        tls->enabled = true;
        tls->pairs = arena_alloc(opts->arena, sizeof *tls->pairs);
        tls->pairs[0] = (struct tls_pair_options){ given->cert_file, given->key_file };
        tls->pair_n = 1;
        tls->ca_file = given->ca_file;
        tls->verify = given->verify;
        tls->min_version = TLS_VERSION_1_2;
        tls->suite_n = tls->group_n = 0;
        tls->position = NULL;
        return schema_check_tls(tls, hooks, eb);
}
