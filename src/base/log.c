/* SPDX-License-Identifier: Apache-2.0 */
/* log.c: from the caller to the writer thread.
 * A line is a letter in a mailbox; the writer delivers letters in turn and flushes the sink when
 * the box is empty. log_flush() and log_close() are letters too, so they keep their place in the
 * queue. */
#include "base/log.h"
#include "base/clock.h"
#include "base/log_sink.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/thread.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

enum {
        LINE_BYTES_MAX = 64 * 1024,
        QUEUE_BYTES_MAX = 8 * 1024 * 1024,
        PREFIX_BYTES = 512,
        SHORT_BYTES = 1024,
};

#define LEVEL_BIT(level) (1u << (level))

struct line {
        struct mail mail;
        uint64_t wall_ns;
        enum log_level level;
        uint32_t len;
        char text[];
};

/* A letter that its sender waits for. */
struct marker {
        struct mail mail;
        bool stop;
        bool reached; /* under lock */
};

static struct {
        _Atomic unsigned levels; /* LEVEL_BITs; 0: closed */
        _Atomic size_t queued;   /* bytes of the lines in the box */
        _Atomic uint64_t dropped;
        struct mailbox box;
        pthread_mutex_t lock;      /* guards the two conditions */
        pthread_cond_t wake;       /* to the writer: the box is not empty */
        pthread_cond_t done;       /* from the writer: a marker was reached */
        pthread_mutex_t sink_lock; /* taken inside no other lock */
        struct log_sink *sink;     /* under sink_lock */
        struct thread *writer;     /* control thread; NULL: closed */
        bool stopped;              /* writer thread */
} the = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .wake = PTHREAD_COND_INITIALIZER,
        .done = PTHREAD_COND_INITIALIZER,
        .sink_lock = PTHREAD_MUTEX_INITIALIZER,
};

static void post(struct mail *mail)
{
        if (!mailbox_push(&the.box, mail))
                return; /* whoever posted the first letter wakes the writer */
        pthread_mutex_lock(&the.lock);
        pthread_cond_signal(&the.wake);
        pthread_mutex_unlock(&the.lock);
}

static void deliver_line(struct mail *mail)
{
        struct line *line = CONTAINER_OF(mail, struct line, mail);
        pthread_mutex_lock(&the.sink_lock);
        the.sink->ops->write(the.sink, line->level, line->wall_ns, slice_of(line->text, line->len));
        pthread_mutex_unlock(&the.sink_lock);
        atomic_fetch_sub(&the.queued, sizeof *line + line->len);
        xfree(line);
}

/* Writer thread: what the box holds is through; say what it could not hold. */
static void finish_batch(void)
{
        char text[80];
        uint64_t dropped = atomic_exchange(&the.dropped, 0);
        pthread_mutex_lock(&the.sink_lock);
        if (dropped > 0) {
                snprintf(text, sizeof text, "%llu log lines dropped: the log cannot keep up",
                        (unsigned long long)dropped);
                the.sink->ops->write(the.sink, LOG_WARN, clock_wall_ns(), slice_str(text));
        }
        the.sink->ops->flush(the.sink);
        pthread_mutex_unlock(&the.sink_lock);
}

static void deliver_marker(struct mail *mail)
{
        struct marker *marker = CONTAINER_OF(mail, struct marker, mail);
        finish_batch();
        the.stopped = marker->stop;
        pthread_mutex_lock(&the.lock);
        marker->reached = true;
        pthread_cond_broadcast(&the.done);
        pthread_mutex_unlock(&the.lock);
}

static void post_and_wait(bool stop)
{
        struct marker marker = { .mail.deliver = deliver_marker, .stop = stop };
        post(&marker.mail);
        pthread_mutex_lock(&the.lock);
        while (!marker.reached)
                pthread_cond_wait(&the.done, &the.lock);
        pthread_mutex_unlock(&the.lock);
}

static void writer_run(void *ctx)
{
        while (!the.stopped) {
                pthread_mutex_lock(&the.lock);
                while (mailbox_is_empty(&the.box))
                        pthread_cond_wait(&the.wake, &the.lock);
                pthread_mutex_unlock(&the.lock);
                for (struct mail *mail = mailbox_take(&the.box), *next; mail != NULL; mail = next) {
                        next = mail->next;
                        mail->deliver(mail);
                }
                finish_batch();
        }
}

void log_set_levels(bool debug, bool trace)
{
        unsigned levels = LEVEL_BIT(LOG_INFO) | LEVEL_BIT(LOG_WARN) | LEVEL_BIT(LOG_ERROR) |
                          LEVEL_BIT(LOG_FATAL);
        if (debug)
                levels |= LEVEL_BIT(LOG_DEBUG);
        if (trace)
                levels |= LEVEL_BIT(LOG_TRACE);
        atomic_store_explicit(&the.levels, levels, memory_order_relaxed);
}

int log_open(const struct log_options *opts, struct errbuf *eb)
{
        bool to_syslog = opts->file == NULL && (opts->syslog || opts->remote_syslog != NULL);
        struct log_sink *sink = to_syslog ? log_syslog_new(opts, eb) : log_file_new(opts, eb);
        if (sink == NULL)
                return ERR_IO;
        log_flush(); /* what was said so far belongs to the old sink */
        pthread_mutex_lock(&the.sink_lock);
        struct log_sink *old = the.sink;
        the.sink = sink;
        bool is_over = sink->ops->is_over != NULL && sink->ops->is_over(sink);
        pthread_mutex_unlock(&the.sink_lock);
        if (old != NULL)
                old->ops->close(old);
        if (the.writer == NULL)
                the.writer = thread_start("midge-log", THREAD_LOG, writer_run, NULL);
        log_set_levels(opts->debug, opts->trace);
        if (is_over)
                log_info(NULL, "Rotating logfile...");
        return 0;
}

int log_reopen(struct errbuf *eb)
{
        if (the.writer == NULL)
                return errbuf_set(eb, ERR_NOTFOUND, "no logger");
        log_flush();
        pthread_mutex_lock(&the.sink_lock);
        int rc = the.sink->ops->reopen != NULL ? the.sink->ops->reopen(the.sink, eb)
                                               : errbuf_set(eb, ERR_INVALID, "not a file logger");
        pthread_mutex_unlock(&the.sink_lock);
        return rc;
}

void log_flush(void)
{
        if (atomic_load(&the.levels) != 0)
                post_and_wait(false);
}

void log_close(void)
{
        if (the.writer == NULL)
                return;
        atomic_store(&the.levels, 0);
        post_and_wait(true);
        thread_join(the.writer);
        the.writer = NULL;
        the.stopped = false;
        the.sink->ops->close(the.sink);
        the.sink = NULL;
}

bool log_enabled_(enum log_level level)
{
        return (atomic_load_explicit(&the.levels, memory_order_relaxed) & LEVEL_BIT(level)) != 0;
}

/* Room in the queue and in memory, or NULL and one more line dropped. */
static struct line *line_new(enum log_level level, size_t len)
{
        size_t bytes = sizeof(struct line) + len;
        if (atomic_fetch_add(&the.queued, bytes) + bytes <= QUEUE_BYTES_MAX) {
                struct line *line = mem_try(bytes + 1);
                if (line != NULL) {
                        line->mail.deliver = deliver_line;
                        line->wall_ns = clock_wall_ns();
                        line->level = level;
                        line->len = (uint32_t)len;
                        return line;
                }
        }
        atomic_fetch_sub(&the.queued, bytes);
        atomic_fetch_add(&the.dropped, 1);
        return NULL;
}

/* "10.0.0.7:5312 - cid:42 - ", or nothing. */
static size_t format_prefix(const struct log_tag *tag, char *dst, size_t size)
{
        static const char joint[] = " - ";
        if (tag == NULL)
                return 0;
        dst[0] = '\0';
        tag->format(tag, dst, size - sizeof joint);
        size_t len = strlen(dst);
        if (len == 0)
                return 0;
        memcpy(dst + len, joint, sizeof joint);
        return len + sizeof joint - 1;
}

/* What a peer sent may stand in a line, but it must not drive the terminal of whoever reads it: control
 * characters, alone or as two bytes of UTF-8, become '?'. */
static void defuse(char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];
                if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
                        text[i] = '?';
                else if (c >= 0x80 && c <= 0x9f && i > 0 && text[i - 1] == '\xc2')
                        text[i - 1] = text[i] = '?';
        }
}

void log_write_(enum log_level level, const struct log_tag *tag, const char *fmt, ...)
{
        char prefix[PREFIX_BYTES], text[SHORT_BYTES];
        va_list args, again;
        va_start(args, fmt);
        va_copy(again, args);
        int n = vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        size_t text_len = n < 0 ? 0 : (size_t)n;
        size_t prefix_len = format_prefix(tag, prefix, sizeof prefix);
        if (text_len > LINE_BYTES_MAX - prefix_len)
                text_len = LINE_BYTES_MAX - prefix_len;
        struct line *line = line_new(level, prefix_len + text_len);
        if (line != NULL) {
                memcpy(line->text, prefix, prefix_len);
                if (text_len < sizeof text)
                        memcpy(line->text + prefix_len, text, text_len);
                else
                        vsnprintf(line->text + prefix_len, text_len + 1, fmt, again);
                defuse(line->text, prefix_len + text_len);
                post(&line->mail);
        }
        va_end(again);
}
