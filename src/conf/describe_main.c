/* SPDX-License-Identifier: Apache-2.0 */
/* describe_main.c: prints one of the pages: options, man, bash, zsh. The build target options-page writes
 * docs/options.md in place; the others are written into the build folder and installed. */
#include "conf/describe.h"
#include "base/macros.h"
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name;
        void (*describe)(struct buf *out);
} pages[] = {
        { "options", options_describe },
        { "man", options_describe_man },
        { "bash", options_describe_bash },
        { "zsh", options_describe_zsh },
};

int main(int argc, char **argv)
{
        struct buf page = { 0 };
        for (size_t i = 0; argc == 2 && i < ARRAY_N(pages); i++)
                if (strcmp(argv[1], pages[i].name) == 0)
                        pages[i].describe(&page);
        bool ok = page.len > 0 && fwrite(page.ptr, 1, page.len, stdout) == page.len;
        buf_fini(&page);
        return ok ? 0 : 1;
}
