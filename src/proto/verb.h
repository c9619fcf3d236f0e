/* SPDX-License-Identifier: Apache-2.0 */
/* verb.h: the operations of the NATS protocol as a table. */
#pragma once
#include "base/slice.h"
#include <stdint.h>

enum verb {
#define VERB(id, text, separator, shape, kinds) VERB_##id,
#include "proto/verb.def"
#undef VERB
        VERB_COUNT
};

/* Who sends: one bit for each kind of peer. */
enum verb_kind {
        VERB_KIND_CLIENT = 1,
        VERB_KIND_ROUTE = 2,
        VERB_KIND_GATEWAY = 4,
        VERB_KIND_LEAF = 8,
};

enum verb_separator { VERB_SEPARATOR_REQUIRED, VERB_SEPARATOR_OPTIONAL, VERB_SEPARATOR_IGNORED };

enum verb_shape {
        VERB_SHAPE_NONE,       /* nothing */
        VERB_SHAPE_TEXT,       /* the rest of the line, one piece */
        VERB_SHAPE_PUB,        /* subject [reply] size, payload */
        VERB_SHAPE_HPUB,       /* subject [reply] header-size total-size, header and payload */
        VERB_SHAPE_SUB,        /* subject [queue] sid */
        VERB_SHAPE_UNSUB,      /* sid [max] */
        VERB_SHAPE_LINE,       /* the rest of the line, split by its owner */
        VERB_SHAPE_LINE_SIZE,  /* the same, the last argument is a payload size */
        VERB_SHAPE_LINE_SIZES, /* the same, the last two are header size and total size */
};

struct verb_info {
        struct slice text;
        enum verb_separator separator;
        enum verb_shape shape;
        unsigned kinds; /* VERB_KIND_ bits */
};

extern const struct verb_info verb_table[VERB_COUNT];

/* "PUB", for logs; never NULL. */
const char *verb_text(enum verb verb);
