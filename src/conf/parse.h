/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h: configuration text → tree: includes, variables, the environment.
 *
 * Bounds: CONF_DEPTH_MAX levels, CONF_WEIGHT_MAX values after all variables are followed,
 * CONF_INCLUDE_DEPTH_MAX files inside one another and CONF_FILES_MAX in all, CONF_FILE_BYTES_MAX
 * each. Thread: any, one at a time per arena. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "conf/ast.h"

#define CONF_FILE_BYTES_MAX (64u << 20)
#define CONF_INCLUDE_DEPTH_MAX 32
#define CONF_FILES_MAX 4096
#define CONF_ENV_DEPTH_MAX 64 /* variables of the environment that name one another */

enum conf_flag {
        CONF_NO_INCLUDES = 1,    /* an include is an error: for text that is not from a file */
        CONF_NO_ENVIRONMENT = 2, /* a variable that no key defines is an error */
};

/* Parse text.
 * name    the file named in positions and messages; includes are looked for beside it
 * flags   of enum conf_flag
 * Returns the root map, owned by the arena, or NULL with the sentence in eb. */
MUST_CHECK struct conf_value *conf_parse(struct arena *arena, struct slice text, const char *name,
        unsigned flags, struct errbuf *eb);

/* The same for a file; an unreadable one fails as "open PATH: no such file or directory". */
MUST_CHECK struct conf_value *conf_parse_file(
        struct arena *arena, const char *path, struct errbuf *eb);
