/* SPDX-License-Identifier: Apache-2.0 */
/* log_file.c: lines into a file that rotates, or onto standard error.
 * Lines gather and go out in one write(); a failed write loses what was gathered, and the next one
 * that works begins by saying how much. Texts and file names are the reference server's. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log_sink.h"
#include "base/mem.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GATHER_BYTES = 64 * 1024, STAMP_LEN = 29 };

struct log_file {
        struct log_sink sink;
        char *path; /* NULL: standard error */
        int fd;     /* -1: could not be opened again; tried at every flush */
        bool time, utc, colour;
        long long limit;        /* rotate above so many bytes; 0: never */
        long long limit_wanted; /* what limit returns to after a rotation that worked */
        long long max_files;
        long long size; /* bytes in the file */
        struct buf pending;
        uint64_t pending_lines;
        uint64_t lost_lines;
        int lost_code;      /* why the last of them was lost */
        bool torn;          /* the file ends inside a line */
        time_t date_second; /* what date shows */
        char date[32];
};

static const struct {
        const char *label, *colour;
} labels[LOG_LEVEL_COUNT] = {
        [LOG_TRACE] = { "TRC", "33" },
        [LOG_DEBUG] = { "DBG", "36" },
        [LOG_INFO] = { "INF", "32" },
        [LOG_WARN] = { "WRN", "0;93" },
        [LOG_ERROR] = { "ERR", "31" },
        [LOG_FATAL] = { "FTL", "31" },
};

static struct tm broken_down(uint64_t wall_ns, bool utc)
{
        time_t second = (time_t)(wall_ns / NS_PER_SEC);
        struct tm tm;
        if (utc)
                gmtime_r(&second, &tm);
        else
                localtime_r(&second, &tm);
        return tm;
}

/* "[PID] YYYY/MM/DD hh:mm:ss.uuuuuu [LVL] "; the date is computed once a second. */
static void append_head(struct log_file *file, enum log_level level, uint64_t wall_ns, bool utc)
{
        struct buf *out = &file->pending;
        buf_printf(out, "[%d] ", (int)getpid());
        if (file->time) {
                time_t second = (time_t)(wall_ns / NS_PER_SEC);
                if (second != file->date_second || utc != file->utc || file->date[0] == '\0') {
                        struct tm tm = broken_down(wall_ns, utc);
                        strftime(file->date, sizeof file->date, "%Y/%m/%d %H:%M:%S", &tm);
                        file->date_second = utc == file->utc ? second : 0;
                }
                buf_printf(
                        out, "%s.%06u ", file->date, (unsigned)(wall_ns % NS_PER_SEC / NS_PER_US));
        }
        if (file->colour)
                buf_printf(out, "[\033[%sm%s\033[0m] ", labels[level].colour, labels[level].label);
        else
                buf_printf(out, "[%s] ", labels[level].label);
}

static void append_line(
        struct log_file *file, enum log_level level, uint64_t wall_ns, struct slice text)
{
        append_head(file, level, wall_ns, file->utc);
        buf_append_slice(&file->pending, text);
        if (text.len == 0 || text.ptr[text.len - 1] != '\n')
                buf_append_char(&file->pending, '\n');
        file->pending_lines++;
}

/* Lines about the file itself: local time whatever the options say, and CR LF. */
static void append_own(struct log_file *file, enum log_level level, const char *fmt, ...)
        PRINTF_LIKE(3, 4);
static void append_own(struct log_file *file, enum log_level level, const char *fmt, ...)
{
        va_list args;
        append_head(file, level, clock_wall_ns(), false);
        va_start(args, fmt);
        buf_vprintf(&file->pending, fmt, args);
        va_end(args);
        buf_append_str(&file->pending, "\r\n");
        file->pending_lines++;
}

static int open_path(struct log_file *file)
{
        struct stat st;
        int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) != 0) {
                int code = -errno;
                close(fd);
                return code;
        }
        file->fd = fd;
        file->size = (long long)st.st_size;
        return 0;
}

/* All of the bytes, or a negative errno. Standard error may be non-blocking: wait for room. */
static int write_all(struct log_file *file, const char *at, size_t left)
{
        while (left > 0) {
                ssize_t n = write(file->fd, at, left);
                if (n < 0 && errno == EAGAIN) {
                        struct pollfd pollfd = { .fd = file->fd, .events = POLLOUT };
                        poll(&pollfd, 1, -1);
                } else if (n < 0 && errno != EINTR) {
                        return -errno;
                } else if (n > 0) {
                        file->torn = at[n - 1] != '\n';
                        file->size += n;
                        at += n;
                        left -= (size_t)n;
                }
        }
        return 0;
}

/* Before the first write after a loss: end the torn line, say what is missing. */
static int confess(struct log_file *file)
{
        char text[160];
        if (file->lost_lines == 0)
                return 0;
        struct buf later = file->pending;
        uint64_t later_lines = file->pending_lines;
        buf_init(&file->pending);
        if (file->torn)
                buf_append_char(&file->pending, '\n');
        snprintf(text, sizeof text, "%llu log lines lost: %s", (unsigned long long)file->lost_lines,
                err_text(file->lost_code));
        append_line(file, LOG_WARN, clock_wall_ns(), slice_str(text));
        int rc = write_all(file, file->pending.ptr, file->pending.len);
        buf_fini(&file->pending);
        file->pending = later;
        file->pending_lines = later_lines;
        if (rc == 0)
                file->lost_lines = 0;
        return rc;
}

static void file_flush(struct log_sink *sink)
{
        struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
        if (file->pending.len == 0 && !file->pending.failed)
                return;
        int rc = file->fd < 0 ? open_path(file) : 0;
        if (rc == 0)
                rc = confess(file);
        if (rc == 0)
                rc = write_all(file, file->pending.ptr, file->pending.len);
        if (rc == 0 && file->pending.failed)
                rc = ERR_NOMEM;
        if (rc != 0) {
                file->lost_lines += file->pending_lines;
                file->lost_code = rc;
        }
        buf_clear(&file->pending);
        file->pending_lines = 0;
}

/* "2026.08.21.14.50.11.123456789" */
static bool is_stamp(const char *text)
{
        static const char form[] = "dddd.dd.dd.dd.dd.dd.ddddddddd";
        if (strlen(text) != STAMP_LEN)
                return false;
        for (int i = 0; i < STAMP_LEN; i++) {
                bool digit = text[i] >= '0' && text[i] <= '9';
                if (form[i] == 'd' ? !digit : text[i] != '.')
                        return false;
        }
        return true;
}

struct backups {
        char **names;
        size_t n, cap;
};

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void backups_fini(struct backups *backups)
{
        for (size_t i = 0; i < backups->n; i++)
                xfree(backups->names[i]);
        xfree(backups->names);
}

static int backups_find(struct backups *backups, const char *dir, const char *base)
{
        size_t base_len = strlen(base);
        DIR *stream = opendir(dir);
        if (stream == NULL)
                return -errno;
        for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
                const char *name = entry->d_name;
                if (strncmp(name, base, base_len) != 0 || name[base_len] != '.' ||
                        !is_stamp(name + base_len + 1))
                        continue;
                if (backups->n == backups->cap) {
                        backups->cap = backups->cap ? backups->cap * 2 : 16;
                        backups->names =
                                xrealloc(backups->names, backups->cap * sizeof *backups->names);
                }
                backups->names[backups->n++] = xstrdup(name);
        }
        closedir(stream);
        if (backups->n > 1)
                qsort(backups->names, backups->n, sizeof *backups->names, by_name);
        return 0;
}

/* "quoted" as Go's %q; the caller frees. */
static char *quoted(const char *text)
{
        struct buf out = { 0 };
        text_quote(&out, slice_str(text));
        return buf_take_str(&out);
}

/* False: stop, the next rotation tries again. */
static bool purge_one(struct log_file *file, const char *dir, const char *name)
{
        struct buf path = { 0 };
        buf_printf(&path, "%s/%s", dir, name);
        char *full = buf_take_str(&path), *shown = quoted(name);
        bool removed = unlink(full) == 0;
        if (removed)
                append_own(file, LOG_INFO, "Purged log file %s", shown);
        else
                append_own(file, LOG_ERROR,
                        "Unable to remove backup log file %s (remove %s: %s), "
                        "will attempt next rotation",
                        shown, full, err_text(-errno));
        xfree(full);
        xfree(shown);
        return removed;
}

/* Where the oldest stands among the sorted names. Those behind the one just made come from before the clock
 * was set back. */
static size_t oldest_of(const struct backups *backups, const char *newest)
{
        size_t at = 0;
        while (at < backups->n && strcmp(backups->names[at], newest) <= 0)
                at++;
        return at;
}

/* Keep max_files - 1 backups, the newest ones. made: the path of the one just made. */
static void purge(struct log_file *file, const char *made)
{
        const char *slash = strrchr(file->path, '/');
        const char *base = slash ? slash + 1 : file->path;
        char *dir = !slash ? xstrdup(".")
                           : xstrndup(file->path,
                                     slash == file->path ? 1 : (size_t)(slash - file->path));
        struct backups backups = { 0 };
        int rc = backups_find(&backups, dir, base);
        if (rc != 0) {
                char *shown = quoted(dir);
                append_own(file, LOG_ERROR,
                        "Unable to read directory %s for log purge (open %s: %s), "
                        "will attempt next rotation",
                        shown, dir, err_text(rc));
                xfree(shown);
        }
        size_t keep = (size_t)file->max_files - 1;
        size_t oldest = oldest_of(&backups, slash ? made + (slash + 1 - file->path) : made);
        for (size_t i = 0; i + keep < backups.n; i++) {
                if (!purge_one(file, dir, backups.names[(oldest + i) % backups.n]))
                        break;
        }
        backups_fini(&backups);
        xfree(dir);
}

static void rotate(struct log_file *file)
{
        int code = close(file->fd) != 0 ? -errno : 0;
        file->fd = -1;
        if (code != 0) {
                if (file->limit <= LLONG_MAX / 2)
                        file->limit *= 2;
                append_own(file, LOG_ERROR,
                        "Unable to close logfile for rotation (close %s: %s), "
                        "will attempt next rotation at size %lld",
                        file->path, err_text(code), file->limit);
                return;
        }
        uint64_t now = clock_wall_ns();
        struct tm tm = broken_down(now, false);
        char stamp[32];
        struct buf backup = { 0 };
        strftime(stamp, sizeof stamp, "%Y.%m.%d.%H.%M.%S", &tm);
        buf_printf(&backup, "%s.%s.%09u", file->path, stamp, (unsigned)(now % NS_PER_SEC));
        char *name = buf_take_str(&backup), *shown = quoted(name);
        /* When the rename fails the file just grows on, for another limit's worth. */
        (void)rename(file->path, name);
        if (open_path(file) == 0)
                file->size = 0;
        file->torn = false;
        append_own(file, LOG_INFO, "Rotated log, backup saved as %s", shown);
        file_flush(&file->sink);
        file->limit = file->limit_wanted;
        if (file->max_files > 0)
                purge(file, name);
        file_flush(&file->sink);
        xfree(name);
        xfree(shown);
}

static void file_write(
        struct log_sink *sink, enum log_level level, uint64_t wall_ns, struct slice text)
{
        struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
        append_line(file, level, wall_ns, text);
        bool full = file->limit > 0 && file->size + (long long)file->pending.len > file->limit;
        if (full || file->pending.len > GATHER_BYTES)
                file_flush(sink);
        if (full && file->fd >= 0 && file->size > file->limit)
                rotate(file);
}

static int file_reopen(struct log_sink *sink, struct errbuf *eb)
{
        struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
        int old = file->fd;
        if (file->path == NULL)
                return errbuf_set(eb, ERR_INVALID, "not a file logger");
        file_flush(sink);
        int rc = open_path(file);
        if (rc != 0)
                return errbuf_set(
                        eb, rc, "error opening file: open %s: %s", file->path, err_text(rc));
        if (old >= 0)
                close(old);
        return 0;
}

static bool file_is_over(const struct log_sink *sink)
{
        const struct log_file *file = CONTAINER_OF(sink, const struct log_file, sink);
        return file->limit > 0 && file->size > file->limit;
}

static void file_close(struct log_sink *sink)
{
        struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
        file_flush(sink);
        if (file->path != NULL && file->fd >= 0)
                close(file->fd);
        buf_fini(&file->pending);
        xfree(file->path);
        xfree(file);
}

static const struct log_sink_ops file_ops = {
        .write = file_write,
        .flush = file_flush,
        .reopen = file_reopen,
        .is_over = file_is_over,
        .close = file_close,
};

struct log_sink *log_file_new(const struct log_options *opts, struct errbuf *eb)
{
        struct log_file *file = xnew(struct log_file);
        file->sink.ops = &file_ops;
        file->fd = STDERR_FILENO;
        file->time = opts->time;
        file->utc = opts->time && opts->time_utc;
        if (opts->file == NULL) {
                file->colour = isatty(STDERR_FILENO) == 1;
                return &file->sink;
        }
        file->path = xstrdup(opts->file);
        file->limit = file->limit_wanted = opts->size_limit_bytes;
        file->max_files = opts->max_files;
        int rc = open_path(file);
        if (rc == 0)
                return &file->sink;
        errbuf_set(eb, rc, "error opening file: open %s: %s", file->path, err_text(rc));
        xfree(file->path);
        xfree(file);
        return NULL;
}
