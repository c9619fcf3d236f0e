/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: the steps from argv to options, in the order that the reference takes them: flags, help
 * and version, words, signal, file, flags again, tls flags. */
#include "conf/load.h"
#include "base/mem.h"
#include "base/version.h"
#include "conf/digest.h"
#include "conf/parse.h"
#include <string.h>

void launch_fini(struct launch *launch)
{
        options_free(launch->options);
        for (size_t i = 0; i < ARRAY_N(launch->secrets); i++) {
                if (launch->secrets[i])
                        mem_wipe(launch->secrets[i], strlen(launch->secrets[i]));
                xfree(launch->secrets[i]);
        }
        xfree(launch->program);
        xfree(launch->warnings);
        xfree(launch->out);
        xfree(launch->err);
        xfree(launch->signal_command);
        xfree(launch->signal_pid);
        memset(launch, 0, sizeof *launch);
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash && slash[1] ? slash + 1 : path;
}

static void exit_with(struct launch *launch, int status, struct buf *out, struct buf *err)
{
        launch->action = LAUNCH_EXIT;
        launch->status = status;
        launch->out = out && out->len > 0 ? buf_take_str(out) : NULL;
        launch->err = err && err->len > 0 ? buf_take_str(err) : NULL;
}

/* "program: text\n" on standard error, status 1. */
static void refuse(struct launch *launch, const char *text)
{
        struct buf err;
        buf_init(&err);
        buf_printf(&err, "%s: %s\n", launch->program, text);
        exit_with(launch, 1, NULL, &err);
}

static void print_version(struct launch *launch)
{
        struct buf out;
        bool alias = strcmp(launch->program, "nats-server") == 0;
        buf_init(&out);
        buf_printf(&out, "%s: v%s\n", launch->program, alias ? MIDGE_NATS_LEVEL : MIDGE_VERSION);
        exit_with(launch, 0, &out, NULL);
}

static void print_usage(struct launch *launch, const char *problem)
{
        struct buf out, err;
        buf_init(&out);
        buf_init(&err);
        flags_usage(&out, launch->program);
        if (problem)
                buf_printf(&err, "%s\n", problem);
        exit_with(launch, 0, &out, &err);
}

static void print_tls_usage(struct launch *launch)
{
        struct buf out;
        buf_init(&out);
        flags_usage_tls(&out);
        exit_with(launch, 0, &out, NULL);
}

/* Flags and words that end the program at once. True: launch is decided. */
static bool handle_words(struct launch *launch)
{
        const struct flags *flags = &launch->flags;
        const char *word = flags->word_n > 0 ? flags->words[0] : NULL;
        if (flags->value[FLAG_VERSION].on)
                print_version(launch);
        else if (flags->value[FLAG_HELP].on)
                print_usage(launch, NULL);
        else if (flags->value[FLAG_HELP_TLS].on)
                print_tls_usage(launch);
        else if (word && slice_eq_nocase(slice_str(word), SLICE_LIT("version")))
                print_version(launch);
        else if (word && slice_eq_nocase(slice_str(word), SLICE_LIT("help")))
                print_usage(launch, NULL);
        else if (word) {
                struct errbuf eb;
                char quoted[512];
                errbuf_set(&eb, ERR_CONFIG, "unrecognized command: %s",
                        report_quote(slice_str(word), quoted, sizeof quoted));
                refuse(launch, eb.text);
        } else
                return false;
        return true;
}

/* "[a b]": what stands behind the second '='. */
static void refuse_signal(struct launch *launch, const char *rest)
{
        struct buf text;
        buf_init(&text);
        buf_append_str(&text, "invalid signal parameters: [");
        for (; *rest; rest++)
                buf_append_char(&text, *rest == '=' ? ' ' : *rest);
        buf_append_char(&text, ']');
        char *sentence = buf_take_str(&text);
        refuse(launch, sentence);
        xfree(sentence);
}

static void handle_signal(struct launch *launch, const char *text)
{
        const char *pid = strchr(text, '=');
        const char *more = pid ? strchr(pid + 1, '=') : NULL;
        if (more) {
                refuse_signal(launch, more + 1);
                return;
        }
        launch->action = LAUNCH_SIGNAL;
        launch->signal_command = pid ? xstrndup(text, (size_t)(pid - text)) : xstrdup(text);
        launch->signal_pid = xstrdup(pid ? pid + 1 : "");
}

/* Everything the file says, into opts. Errors and warnings are appended to the report. */
static void read_root(struct options *opts, const struct conf_value *root,
        const struct options_hooks *hooks, struct bool_marks *marks, struct conf_report *report)
{
        struct schema schema = { .opts = opts, .report = report, .hooks = hooks };
        schema_read(&schema, root);
        if (marks)
                *marks = schema.marks;
}

static void take_report(struct conf_report *report, struct buf *warnings, struct buf *errors)
{
        buf_append_slice(warnings, buf_slice(&report->warnings));
        buf_append_slice(errors, buf_slice(&report->errors));
        report_fini(report);
}

struct options *options_read_file(const char *path, const struct options_hooks *hooks,
        struct bool_marks *marks, struct buf *warnings, struct buf *errors)
{
        struct arena *tree = arena_new();
        struct errbuf eb;
        struct options *opts = NULL;
        struct conf_value *root = conf_parse_file(tree, path, &eb);
        if (!root) {
                buf_append_str(errors, eb.text);
        } else {
                struct conf_report report = { 0 };
                char digest[CONF_DIGEST_BYTES];
                opts = options_new();
                opts->config_file = arena_str(opts->arena, slice_str(path));
                conf_digest(root, digest);
                opts->config_digest = arena_str(opts->arena, slice_str(digest));
                read_root(opts, root, hooks, marks, &report);
                take_report(&report, warnings, errors);
        }
        arena_free(tree);
        return opts;
}

struct options *options_read_text(
        struct slice text, const char *name, struct buf *warnings, struct buf *errors)
{
        struct arena *tree = arena_new();
        struct errbuf eb;
        struct options *opts = NULL;
        struct conf_value *root =
                conf_parse(tree, text, name, CONF_NO_INCLUDES | CONF_NO_ENVIRONMENT, &eb);
        if (!root) {
                buf_append_str(errors, eb.text);
        } else {
                struct conf_report report = { 0 };
                opts = options_new();
                read_root(opts, root, NULL, NULL, &report);
                take_report(&report, warnings, errors);
        }
        arena_free(tree);
        return opts;
}

/* Read the file that -c names. NULL: launch is decided. */
static struct options *load_file(
        struct launch *launch, const char *path, bool check, const struct options_hooks *hooks)
{
        struct buf warnings, errors, text;
        buf_init(&warnings);
        buf_init(&errors);
        buf_init(&text);
        struct options *opts = options_read_file(path, hooks, NULL, &warnings, &errors);
        if (errors.len > 0 || (check && warnings.len > 0)) {
                buf_append_slice(&text, buf_slice(&warnings));
                buf_append_slice(&text, buf_slice(&errors));
                char *sentence = buf_take_str(&text);
                refuse(launch, sentence);
                xfree(sentence);
        } else if (check) {
                buf_printf(&text, "%s: configuration file %s is valid (%s)\n", launch->program,
                        path, opts->config_digest);
                exit_with(launch, 0, NULL, &text);
        } else if (warnings.len > 0) {
                launch->warnings = buf_take_str(&warnings);
        }
        buf_fini(&warnings);
        buf_fini(&errors);
        buf_fini(&text);
        if (launch->action != LAUNCH_EXIT)
                return opts;
        options_free(opts);
        return NULL;
}

/* The options of the file with those of the command line over them. NULL: launch is decided. */
static struct options *build(struct launch *launch, const struct options_hooks *hooks)
{
        const struct flag_value *config = &launch->flags.value[FLAG_CONFIG];
        bool check = launch->flags.value[FLAG_CHECK].on;
        struct options *opts;
        struct errbuf eb;
        if (config->given && config->text[0]) {
                opts = load_file(launch, config->text, check, hooks);
                if (!opts)
                        return NULL;
        } else if (check) {
                refuse(launch,
                        "must specify [-c, --config] option to check configuration file syntax");
                return NULL;
        } else {
                opts = options_new();
        }
        flags_apply(&launch->flags, opts);
        if (flags_apply_tls(&launch->flags, opts, hooks, &eb) < 0) {
                refuse(launch, eb.text);
                options_free(opts);
                return NULL;
        }
        options_finish(opts);
        if (options_validate(opts, &eb) < 0) {
                refuse(launch, eb.text);
                options_free(opts);
                return NULL;
        }
        return opts;
}

/* The list of processes shows argv to everybody on the machine. */
static void hide_secrets(struct launch *launch)
{
        static const enum flag_id ids[ARRAY_N(launch->secrets)] = { FLAG_PASS, FLAG_AUTH };
        for (size_t i = 0; i < ARRAY_N(ids); i++) {
                struct flag_value *value = &launch->flags.value[ids[i]];
                if (!value->given)
                        continue;
                launch->secrets[i] = xstrdup(value->text);
                memset((char *)(uintptr_t)value->text, 'x', strlen(value->text));
                value->text = launch->secrets[i];
        }
}

void options_load(
        struct launch *launch, int argc, char *const *argv, const struct options_hooks *hooks)
{
        struct errbuf eb;
        memset(launch, 0, sizeof *launch);
        launch->program = xstrdup(argc > 0 ? base_name(argv[0]) : "midge");
        if (flags_parse(&launch->flags, argc, argv, &eb) < 0) {
                print_usage(launch, eb.text);
                return;
        }
        hide_secrets(launch);
        if (handle_words(launch))
                return;
        const struct flag_value *signal = &launch->flags.value[FLAG_SIGNAL];
        if (signal->given && signal->text[0]) {
                handle_signal(launch, signal->text);
                return;
        }
        if (flags_check_values(&launch->flags, &eb) < 0) {
                refuse(launch, eb.text);
                return;
        }
        launch->options = build(launch, hooks);
}

struct options *options_reload(const struct options *old, const struct flags *flags,
        const struct options_hooks *hooks, struct buf *text)
{
        if (!old->config_file) {
                buf_append_str(text,
                        "can only reload config when a file is provided using -c or --config");
                return NULL;
        }
        struct buf warnings;
        struct bool_marks file_marks = { 0 }, flag_marks = { 0 };
        struct errbuf eb;
        buf_init(&warnings);
        struct options *opts =
                options_read_file(old->config_file, hooks, &file_marks, &warnings, text);
        buf_fini(&warnings);
        if (!opts || text->len > 0) {
                options_free(opts);
                return NULL;
        }
        flags_merge(flags, opts);
        if (!flags->value[FLAG_LOGTIME].given)
                opts->log.time = true; /* the flag's own default; a file that says no wins below */
        bool_marks_apply(&file_marks, opts);
        flags_marks(flags, &flag_marks);
        bool_marks_apply(&flag_marks, opts);
        options_finish(opts);
        /* A server that listens stays on its port when the file asks for any. */
        opts->client.bound_port = old->client.bound_port;
        if (options_validate(opts, &eb) < 0) {
                buf_append_str(text, eb.text);
                options_free(opts);
                return NULL;
        }
        return opts;
}
