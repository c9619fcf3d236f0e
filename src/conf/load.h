/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: argv and files → a decision: run with these options, or print a text and end.
 * Precedence: built-in defaults < file < command line.
 * Thread: control. */
#pragma once
#include "conf/flags.h"
#include "conf/options.h"

enum launch_action {
        LAUNCH_RUN,    /* options, flags, warnings */
        LAUNCH_EXIT,   /* print out and err, then exit with status */
        LAUNCH_SIGNAL, /* --signal: command and pid */
};

struct launch {
        enum launch_action action;
        char *program;           /* base name of argv[0] */
        struct options *options; /* RUN: owned; take it and set NULL to keep it */
        struct flags flags;      /* RUN: kept for options_reload(); points into argv */
        char *secrets[2]; /* --pass and --auth, which were blotted out of argv; NULL: not given */
        char *warnings;   /* RUN: for standard error before anything else; NULL none */
        char *out, *err;  /* EXIT: for standard output and standard error; NULL none */
        int status;       /* EXIT */
        char *signal_command; /* SIGNAL: as typed, not checked */
        char *signal_pid;     /* SIGNAL: text behind '='; "" none; may name a file */
};

/* Read the command line and the file it names. argv must live as long as launch->flags; secrets in it are
 * overwritten, so that nobody reads them in the list of processes.
 * hooks may be NULL. Never fails: what goes wrong is LAUNCH_EXIT. */
void options_load(
        struct launch *launch, int argc, char *const *argv, const struct options_hooks *hooks);
void launch_fini(struct launch *launch);

/* Read a file alone, without defaults and without a command line, as `-t` does.
 * The report has the errors and warnings; file_error a file that does not parse (then NULL). */
struct options *options_read_file(const char *path, const struct options_hooks *hooks,
        struct bool_marks *marks, struct buf *warnings, struct buf *errors);

/* Read the file of `old` again and merge the command line as a reload does: some flags are kept,
 * booleans of the file win over the rest, booleans given explicitly win over the file.
 * Returns finished and validated options, or NULL with the text to report in `text`. Nothing is
 * compared: see options_diff(). Warnings are dropped, as in the reference. */
struct options *options_reload(const struct options *old, const struct flags *flags,
        const struct options_hooks *hooks, struct buf *text);

/* Text → options, for tests and fuzzing: no includes, no environment, no files of a tls map.
 * errors and warnings get the report; NULL when the text does not parse. */
struct options *options_read_text(
        struct slice text, const char *name, struct buf *warnings, struct buf *errors);
