/* SPDX-License-Identifier: Apache-2.0 */
/* os.h: what POSIX and libuv leave different between platforms. Errors are negative errno values.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* sock_*.c */
int os_socket_stream(int family); /* non-blocking, close-on-exec; fd or negative errno */
/* Likewise; and who it is, as far as the system tells (else AF_UNSPEC). */
int os_accept(int fd, struct sockaddr_storage *peer);
int os_set_nodelay(int fd);
int os_listen_backlog(void);
/* Flag of send() for bytes that the end of the stream follows at once: both leave as one segment. Or 0. */
int os_send_last(void);
int os_entropy(void *dst, size_t bytes); /* 0 or negative errno */

/* How a thread ends another's poll: fd[0] is readable from os_wake(fd[1]) until os_wake_seen(fd[0]).
 * Both may be the same descriptor. Any thread, any number of times. */
int os_wake_open(int fd[2]); /* 0 or negative errno */
void os_wake(int fd);
void os_wake_seen(int fd);
void os_wake_close(const int fd[2]);

/* alarm_*.c: a descriptor that is readable from a moment of the monotonic clock (> 0) on until os_alarm_seen(),
 * within microseconds where the system can. close() ends it. */
int os_alarm_open(void); /* fd or negative errno */
void os_alarm_set(int fd, uint64_t at_ns);
void os_alarm_seen(int fd);

/* pages.c: zeroed pages. Both sizes are multiples of a page, align a power of two. huge: in huge pages if
 * the system has them to give, and otherwise in none. NULL when memory is short. */
void *os_pages_map(size_t bytes, size_t align, bool huge);
void os_pages_unmap(void *ptr, size_t bytes);

void os_memory_trim(
        void); /* what malloc() holds and nobody uses goes back to the system; may take milliseconds */

/* proc_*.c */
int os_cpu_n(void); /* cores this process may use */
uint64_t os_rss_bytes(void);
uint64_t os_cpu_ns(void);              /* user and system time of this process */
const char *os_program(void);          /* last part of argv[0] */
void os_thread_name(const char *name); /* at most 15 bytes are kept */
void os_thread_yield_to_loops(
        void);               /* this thread gives way when cores are short (nice +10 on Linux) */
int os_fd_limit_raise(void); /* lift the soft limit to the hard one; the limit, or negative errno */

/* Another process of this machine: CPU time since its start, to the nanosecond where the system tells
 * it so (Linux), and resident memory. 0 or negative errno. */
struct os_usage {
        uint64_t cpu_ns, rss_bytes;
};
int os_process_usage(long pid, struct os_usage *out);
