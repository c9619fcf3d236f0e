/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h: the option tables as a page for people: docs/options.md. */
#pragma once
#include "base/buf.h"

void options_describe(struct buf *out);
