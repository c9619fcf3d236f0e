/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h: the tables of options and flags as texts for people and shells. Each appends to out. */
#pragma once
#include "base/buf.h"

void options_describe(struct buf *out);      /* docs/options.md */
void options_describe_man(struct buf *out);  /* midge.1 */
void options_describe_bash(struct buf *out); /* completion of bash */
void options_describe_zsh(struct buf *out);  /* completion of zsh */
