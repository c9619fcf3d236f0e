/* SPDX-License-Identifier: Apache-2.0 */
/* cache.json: an object of entries by the certificate's key, as Go's encoding/json writes it. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "proto/s2.h"
#include "tls/ocsp_cache_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- times ------------------------------------------------------------------------------- */

/* n digits as a number; false: there is something else. */
static bool digits(const char **at, int n, int *out)
{
        *out = 0;
        for (int i = 0; i < n; i++, (*at)++) {
                if (**at < '0' || **at > '9')
                        return false;
                *out = *out * 10 + (**at - '0');
        }
        return true;
}

static bool sign(const char **at, char c)
{
        return **at == c ? ((*at)++, true) : false;
}

static bool read_date(const char **at, struct tm *tm)
{
        bool ok = digits(at, 4, &tm->tm_year) && sign(at, '-') && digits(at, 2, &tm->tm_mon) &&
                  sign(at, '-') && digits(at, 2, &tm->tm_mday) && sign(at, 'T') &&
                  digits(at, 2, &tm->tm_hour) && sign(at, ':') && digits(at, 2, &tm->tm_min) &&
                  sign(at, ':') && digits(at, 2, &tm->tm_sec);
        tm->tm_year -= 1900;
        tm->tm_mon -= 1;
        return ok && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
               tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* "Z", or "+02:00" as seconds. */
static bool read_zone(const char **at, int *offset_s)
{
        int hours, minutes;
        *offset_s = 0;
        if (sign(at, 'Z'))
                return true;
        bool west = **at == '-';
        if (!sign(at, west ? '-' : '+') || !digits(at, 2, &hours) || !sign(at, ':') ||
                !digits(at, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
        *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
        return true;
}

/* RFC 3339 to seconds since 1970; years before that, such as Go's zero time, are 0: "not set". */
static bool read_time(const json_t *value, int64_t *out)
{
        struct tm tm = { 0 };
        int offset_s;
        const char *at = json_string_value(value);
        if (at == NULL || !read_date(&at, &tm))
                return false;
        if (sign(&at, '.'))
                for (int digit; *at >= '0' && *at <= '9';)
                        (void)digits(&at, 1, &digit);
        if (!read_zone(&at, &offset_s) || *at != '\0')
                return false;
        int64_t time_s = (int64_t)timegm(&tm) - offset_s;
        *out = time_s > 0 ? time_s : 0;
        return true;
}

static void put_time(struct json_writer *w, const char *key, int64_t time_s)
{
        char text[40];
        ocsp_time_text(time_s, text, sizeof text);
        json_str(w, key, text);
}

/* ---- entries ----------------------------------------------------------------------------- */

static void put_item(struct json_writer *w, const struct ocsp_item *item)
{
        char key[OCSP_KEY_SIZE];
        struct buf stream = { 0 };
        ocsp_key_text(item->digest, key);
        s2_encode(ocsp_item_response(item), &stream);
        char *base64 = xmalloc((stream.len + 2) / 3 * 4 + 1);
        text_base64((const uint8_t *)stream.ptr, stream.len, base64);
        json_object_open(w, key);
        json_str_opt(w, "subject", item->subject);
        put_time(w, "cached_at", item->cached_s);
        json_str(w, "resp_status", ocsp_status_name(item->status));
        put_time(w, "resp_expires", item->expires_s);
        json_str(w, "resp", base64);
        json_object_close(w);
        xfree(base64);
        buf_fini(&stream);
}

void ocsp_store_write(struct ocsp_item **items, size_t n, struct buf *out)
{
        struct json_writer w;
        json_begin(&w, out, 1);
        json_object_open(&w, NULL);
        for (size_t i = 0; i < n; i++)
                put_item(&w, items[i]);
        json_object_close(&w);
}

/* Neither good nor revoked: unknown, whatever it says. */
static enum ocsp_status read_status(const json_t *value)
{
        const char *text = json_string_value(value);
        for (int status = OCSP_STATUS_GOOD; text && status < OCSP_STATUS_UNKNOWN; status++)
                if (strcmp(text, ocsp_status_name(status)) == 0)
                        return status;
        return OCSP_STATUS_UNKNOWN;
}

/* The response behind base64 and S2. False: no base64. An empty one: it cannot be decompressed. */
static bool read_response(const char *key, const json_t *value, struct buf *out)
{
        struct slice text = slice_str(json_string_value(value));
        size_t size = text.len / 4 * 3 + 3, len = 0;
        uint8_t *stream = mem_try(size);
        bool ok = text.ptr && stream && text_base64_decode(text, stream, size, &len);
        int rc = ok ? s2_decode(slice_of((char *)stream, len), out, OCSP_RESPONSE_MAX_BYTES) : 0;
        if (rc < 0) {
                log_error(NULL, "Unable to decompress OCSP response for key [%s]: %s", key,
                        err_text(rc));
                buf_clear(out);
        }
        xfree(stream);
        return ok;
}

/* One entry; what it lacks is as in Go's zero values. */
static int read_item(const char *key, json_t *value, struct ocsp_item **out, struct errbuf *eb)
{
        uint8_t digest[OCSP_DIGEST_BYTES];
        size_t len = 0;
        struct buf response = { 0 };
        int64_t cached_s = 0, expires_s = 0;
        json_t *cached = json_member(value, "cached_at"), *resp = json_member(value, "resp");
        json_t *expires = json_member(value, "resp_expires");
        *out = NULL;
        if (!json_is_object(value))
                return errbuf_set(eb, ERR_CORRUPT, "entry \"%s\" is no object", key);
        if ((cached && !read_time(cached, &cached_s)) ||
                (expires && !read_time(expires, &expires_s)))
                return errbuf_set(eb, ERR_CORRUPT, "entry \"%s\" has a bad time", key);
        if (resp && !read_response(key, resp, &response)) {
                buf_fini(&response);
                return errbuf_set(eb, ERR_CORRUPT, "entry \"%s\" has bad base64", key);
        }
        bool named = text_base64_decode(slice_str(key), digest, sizeof digest, &len) &&
                     len == sizeof digest;
        if (named && response.len > 0) { /* nobody can ask for another */
                const char *subject = json_string_value(json_member(value, "subject"));
                *out = ocsp_item_new(digest, buf_slice(&response));
                (*out)->subject = xstrdup(subject ? subject : "");
                (*out)->status = read_status(json_member(value, "resp_status"));
                (*out)->cached_s = cached_s;
                (*out)->expires_s = expires_s;
        }
        buf_fini(&response);
        return 0;
}

int ocsp_store_read(struct slice text, void (*on_item)(void *ctx, struct ocsp_item *item),
        void *ctx, struct errbuf *eb)
{
        json_t *root = json_parse(text, eb), *value;
        const char *key;
        int rc = 0;
        if (root == NULL)
                return ERR_CORRUPT;
        if (!json_is_object(root))
                rc = errbuf_set(eb, ERR_CORRUPT, "the file holds no object");
        for (void *it = json_object_iter(root); rc == 0 && it;
                it = json_object_iter_next(root, it)) {
                struct ocsp_item *item;
                key = json_object_iter_key(it);
                value = json_object_iter_value(it);
                rc = read_item(key, value, &item, eb);
                if (rc == 0 && item)
                        on_item(ctx, item);
        }
        json_decref(root);
        return rc;
}

/* ---- files ------------------------------------------------------------------------------- */

static int failed(struct errbuf *eb, const char *what, const char *path)
{
        int code = -errno;
        return errbuf_set(eb, code, "%s %s: %s", what, path, err_text(code));
}

static int read_all(int fd, const char *path, struct buf *out, struct errbuf *eb)
{
        out->limit = OCSP_FILE_MAX_BYTES;
        for (;;) {
                if (!buf_reserve(out, 64 * 1024))
                        return errbuf_set(eb, ERR_RANGE, "%s is larger than %d bytes", path,
                                OCSP_FILE_MAX_BYTES);
                ssize_t n = read(fd, out->ptr + out->len, 64 * 1024);
                if (n < 0 && errno != EINTR)
                        return failed(eb, "read", path);
                if (n == 0)
                        return 0;
                out->len += n > 0 ? (size_t)n : 0;
        }
}

int ocsp_store_load(const char *path, struct buf *out, struct errbuf *eb)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return failed(eb, "open", path);
        int rc = read_all(fd, path, out, eb);
        close(fd);
        return rc;
}

int ocsp_store_save(const char *dir, const char *path, struct slice text, struct errbuf *eb)
{
        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
                return failed(eb, "mkdir", dir);
        return file_replace(path, text, eb);
}
