/* SPDX-License-Identifier: Apache-2.0 */
/* err.h: error codes and the sentence for a human.
 * A function that can fail returns int: 0 or negative. Codes of libuv (negative errno) pass
 * through; midge's own lie below -20000 (err.def). Cold paths also fill a struct errbuf; hot paths
 * return a code only. */
#pragma once
#include "base/macros.h"

enum err_index_ {
#define ERR(id, text) ERR_INDEX_##id,
#include "base/err.def"
#undef ERR
        ERR_COUNT
};

enum err {
#define ERR(id, text) ERR_##id = -20001 - ERR_INDEX_##id,
#include "base/err.def"
#undef ERR
};

/* A sentence for a human; text is always NUL-terminated, cut at the end when too long. */
struct errbuf {
        char text[1024];
};

/* Text of a code: midge's own, or the system's for a negative errno, first letter lower case
 * ("no such file or directory"). Valid until the thread's fourth next call. */
const char *err_text(int code);

/* Replace the sentence; returns code so that `return errbuf_set(...)` reads well. eb may be NULL.
 */
int errbuf_set(struct errbuf *eb, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put words in front: "prefix: old sentence". eb may be NULL. */
void errbuf_prefix(struct errbuf *eb, const char *fmt, ...) PRINTF_LIKE(2, 3);
