/* SPDX-License-Identifier: Apache-2.0 */
/* describe_main.c: prints docs/options.md; the build target options-page writes it in place. */
#include "conf/describe.h"
#include <stdio.h>

int main(void)
{
        struct buf page;
        buf_init(&page);
        options_describe(&page);
        bool ok = fwrite(page.ptr, 1, page.len, stdout) == page.len;
        buf_fini(&page);
        return ok ? 0 : 1;
}
