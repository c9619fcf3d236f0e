/* SPDX-License-Identifier: Apache-2.0 */
/* verb.c: the rows of verb.def. */
#include "proto/verb.h"

enum {
        CLIENT = VERB_KIND_CLIENT,
        ROUTE = VERB_KIND_ROUTE,
        GATEWAY = VERB_KIND_GATEWAY,
        LEAF = VERB_KIND_LEAF,
        ANY = CLIENT | ROUTE | GATEWAY | LEAF,
};

const struct verb_info verb_table[VERB_COUNT] = {
#define VERB(id, text, separator, shape, kinds)                                                    \
        { { text, sizeof(text) - 1 }, VERB_SEPARATOR_##separator, VERB_SHAPE_##shape, kinds },
#include "proto/verb.def"
#undef VERB
};

const char *verb_text(enum verb verb)
{
        return (unsigned)verb < VERB_COUNT ? verb_table[verb].text.ptr : "?";
}
