/* SPDX-License-Identifier: Apache-2.0 */
/* log_syslog.c: lines to syslog, in the older form of RFC 3164 that local daemons speak, or with an
 * RFC 3339 time to a remote one. A lost connection is opened again at the next line; the line that
 * found it lost is sent once more. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log_sink.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/os.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FACILITY_DAEMON = 3 << 3, FACILITY_KERN = 0, SEND_SECONDS = 5 };

struct log_syslog {
        struct log_sink sink;
        bool remote;
        char *network, *address; /* remote: "udp" "tcp" "unix"; "host:port" or a path */
        int fd;                  /* -1: not connected */
        struct buf line;
        char host[256];
};

static const int severities[LOG_LEVEL_COUNT] = {
        [LOG_TRACE] = 5,
        [LOG_DEBUG] = 7,
        [LOG_INFO] = 5,
        [LOG_WARN] = 4,
        [LOG_ERROR] = 3,
        [LOG_FATAL] = 2,
};

/* Connected socket or negative errno; a peer that does not take the bytes in time counts as lost.
 */
static int connect_to(int type, const struct sockaddr *addr, socklen_t len)
{
        struct timeval limit = { .tv_sec = SEND_SECONDS };
        int fd = socket(addr->sa_family, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, addr, len) == 0)
                return fd;
        int code = -errno;
        close(fd);
        return code;
}

static int connect_unix(int type, const char *path)
{
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof addr.sun_path)
                return -ENAMETOOLONG;
        memcpy(addr.sun_path, path, strlen(path) + 1);
        return connect_to(type, (struct sockaddr *)&addr, sizeof addr);
}

static int connect_local(struct errbuf *eb)
{
        static const char *const paths[] = { "/dev/log", "/var/run/syslog", "/var/run/log" };
        static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
        for (size_t t = 0; t < ARRAY_N(types); t++) {
                for (size_t p = 0; p < ARRAY_N(paths); p++) {
                        int fd = connect_unix(types[t], paths[p]);
                        if (fd >= 0)
                                return fd;
                }
        }
        return errbuf_set(eb, ERR_IO, "Unix syslog delivery error");
}

static int connect_net(const struct log_syslog *syslog, struct errbuf *eb)
{
        const char *colon = strrchr(syslog->address, ':');
        if (colon == NULL)
                return errbuf_set(eb, ERR_INVALID, "dial %s: address %s: missing port in address",
                        syslog->network, syslog->address);
        struct slice name = slice_of(syslog->address, (size_t)(colon - syslog->address));
        if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
                name = slice_of(name.ptr + 1, name.len - 2);
        char *host = xstrndup(name.ptr, name.len);
        struct addrinfo hints = { .ai_socktype = strcmp(syslog->network, "tcp") == 0 ? SOCK_STREAM
                                                                                     : SOCK_DGRAM };
        struct addrinfo *found = NULL;
        int rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found);
        int fd = -1;
        if (rc != 0)
                errbuf_set(eb, ERR_IO, "dial %s: lookup %s: no such host", syslog->network, host);
        for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
                fd = connect_to(hints.ai_socktype, at->ai_addr, at->ai_addrlen);
        if (rc == 0 && fd < 0)
                errbuf_set(eb, fd, "dial %s %s: connect: %s", syslog->network, syslog->address,
                        err_text(fd));
        if (found != NULL)
                freeaddrinfo(found);
        xfree(host);
        return fd;
}

/* fd or a negative code with the sentence. */
static int dial(const struct log_syslog *syslog, struct errbuf *eb)
{
        if (!syslog->remote)
                return connect_local(eb);
        if (strcmp(syslog->network, "unix") != 0)
                return connect_net(syslog, eb);
        int fd = connect_unix(SOCK_STREAM, syslog->address);
        if (fd < 0)
                errbuf_set(eb, fd, "dial unix %s: connect: %s", syslog->address, err_text(fd));
        return fd;
}

/* RFC 3339 in local time: strftime() writes +0200 where +02:00 belongs. */
static void append_remote_time(struct buf *out, const struct tm *tm)
{
        char date[32], zone[8];
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", tm);
        strftime(zone, sizeof zone, "%z", tm);
        if (strcmp(zone, "+0000") == 0)
                buf_printf(out, "%sZ", date);
        else
                buf_printf(out, "%s%.3s:%s", date, zone, zone + 3);
}

static void append_local_time(struct buf *out, const struct tm *tm)
{
        char date[32];
        strftime(date, sizeof date, "%b %e %H:%M:%S", tm);
        buf_append_str(out, date);
}

static void build_line(
        struct log_syslog *syslog, enum log_level level, uint64_t wall_ns, struct slice text)
{
        struct buf *out = &syslog->line;
        time_t second = (time_t)(wall_ns / NS_PER_SEC);
        struct tm tm;
        localtime_r(&second, &tm);
        buf_clear(out);
        buf_printf(out, "<%d>",
                severities[level] | (syslog->remote ? (int)FACILITY_KERN : (int)FACILITY_DAEMON));
        if (syslog->remote) {
                append_remote_time(out, &tm);
                buf_printf(out, " %s", syslog->host);
        } else {
                append_local_time(out, &tm);
        }
        buf_printf(out, " %s[%d]: ", os_program(), (int)getpid());
        buf_append_slice(out, text);
        if (text.len == 0 || text.ptr[text.len - 1] != '\n')
                buf_append_char(out, '\n');
}

static bool send_line(struct log_syslog *syslog)
{
        const char *at = syslog->line.ptr;
        size_t left = syslog->line.len;
        while (left > 0) {
                ssize_t n = send(syslog->fd, at, left, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                at += n;
                left -= (size_t)n;
        }
        return true;
}

static void syslog_write(
        struct log_sink *sink, enum log_level level, uint64_t wall_ns, struct slice text)
{
        struct log_syslog *syslog = CONTAINER_OF(sink, struct log_syslog, sink);
        build_line(syslog, level, wall_ns, text);
        for (int attempt = 0; attempt < 2; attempt++) {
                if (syslog->fd < 0)
                        syslog->fd = dial(syslog, NULL);
                if (syslog->fd < 0 || send_line(syslog))
                        return;
                close(syslog->fd);
                syslog->fd = -1;
        }
}

static void syslog_flush(struct log_sink *sink)
{
}

static void syslog_close(struct log_sink *sink)
{
        struct log_syslog *syslog = CONTAINER_OF(sink, struct log_syslog, sink);
        if (syslog->fd >= 0)
                close(syslog->fd);
        buf_fini(&syslog->line);
        xfree(syslog->network);
        xfree(syslog->address);
        xfree(syslog);
}

static const struct log_sink_ops syslog_ops = {
        .write = syslog_write,
        .flush = syslog_flush,
        .close = syslog_close,
};

/* "udp://host:port", "tcp://host:port", "unix:///path" */
static int parse_remote(struct log_syslog *syslog, const char *url, struct errbuf *eb)
{
        const char *colon = strchr(url, ':');
        const char *rest = colon ? colon + 1 : "";
        if (rest[0] == '/' && rest[1] == '/')
                rest += 2;
        syslog->network = xstrndup(url, colon ? (size_t)(colon - url) : 0);
        if (strcmp(syslog->network, "unix") == 0) {
                syslog->address = xstrdup(rest);
        } else if (strcmp(syslog->network, "udp") == 0 || strcmp(syslog->network, "tcp") == 0) {
                syslog->address = xstrndup(rest, strcspn(rest, "/"));
        } else {
                return errbuf_set(
                        eb, ERR_INVALID, "error invalid network type: \"%s\"", syslog->network);
        }
        return 0;
}

struct log_sink *log_syslog_new(const struct log_options *opts, struct errbuf *eb)
{
        struct errbuf why = { "" };
        struct log_syslog *syslog = xnew(struct log_syslog);
        syslog->sink.ops = &syslog_ops;
        syslog->fd = -1;
        syslog->remote = opts->remote_syslog != NULL;
        if (gethostname(syslog->host, sizeof syslog->host - 1) != 0)
                memcpy(syslog->host, "localhost", sizeof "localhost");
        if (syslog->remote && parse_remote(syslog, opts->remote_syslog, eb) != 0) {
                syslog_close(&syslog->sink);
                return NULL;
        }
        syslog->fd = dial(syslog, &why);
        if (syslog->fd >= 0)
                return &syslog->sink;
        struct buf shown = { 0 };
        text_quote(&shown, slice_str(why.text));
        errbuf_set(eb, ERR_IO, "error connecting to syslog: %.*s", SLICE_ARG(buf_slice(&shown)));
        buf_fini(&shown);
        syslog_close(&syslog->sink);
        return NULL;
}
