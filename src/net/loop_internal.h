/* SPDX-License-Identifier: Apache-2.0 */
/* loop_internal.h: the libuv side of a loop, for the files of net/ only. */
#pragma once
#include "net/loop.h"
#include <uv.h>

struct loop_uv {
        uv_loop_t loop;
        uv_poll_t wake;
        int wake_fd[2]; /* os_wake() */
        uv_prepare_t prepare;
        uv_check_t check;
        uv_timer_t timer;
        uint64_t timer_due_ns; /* what uv's timer is armed for; UINT64_MAX: not armed */
};
