/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signal_cmd.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/thread.h"
#include "os/os.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIDS_MAX = 256, PID_FILE_MAX = 4096 };

static const struct {
        const char *command;
        int signum;
} commands[] = {
        { "stop", SIGKILL },
        { "quit", SIGINT },
        { "term", SIGTERM },
        { "reopen", SIGUSR1 },
        { "reload", SIGHUP },
        { "ldm", SIGUSR2 },
};

static int signum_of(const char *command)
{
        for (size_t i = 0; i < ARRAY_N(commands); i++)
                if (strcmp(commands[i].command, command) == 0)
                        return commands[i].signum;
        return 0;
}

/* The whole content of a readable file stands for its name; a directory is none. */
static char *pid_text(const char *pid)
{
        FILE *file = pid[0] ? fopen(pid, "r") : NULL;
        struct buf text = { 0 };
        if (file == NULL)
                return xstrdup(pid);
        char part[256];
        for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0 && text.len < PID_FILE_MAX;)
                buf_append(&text, part, n);
        bool unreadable = ferror(file);
        fclose(file);
        if (!unreadable)
                return buf_take_str(&text);
        buf_fini(&text);
        return xstrdup(pid);
}

bool signal_cmd_is_pid(const char *text, long *pid)
{
        unsigned long long number;
        if (!slice_to_u64(slice_str(text), 10, &number) || number == 0 || number > INT32_MAX)
                return false;
        *pid = (long)number;
        return true;
}

/* Servers of this name that run here, without ourselves; -1: pgrep is not to be had. */
static int find_running(long *pids)
{
        struct buf line = { 0 };
        char word[64];
        int n = 0;
        buf_printf(&line, "pgrep -x %s", os_program());
        char *text = buf_take_str(&line);
        FILE *pipe = popen(text, "r");
        xfree(text);
        if (pipe == NULL)
                return -1;
        while (n < PIDS_MAX && fgets(word, sizeof word, pipe)) {
                long pid = strtol(word, NULL, 10);
                if (pid > 0 && pid != (long)getpid())
                        pids[n++] = pid;
        }
        int status = pclose(pipe);
        return status == -1 || status >> 8 == 127 ? -1 : n;
}

static bool has_prefix(long pid, struct slice prefix)
{
        char text[32];
        int n = snprintf(text, sizeof text, "%ld", pid);
        return slice_starts(slice_of(text, (size_t)n), prefix);
}

static int too_many(const long *pids, int n, struct errbuf *eb)
{
        struct buf text = { 0 };
        buf_printf(&text, "multiple %s processes running:", os_program());
        for (int i = 0; i < n; i++)
                buf_printf(&text, "\n%ld", pids[i]);
        int rc = errbuf_set(eb, ERR_INVALID, "%.*s", SLICE_ARG(buf_slice(&text)));
        buf_fini(&text);
        return rc;
}

static int resolve(const char *text, long *pids, struct errbuf *eb)
{
        struct slice word = slice_str(text);
        bool glob = word.len > 0 && text[word.len - 1] == '*';
        if (word.len > 0 && !glob)
                return signal_cmd_is_pid(text, pids)
                               ? 1
                               : errbuf_set(eb, ERR_INVALID, "invalid pid: %s", text);
        if (glob)
                word.len--;
        for (size_t i = 0; i < word.len; i++)
                if (word.ptr[i] < '0' || word.ptr[i] > '9')
                        return errbuf_set(eb, ERR_INVALID, "invalid pid: %.*s", SLICE_ARG(word));
        int n = find_running(pids), kept = 0;
        if (n < 0)
                return errbuf_set(eb, ERR_INVALID, "unable to resolve pid, try providing one");
        for (int i = 0; i < n; i++)
                if (has_prefix(pids[i], word))
                        pids[kept++] = pids[i];
        if (kept == 0)
                return errbuf_set(eb, ERR_INVALID, "no %s processes running", os_program());
        return kept > 1 && !glob ? too_many(pids, kept, eb) : kept;
}

int signal_cmd(const char *command, const char *pid, struct errbuf *eb)
{
        long pids[PIDS_MAX];
        struct buf failures = { 0 };
        char *text = pid_text(pid);
        int n = resolve(text, pids, eb), signum = signum_of(command);
        xfree(text);
        if (n < 0)
                return n;
        if (signum == 0)
                return errbuf_set(eb, ERR_INVALID, "unknown signal \"%s\"", command);
        for (int i = 0; i < n; i++) {
                ASSERT(pids[i] > 0 && pids[i] <= INT32_MAX);
                if (kill((pid_t)pids[i], signum) != 0)
                        buf_printf(&failures, "\nsignal \"%s\" %ld: %s", command, pids[i],
                                err_text(-errno));
        }
        int rc = failures.len ? errbuf_set(eb, ERR_INVALID, "%.*s", SLICE_ARG(buf_slice(&failures)))
                              : 0;
        buf_fini(&failures);
        return rc;
}
