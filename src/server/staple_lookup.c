/* SPDX-License-Identifier: Apache-2.0 */
#include "server/staple_lookup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/fetch.h"
#include "tls/pem.h"
#include "tls/staple.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REQUEST_LIMIT_NS (30 * NS_PER_SEC)

static char *joined(const char *dir, const char *name)
{
        struct buf path = { 0 };
        buf_printf(&path, "%s/%s", dir, name);
        return buf_take_str(&path);
}

void staple_lookup_init(struct staple_lookup *lookup, struct staple *staple,
        const char *const *urls, int url_n, const char *store_dir)
{
        struct ocsp_urls own = { .n = 0 };
        *lookup = (struct staple_lookup){ .staple = staple_ref(staple) };
        if (url_n == 0) {
                staple_urls(staple, &own);
                urls = (const char *const *)own.at;
                url_n = own.n;
        }
        lookup->urls = xcalloc((size_t)url_n + 1, sizeof lookup->urls[0]);
        for (int i = 0; i < url_n; i++)
                lookup->urls[lookup->url_n++] = xstrdup(urls[i]);
        lookup->store = store_dir[0] ? joined(store_dir, "ocsp") : NULL;
        ocsp_urls_fini(&own);
}

void staple_lookup_copy(struct staple_lookup *to, const struct staple_lookup *from)
{
        *to = (struct staple_lookup){ .staple = staple_ref(from->staple) };
        to->urls = xcalloc((size_t)from->url_n + 1, sizeof to->urls[0]);
        for (int i = 0; i < from->url_n; i++)
                to->urls[to->url_n++] = xstrdup(from->urls[i]);
        to->store = from->store ? xstrdup(from->store) : NULL;
}

void staple_lookup_fini(struct staple_lookup *lookup)
{
        for (int i = 0; i < lookup->url_n; i++)
                xfree(lookup->urls[i]);
        xfree(lookup->urls);
        xfree(lookup->store);
        staple_unref(lookup->staple);
        *lookup = (struct staple_lookup){ 0 };
}

/* --- the store ----------------------------------------------------------------------------------
 */

static int make_dirs(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                int rc = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
                *slash = '/';
                if (rc < 0)
                        return rc;
        }
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int staple_store_prepare(const struct staple_lookup *lookup, struct errbuf *eb)
{
        struct stat st;
        if (lookup->store == NULL)
                return 0;
        if (stat(lookup->store, &st) == 0)
                return S_ISDIR(st.st_mode) ? 0
                                           : errbuf_set(eb, ERR_IO,
                                                     "OCSP storage directory is not a directory");
        int rc = errno == ENOENT ? make_dirs(lookup->store) : -errno;
        if (rc == 0)
                return 0;
        return rc != -ENOTDIR ? errbuf_set(eb, ERR_IO,
                                        "could not create OCSP storage directory - mkdir %s: %s",
                                        lookup->store, err_text(rc))
                              : errbuf_set(eb, ERR_IO, "OCSP storage directory is not a directory");
}

static char *file_of(const struct staple_lookup *lookup)
{
        char key[65];
        staple_key(lookup->staple, key);
        return joined(lookup->store, key);
}

int staple_lookup_file(
        const struct staple_lookup *lookup, struct ocsp_response *response, struct errbuf *eb)
{
        struct buf der = { 0 };
        if (lookup->store == NULL)
                return errbuf_set(eb, ERR_NOTFOUND, "store_dir not set");
        char *path = file_of(lookup);
        int rc = pem_read_file(path, &der, eb);
        if (rc == 0)
                rc = staple_check(lookup->staple, buf_slice(&der), clock_wall_ns(), response, eb);
        if (rc == 0)
                staple_put(lookup->staple, buf_slice(&der), response);
        buf_fini(&der);
        xfree(path);
        return rc;
}

static int store(const struct staple_lookup *lookup, struct slice der, struct errbuf *eb)
{
        char *path = file_of(lookup);
        int rc = file_replace(path, der, eb);
        if (rc < 0)
                errbuf_prefix(eb, "failed to write ocsp status");
        xfree(path);
        return rc;
}

/* --- responders ---------------------------------------------------------------------------------
 */

/* One lookup under way. */
struct asking {
        const struct staple_lookup *lookup;
        uint64_t deadline_ns;
        const _Atomic bool *stop;
        struct buf request; /* DER */
        struct fetch_answer answer;
};

static uint64_t time_left(const struct asking *asking)
{
        uint64_t now = clock_mono_ns();
        uint64_t left = now < asking->deadline_ns ? asking->deadline_ns - now : 0;
        return left < REQUEST_LIMIT_NS ? left : REQUEST_LIMIT_NS;
}

/* length: of what the request is in the HTTP message, for the reference's text. */
static int ask_by(struct asking *asking, const struct fetch_request *request, const char *method,
        size_t length, struct errbuf *eb)
{
        uint64_t begun = clock_mono_ns();
        buf_fini(&asking->answer.body);
        int rc = fetch(request, asking->stop, &asking->answer, eb);
        if (rc < 0)
                return rc;
        log_debug(NULL, "Received OCSP response (method=%s, status=%d, url=%s, duration=%.3fs)",
                method, asking->answer.status, request->url,
                (double)(clock_mono_ns() - begun) / 1e9);
        if (asking->answer.status <= 299)
                return 0;
        return errbuf_set(eb, ERR_HTTP, "non-ok http status on %s request (reqlen=%zu): %d", method,
                length, asking->answer.status);
}

static int ask_post(struct asking *asking, const char *url, struct errbuf *eb)
{
        const struct fetch_request request = { .url = url,
                .post = true,
                .body = buf_slice(&asking->request),
                .content_type = "application/ocsp-request",
                .accept = "application/ocsp-response",
                .max_bytes = OCSP_RESPONSE_MAX_BYTES,
                .timeout_ns = time_left(asking) };
        return ask_by(asking, &request, "POST", asking->request.len, eb);
}

static int ask_get(struct asking *asking, const char *base, struct errbuf *eb)
{
        struct buf url = { 0 };
        ocsp_get_url(&url, slice_str(base), buf_slice(&asking->request), false);
        size_t length = url.len - strlen(base) - 1;
        char *text = buf_take_str(&url);
        const struct fetch_request request = {
                .url = text, .max_bytes = OCSP_RESPONSE_MAX_BYTES, .timeout_ns = time_left(asking)
        };
        int rc = ask_by(asking, &request, "GET", length, eb);
        xfree(text);
        return rc;
}

/* By POST, then by GET. */
static int ask_one(struct asking *asking, const char *url, struct errbuf *eb)
{
        struct errbuf post = { "" }, get = { "" };
        size_t len = strlen(url);
        char *base = xstrndup(url, len > 0 && url[len - 1] == '/' ? len - 1 : len);
        int rc = ask_post(asking, base, &post);
        if (rc < 0 && rc != ERR_CLOSED)
                rc = ask_get(asking, base, &get);
        if (rc < 0)
                errbuf_set(eb, rc, "exhausted ocsp servers: %s%s%s", post.text,
                        get.text[0] ? "\n" : "", get.text);
        xfree(base);
        return rc;
}

static int ask_all(struct asking *asking, struct errbuf *eb)
{
        const struct staple_lookup *lookup = asking->lookup;
        int rc = ERR_NOTFOUND;
        if (lookup->url_n == 0)
                return errbuf_set(eb, rc, "no available ocsp servers");
        for (int i = 0; i < lookup->url_n && rc < 0 && rc != ERR_CLOSED; i++)
                rc = ask_one(asking, lookup->urls[i], eb);
        return rc;
}

static int take(struct asking *asking, struct ocsp_response *response, struct errbuf *eb)
{
        const struct staple_lookup *lookup = asking->lookup;
        struct slice der = buf_slice(&asking->answer.body);
        int rc = staple_check(lookup->staple, der, clock_wall_ns(), response, eb);
        if (rc < 0 && rc != ERR_RANGE)
                errbuf_prefix(eb, "failed to get remote status");
        if (rc == 0 && lookup->store)
                rc = store(lookup, der, eb);
        if (rc == 0)
                staple_put(lookup->staple, der, response);
        return rc;
}

int staple_lookup_remote(const struct staple_lookup *lookup, uint64_t limit_ns,
        const _Atomic bool *stop, struct ocsp_response *response, struct errbuf *eb)
{
        struct asking asking = {
                .lookup = lookup, .deadline_ns = clock_mono_ns() + limit_ns, .stop = stop
        };
        int rc = staple_request(lookup->staple, &asking.request);
        if (rc < 0)
                errbuf_set(eb, rc, "cannot make an OCSP request");
        if (rc == 0)
                rc = ask_all(&asking, eb);
        if (rc == 0)
                rc = take(&asking, response, eb);
        buf_fini(&asking.answer.body);
        buf_fini(&asking.request);
        return rc;
}
