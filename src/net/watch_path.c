/* SPDX-License-Identifier: Apache-2.0 */
/* The path is walked as the kernel walks it: one component after the other, a link replaced by its text. */
#include "net/watch_path.h"
#include "base/buf.h"
#include "base/mem.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as the kernel's: more is a cycle */

static void add(struct watch_dirs *dirs, const char *dir)
{
        for (int i = 0; i < dirs->n; i++)
                if (strcmp(dirs->at[i], dir) == 0)
                        return;
        if (dirs->n < WATCH_DIRS_MAX)
                dirs->at[dirs->n++] = xstrdup(dir);
}

/* "" is the working directory, "/" the root. */
static const char *name_of(const char *dir)
{
        return dir[0] ? dir : ".";
}

static char *join(const char *dir, struct slice name)
{
        struct buf path = { 0 };
        if (dir[0])
                buf_printf(&path, "%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/");
        buf_append_slice(&path, name);
        return buf_take_str(&path);
}

/* The text of the link, or NULL when path is none. */
static char *link_text(const char *path)
{
        char text[PATH_MAX];
        ssize_t n = readlink(path, text, sizeof text);
        return n > 0 && (size_t)n < sizeof text ? xstrndup(text, (size_t)n) : NULL;
}

/* What is left to walk begins with the link's text; what was walked stays unless the link is absolute. */
static char *put_link(char **dir, char *rest, const char *target)
{
        char *next = join(target, slice_str(rest));
        if (target[0] == '/') {
                xfree(*dir);
                *dir = xstrdup("/");
        }
        return next;
}

void watch_dirs_add(struct watch_dirs *dirs, const char *path)
{
        char *dir = xstrdup(path[0] == '/' ? "/" : ""), *rest = xstrdup(path);
        int links = 0;
        for (size_t at = strspn(rest, "/"); rest[at];) {
                size_t len = strcspn(rest + at, "/");
                size_t next = at + len + strspn(rest + at + len, "/");
                char *here = join(dir, slice_of(rest + at, len));
                char *target = links < LINKS_MAX ? link_text(here) : NULL;
                bool last = rest[next] == '\0';
                if (target || last)
                        add(dirs, name_of(dir));
                if (target) {
                        links++;
                        char *walked = put_link(&dir, rest + next, target);
                        xfree(here);
                        xfree(target);
                        xfree(rest);
                        rest = walked;
                        at = strspn(rest, "/");
                        continue;
                }
                struct stat st;
                if (!last && stat(here, &st) != 0)
                        add(dirs, name_of(dir)); /* the missing part will appear here */
                xfree(dir);
                dir = here;
                at = next;
        }
        xfree(dir);
        xfree(rest);
}

void watch_dirs_fini(struct watch_dirs *dirs)
{
        for (int i = 0; i < dirs->n; i++)
                xfree(dirs->at[i]);
        dirs->n = 0;
}
