/* SPDX-License-Identifier: Apache-2.0 */
/* connect_flat.h: the objects that clients send as CONNECT are flat: strings without escapes, true, false and small
 * numbers, under plain names. Those are read in place, without a tree and without a copy. Whatever else may be
 * right or wrong in JSON is FLAT_OTHER, and for the parser to say. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>

enum flat_kind {
        FLAT_STRING, /* text */
        FLAT_BOOL,   /* number: 0 or 1 */
        FLAT_NUMBER,
        FLAT_END, /* all of it was flat, and no byte is left */
        FLAT_OTHER,
};

struct flat_member {
        struct slice key;  /* small letters, digits and underlines */
        struct slice text; /* ASCII without control characters */
        int number;        /* 0 to 999999999 */
};

struct flat {
        struct slice rest; /* the whole text before the first call */
        bool begun;
};

enum flat_kind flat_next(struct flat *flat, struct flat_member *member);
