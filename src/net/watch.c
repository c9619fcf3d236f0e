/* SPDX-License-Identifier: Apache-2.0 */
/* An event of a watched directory says only: look. Looking is one stat of each file, compared with what
 * was seen before; so neither a log that is written beside the certificates nor a lost event matters.
 *
 *   event, or WATCH_POLL_NS ──► quiet timer ──► look: changed? ──► again until it is quiet ──► fn */
#include "net/watch.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop_internal.h"
#include "net/timer.h"
#include "net/watch_path.h"
#include <string.h>
#include <sys/stat.h>

/* What tells two states of a file apart without reading it. */
struct look {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec modified, changed;
};

struct watched_dir {
        uv_fs_event_t handle;
        struct watch *watch;
        struct list member;
};

struct watch {
        struct loop *loop;
        watch_fn fn;
        void *ctx;
        char **paths;
        struct look *told, *seen; /* at the last call of fn; at the last look */
        int path_n;
        struct list dirs; /* by watched_dir.member; no order */
        struct timer quiet, poll;
        uint64_t since_ns; /* first change that was not told yet; 0: none */
        bool complaint;    /* "cannot watch" was logged */
};

static void on_dir_closed(uv_handle_t *handle)
{
        xfree(CONTAINER_OF(handle, struct watched_dir, handle));
}

static void drop_dirs(struct watch *watch)
{
        list_foreach_safe (&watch->dirs, it) {
                struct watched_dir *dir = list_entry(it, struct watched_dir, member);
                list_remove(&dir->member);
                uv_close((uv_handle_t *)&dir->handle, on_dir_closed);
        }
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
        struct watch *watch = ((struct watched_dir *)handle->data)->watch;
        (void)name;
        (void)events;
        (void)status;
        watch->loop->own.now_ns = uv_hrtime();
        if (!timer_is_armed(&watch->quiet))
                loop_timer_start(watch->loop, &watch->quiet, WATCH_QUIET_NS);
}

static void watch_dir(struct watch *watch, const char *path)
{
        struct watched_dir *dir = xnew(struct watched_dir);
        dir->watch = watch;
        uv_fs_event_init(&watch->loop->uv->loop, &dir->handle);
        dir->handle.data = dir;
        int rc = uv_fs_event_start(&dir->handle, on_event, path, 0);
        list_push_back(&watch->dirs, &dir->member);
        if (rc == 0 || rc == UV_ENOENT || rc == UV_ENOTDIR || watch->complaint)
                return;
        watch->complaint = true;
        log_warn(NULL, "Cannot watch %s (%s): looking at it every %d seconds instead", path,
                uv_strerror(rc), (int)(WATCH_POLL_NS / NS_PER_SEC));
}

/* What the paths mean may have changed with every call: so may the directories. */
static void watch_dirs(struct watch *watch)
{
        struct watch_dirs dirs = { .n = 0 };
        drop_dirs(watch);
        for (int i = 0; i < watch->path_n; i++)
                watch_dirs_add(&dirs, watch->paths[i]);
        for (int i = 0; i < dirs.n; i++)
                watch_dir(watch, dirs.at[i]);
        watch_dirs_fini(&dirs);
}

static void look(const struct watch *watch, struct look *at)
{
        struct stat st;
        memset(at, 0, (size_t)watch->path_n * sizeof *at);
        for (int i = 0; i < watch->path_n; i++) {
                if (stat(watch->paths[i], &st) != 0)
                        continue; /* zeros: not there */
                at[i].dev = st.st_dev;
                at[i].ino = st.st_ino;
                at[i].size = st.st_size;
                at[i].modified = st.st_mtim;
                at[i].changed = st.st_ctim;
        }
}

static bool same(const struct watch *watch, const struct look *a, const struct look *b)
{
        return memcmp(a, b, (size_t)watch->path_n * sizeof *a) == 0;
}

static void tell(struct watch *watch)
{
        watch->since_ns = 0;
        memcpy(watch->told, watch->seen, (size_t)watch->path_n * sizeof *watch->told);
        watch_dirs(watch);
        watch->fn(watch->ctx);
}

static void on_quiet(struct timer *timer)
{
        struct watch *watch = CONTAINER_OF(timer, struct watch, quiet);
        uint64_t now = loop_now_ns(watch->loop);
        struct look *at = xcalloc((size_t)watch->path_n + 1, sizeof *at);
        look(watch, at);
        bool moving = !same(watch, at, watch->seen);
        memcpy(watch->seen, at, (size_t)watch->path_n * sizeof *at);
        xfree(at);
        if (moving && watch->since_ns == 0)
                watch->since_ns = now;
        if (watch->since_ns == 0)
                return;
        if (moving && now - watch->since_ns < WATCH_BURST_NS)
                loop_timer_start(watch->loop, timer, WATCH_QUIET_NS);
        else if (same(watch, watch->seen, watch->told))
                watch->since_ns = 0; /* there and back */
        else
                tell(watch);
}

static void on_poll(struct timer *timer)
{
        struct watch *watch = CONTAINER_OF(timer, struct watch, poll);
        if (!timer_is_armed(&watch->quiet))
                on_quiet(&watch->quiet);
        loop_timer_start(watch->loop, timer, WATCH_POLL_NS);
}

struct watch *watch_open(struct loop *loop, watch_fn fn, void *ctx)
{
        struct watch *watch = xnew(struct watch);
        watch->loop = loop;
        watch->fn = fn;
        watch->ctx = ctx;
        watch->quiet.fn = on_quiet;
        watch->poll.fn = on_poll;
        list_init(&watch->dirs);
        return watch;
}

static void forget_files(struct watch *watch)
{
        drop_dirs(watch);
        loop_timer_stop(watch->loop, &watch->quiet);
        loop_timer_stop(watch->loop, &watch->poll);
        for (int i = 0; i < watch->path_n; i++)
                xfree(watch->paths[i]);
        xfree(watch->paths);
        xfree(watch->told);
        xfree(watch->seen);
        watch->path_n = 0;
        watch->since_ns = 0;
}

void watch_files(struct watch *watch, const char *const *paths, int n)
{
        forget_files(watch);
        watch->paths = xcalloc((size_t)n + 1, sizeof *watch->paths);
        watch->told = xcalloc((size_t)n + 1, sizeof *watch->told);
        watch->seen = xcalloc((size_t)n + 1, sizeof *watch->seen);
        for (; watch->path_n < n; watch->path_n++)
                watch->paths[watch->path_n] = xstrdup(paths[watch->path_n]);
        if (n == 0)
                return;
        watch_dirs(watch);
        look(watch, watch->seen);
        memcpy(watch->told, watch->seen, (size_t)n * sizeof *watch->told);
        loop_timer_start(watch->loop, &watch->poll, WATCH_POLL_NS);
}

void watch_close(struct watch *watch)
{
        if (watch == NULL)
                return;
        forget_files(watch);
        xfree(watch);
}
