/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h: a listening socket on a loop; accepted sockets are handed to a callback.
 * Accept errors that come from exhaustion (EMFILE, ENFILE, ENOMEM) back off 10 ms doubling to 1 s. */
#pragma once
#include "base/err.h"
#include "base/macros.h"
#include <netinet/in.h>

struct listener;
struct loop;

/* fd is non-blocking with TCP_NODELAY and belongs to the callee; peer is borrowed. On the listener's loop. */
typedef void (*listener_fn)(void *ctx, int fd, const struct sockaddr_storage *peer);

/* host: name or literal, "0.0.0.0" binds both families where the reference does; port 0: any free port.
 * eb: the operating system's words in the reference's form ("listen tcp 127.0.0.1:4222: bind: …"). Who connects
 * from now on waits until listener_start(). Any thread. */
MUST_CHECK int listener_open(struct listener **out, const char *host, int port,
        listener_fn on_accept, void *ctx, struct errbuf *eb);
/* The rest on the loop that accepts. */
void listener_start(struct listener *listener, struct loop *loop);
int listener_port(const struct listener *listener); /* any thread */
void listener_close(
        struct listener *listener); /* frees it from the loop; the socket closes at once */
