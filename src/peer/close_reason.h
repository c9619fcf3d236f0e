/* SPDX-License-Identifier: Apache-2.0 */
/* close_reason.h: why connections end (close_reason.def). */
#pragma once

enum close_reason {
#define CLOSE(id, text, wire, how) CLOSE_##id,
#include "peer/close_reason.def"
#undef CLOSE
        CLOSE_COUNT
};

const char *close_reason_text(enum close_reason reason); /* as monitoring prints it */
