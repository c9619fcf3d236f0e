/* SPDX-License-Identifier: Apache-2.0 */
/* Pid and ports files (config.md 4.3). */
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/load.h"
#include "monitor/monitor.h"
#include "server/server_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int write_file(const char *path, struct slice text, mode_t mode, struct errbuf *eb)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        if (fd < 0) {
                int err = -errno;
                return errbuf_set(eb, err, "open %s: %s", path, err_text(err));
        }
        ssize_t n = write(fd, text.ptr, text.len);
        int err = n == (ssize_t)text.len ? 0 : n < 0 ? -errno : -ENOSPC;
        if (close(fd) != 0 && err == 0)
                err = -errno;
        return err ? errbuf_set(eb, err, "write %s: %s", path, err_text(err)) : 0;
}

int pid_file_write(const char *path, struct errbuf *eb)
{
        char text[32];
        int n = snprintf(text, sizeof text, "%ld", (long)getpid());
        return write_file(path, slice_of(text, (size_t)n), 0600, eb);
}

static char *ports_path(const struct server *server, const char *dir)
{
        struct buf path = { 0 };
        buf_printf(&path, "%s/%s_%ld.ports", dir, server->launch->program, (long)getpid());
        return buf_take_str(&path);
}

static void put_url(struct json_writer *w, const char *scheme, const char *ip, int port)
{
        char url[320];
        bool v6 = strchr(ip, ':') != NULL;
        snprintf(url, sizeof url, "%s://%s%s%s:%d", scheme, v6 ? "[" : "", ip, v6 ? "]" : "", port);
        json_str(w, NULL, url);
}

/* The address as digits: an interface's own scope is no part of a URL. */
static bool ip_text(const struct sockaddr *addr, char *ip, size_t size)
{
        if (addr && addr->sa_family == AF_INET)
                return inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, ip,
                               (socklen_t)size) != NULL;
        if (addr && addr->sa_family == AF_INET6)
                return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, ip,
                               (socklen_t)size) != NULL;
        return false;
}

/* Interface by interface; the system's list has one family after the other. */
static void put_interfaces(struct json_writer *w, const char *scheme, int port)
{
        struct ifaddrs *all = NULL;
        char ip[INET6_ADDRSTRLEN];
        struct if_nameindex *names = if_nameindex();
        if (getifaddrs(&all) != 0)
                all = NULL;
        for (struct if_nameindex *name = names; name && name->if_index; name++)
                for (struct ifaddrs *it = all; it; it = it->ifa_next)
                        if (strcmp(it->ifa_name, name->if_name) == 0 &&
                                ip_text(it->ifa_addr, ip, sizeof ip))
                                put_url(w, scheme, ip, port);
        if (all)
                freeifaddrs(all);
        if (names)
                if_freenameindex(names);
}

static bool is_any(const char *host)
{
        return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* Where it can be dialled: numbers, as a name may mean something else elsewhere. */
static void url_list(
        struct json_writer *w, const char *key, const char *scheme, const char *host, int port)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
        struct addrinfo *found = NULL;
        char ip[INET6_ADDRSTRLEN];
        json_array_open(w, key);
        if (is_any(host))
                put_interfaces(w, scheme, port);
        else if (getaddrinfo(host, NULL, &hints, &found) == 0 &&
                 ip_text(found->ai_addr, ip, sizeof ip))
                put_url(w, scheme, ip, port);
        else
                put_url(w, scheme, host, port);
        json_array_close(w);
        if (found)
                freeaddrinfo(found);
}

void ports_file_write(struct server *server)
{
        const struct options *opts = server->opts;
        if (opts->ports_file_dir[0] == '\0')
                return;
        struct buf text = { 0 };
        struct json_writer w;
        struct errbuf eb = { "" };
        json_begin(&w, &text, 0);
        json_object_open(&w, NULL);
        url_list(&w, "nats", server->tls && !opts->allow_non_tls ? "tls" : "nats",
                opts->client.host, server->client_port);
        if (server->monitor)
                url_list(&w, "monitoring", opts->monitor.https_port ? "https" : "http",
                        opts->monitor.host, monitor_port(server->monitor));
        json_object_close(&w);
        char *path = ports_path(server, opts->ports_file_dir);
        if (write_file(path, buf_slice(&text), 0666, &eb) < 0)
                log_error(NULL, "Error writing ports file (%s): %s", path, eb.text);
        xfree(path);
        buf_fini(&text);
}

void ports_file_remove(struct server *server, const char *dir)
{
        if (dir[0] == '\0')
                return;
        char *path = ports_path(server, dir);
        if (unlink(path) != 0 && errno != ENOENT)
                log_error(NULL, "Error cleaning up ports file %s: remove %s: %s", path, path,
                        err_text(-errno));
        xfree(path);
}
