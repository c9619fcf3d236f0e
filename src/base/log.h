/* SPDX-License-Identifier: Apache-2.0 */
/* log.h: levels, subsystems, subjects, sinks.
 * A line is formatted only when its level is enabled and handed to one writer thread; the caller
 * never blocks. When the writer cannot keep up, lines are dropped and one line says how many.
 * Control characters but LF and TAB become '?'.
 * Format (the reference server's): [PID] YYYY/MM/DD hh:mm:ss.uuuuuu [LVL] prefix - text */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL, LOG_LEVEL_COUNT };

/* Subject of a line: anything that can print its own prefix embeds this first ("10.0.0.7:5312 -
 * cid:42"). */
struct log_tag {
        /* Write the prefix, NUL-terminated, cut to size. Called on the thread that logs. */
        void (*format)(const struct log_tag *tag, char *dst, size_t size);
};

struct log_options {
        const char *file; /* NULL: standard error */
        bool debug, trace;
        bool time, time_utc;
        bool syslog;
        const char *remote_syslog;  /* NULL: local */
        long long size_limit_bytes; /* 0: never rotate */
        long long max_files;
};

/* Start or change the sinks. Control thread. On failure the old sinks stay and eb holds the
 * sentence for the user ("error opening file: open /x/y: no such file or directory"). Lines logged
 * before the first log_open() are lost. A relative file is resolved against the working directory.
 */
MUST_CHECK int log_open(const struct log_options *opts, struct errbuf *eb);
/* Close and open the file again (USR1). ERR_NOTFOUND: "no logger"; ERR_INVALID: "not a file
 * logger"; else the error of opening, and the old file stays. Logs nothing itself. */
int log_reopen(struct errbuf *eb);
void log_flush(void); /* wait until everything logged so far is written */
void log_close(void); /* flush, stop the writer, close; no other thread logs now */

bool log_enabled_(enum log_level level);
void log_write_(enum log_level level, const struct log_tag *tag, const char *fmt, ...)
        PRINTF_LIKE(3, 4);

/* Switch debug and trace while running. */
void log_set_levels(bool debug, bool trace);

#define log_at(level, tag, ...)                                                                    \
        do {                                                                                       \
                if (log_enabled_(level))                                                           \
                        log_write_(level, tag, __VA_ARGS__);                                       \
        } while (0)
#define log_trace(tag, ...) log_at(LOG_TRACE, tag, __VA_ARGS__)
#define log_debug(tag, ...) log_at(LOG_DEBUG, tag, __VA_ARGS__)
#define log_info(tag, ...) log_at(LOG_INFO, tag, __VA_ARGS__)
#define log_warn(tag, ...) log_at(LOG_WARN, tag, __VA_ARGS__)
#define log_error(tag, ...) log_at(LOG_ERROR, tag, __VA_ARGS__)
/* Writes the line; the caller decides how to end. */
#define log_fatal(tag, ...) log_at(LOG_FATAL, tag, __VA_ARGS__)
