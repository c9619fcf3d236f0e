/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_conf.c: configuration text, without files and environment. It parses, or says why not. */
#include "fuzz.h"
#include "base/arena.h"
#include "base/buf.h"
#include "conf/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena *arena = arena_new();
        struct errbuf eb = { "" };
        struct slice text = slice_of((const char *)data, size);
        struct conf_value *root =
                conf_parse(arena, text, "fuzz.conf", CONF_NO_INCLUDES | CONF_NO_ENVIRONMENT, &eb);

        PROPERTY(root || eb.text[0]);
        if (root) {
                struct buf out = { .limit = 1 << 20 };

                conf_print(&out, root);
                buf_fini(&out);
        }
        arena_free(arena);
        return 0;
}
