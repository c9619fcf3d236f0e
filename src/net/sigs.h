/* SPDX-License-Identifier: Apache-2.0 */
/* sigs.h: signals as calls on the control loop. */
#pragma once

struct loop;
struct sigs;

typedef void (*sigs_fn)(void *ctx, int signum);

/* Watch the listed signals (ends with 0). Control thread. */
struct sigs *sigs_open(struct loop *loop, const int *signums, sigs_fn fn, void *ctx);
/* From here on these signals wait for the end of the process: none of them ends it any more. */
void sigs_close(struct sigs *sigs);
