/* SPDX-License-Identifier: Apache-2.0 */
/* log_sink.h: where lines go; internal to the log. Made by the control thread, then used by the
 * writer thread alone. No operation fails towards its caller: what cannot be written is counted and
 * said later. */
#pragma once
#include "base/log.h"
#include "base/slice.h"
#include <stdint.h>

struct log_sink;

struct log_sink_ops {
        void (*write)(
                struct log_sink *sink, enum log_level level, uint64_t wall_ns, struct slice text);
        void (*flush)(struct log_sink *sink); /* hand over what write() gathered */
        int (*reopen)(struct log_sink *sink, struct errbuf *eb); /* NULL: not a file */
        bool (*is_over)(const struct log_sink *sink); /* the next line rotates; NULL: never */
        void (*close)(struct log_sink *sink);         /* flush and free */
};

struct log_sink {
        const struct log_sink_ops *ops;
};

/* opts->file, or standard error. NULL on failure. */
struct log_sink *log_file_new(const struct log_options *opts, struct errbuf *eb);
/* opts->remote_syslog, or the local one. NULL on failure. */
struct log_sink *log_syslog_new(const struct log_options *opts, struct errbuf *eb);
