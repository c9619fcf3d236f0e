/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/buf.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int file_write_all(int fd, struct slice bytes)
{
        while (bytes.len > 0) {
                ssize_t n = write(fd, bytes.ptr, bytes.len);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        bytes = slice_of(bytes.ptr + n, bytes.len - (size_t)n);
        }
        return fsync(fd) == 0 ? 0 : -errno;
}

static int failed(struct errbuf *eb, int code, const char *what, const char *path)
{
        return errbuf_set(eb, code, "%s %s: %s", what, path, err_text(code));
}

int file_replace(const char *path, struct slice bytes, struct errbuf *eb)
{
        struct buf name = { 0 };
        buf_printf(&name, "%s.XXXXXX", path);
        char *temporary = buf_take_str(&name);
        int fd = mkstemp(temporary); /* mode 0600 */
        int rc = fd < 0 ? failed(eb, -errno, "open", path) : 0;
        if (fd >= 0) {
                int code = file_write_all(fd, bytes);
                if (close(fd) != 0 && code == 0)
                        code = -errno;
                rc = code < 0 ? failed(eb, code, "write", path) : 0;
                if (rc == 0 && rename(temporary, path) != 0)
                        rc = failed(eb, -errno, "rename", path);
                if (rc < 0)
                        unlink(temporary);
        }
        xfree(temporary);
        return rc;
}
