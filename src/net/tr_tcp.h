/* SPDX-License-Identifier: Apache-2.0 */
/* tr_tcp.h: the bottom layer: a non-blocking stream socket. Embedded in its conn, so free() is empty. */
#pragma once
#include "net/transport.h"

struct tr_tcp {
        struct transport base;
        int fd;
        bool ending; /* what is sent now is the last: the end of the stream follows at once */
};

void tr_tcp_init(struct tr_tcp *tcp, int fd); /* the fd stays the caller's */
