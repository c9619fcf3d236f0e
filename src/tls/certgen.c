/* SPDX-License-Identifier: Apache-2.0 */
/* The CA is looked at first: when it must be made again, so must everything that it signed. */
#include "tls/certgen.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tls/mint.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ORG "midge development (not for production)"
#define DAY_S (24 * 3600)

enum { RENEW_BEFORE_DAYS = 7, CA_DAYS = 365, LEAF_DAYS = 180, PATH_BYTES = 4096, HOST_BYTES = 254 };

static int os_failed(struct errbuf *eb, const char *what, const char *path)
{
        int code = -errno;
        return errbuf_set(eb, code, "%s %s: %s", what, path, err_text(code));
}

static int join(char *dst, const char *dir, const char *name, struct errbuf *eb)
{
        int n = snprintf(dst, PATH_BYTES, "%s/%s", dir, name);
        return n > 0 && n < PATH_BYTES ? 0 : errbuf_set(eb, ERR_RANGE, "%s: path too long", dir);
}

/* Beside, then renamed: a reader sees the old file or the new one. */
static int write_file(
        const char *dir, const char *name, mode_t mode, struct slice bytes, struct errbuf *eb)
{
        char path[PATH_BYTES], temp[PATH_BYTES + 8];
        int rc = join(path, dir, name, eb);
        if (rc < 0)
                return rc;
        snprintf(temp, sizeof(temp), "%s.new", path);
        unlink(temp);
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0)
                return os_failed(eb, "open", temp);
        if (file_write_all(fd, bytes) < 0) {
                rc = os_failed(eb, "write", temp);
                close(fd);
                unlink(temp);
                return rc;
        }
        close(fd);
        if (rename(temp, path) == 0)
                return 0;
        rc = os_failed(eb, "rename", path);
        unlink(temp);
        return rc;
}

/* What is to be made: "ca" gives ca.pem; the others give NAME-cert.pem; keys NAME-key.pem. */
static int save(const char *dir, const char *name, const char *cert_suffix,
        const struct tls_pair *pair, struct errbuf *eb)
{
        char file[64];
        struct buf cert = { 0 }, key = { 0 };
        int rc = mint_cert_pem(pair->leaf, &cert);
        if (rc == 0)
                rc = mint_key_pem(pair->key, &key);
        if (rc < 0)
                errbuf_set(eb, rc, "cannot encode the %s certificate", name);
        snprintf(file, sizeof(file), "%s-key.pem", name);
        if (rc == 0)
                rc = write_file(dir, file, 0600, buf_slice(&key), eb);
        snprintf(file, sizeof(file), "%s%s.pem", name, cert_suffix);
        if (rc == 0)
                rc = write_file(dir, file, 0644, buf_slice(&cert), eb);
        if (key.ptr)
                mem_wipe(key.ptr, key.cap);
        buf_fini(&key);
        buf_fini(&cert);
        return rc;
}

/* Both files are there, belong together and are good for another week. */
static bool load(const char *dir, const char *name, const char *cert_suffix, struct tls_pair *out)
{
        char cert[PATH_BYTES], key[PATH_BYTES], file[64];
        struct errbuf eb;
        snprintf(file, sizeof(file), "%s%s.pem", name, cert_suffix);
        if (join(cert, dir, file, &eb) < 0)
                return false;
        snprintf(file, sizeof(file), "%s-key.pem", name);
        if (join(key, dir, file, &eb) < 0 || pem_load_pair(cert, key, out, &eb) < 0)
                return false;
        time_t then = time(NULL) + RENEW_BEFORE_DAYS * DAY_S;
        if (X509_cmp_time(X509_get0_notAfter(out->leaf), &then) > 0)
                return true;
        pem_pair_fini(out);
        return false;
}

static int make(const char *dir, const char *name, const char *cert_suffix,
        const struct mint_spec *spec, const struct tls_pair *issuer, struct tls_pair *out,
        struct errbuf *eb)
{
        if (mint(spec, issuer, out) < 0)
                return errbuf_set(eb, ERR_TLS, "cannot make the %s certificate", name);
        int rc = save(dir, name, cert_suffix, out, eb);
        if (rc < 0)
                pem_pair_fini(out);
        return rc;
}

/* A certificate signed by ca, for host if that is not "": the one that is there when it still serves. */
static int ensure_leaf(const char *dir, const char *name, const struct mint_spec *spec,
        const char *host, const struct tls_pair *ca, struct errbuf *eb)
{
        struct tls_pair pair;
        int rc = 0;
        bool good = load(dir, name, "-cert", &pair);
        if (good && (X509_verify(pair.leaf, ca->key) != 1 ||
                            (host[0] && X509_check_host(pair.leaf, host, 0, 0, NULL) != 1))) {
                ERR_clear_error();
                pem_pair_fini(&pair);
                good = false;
        }
        if (!good)
                rc = make(dir, name, "-cert", spec, ca, &pair, eb);
        if (rc == 0)
                pem_pair_fini(&pair);
        return rc;
}

/* Only what may stand in a DNS name, so that it cannot add words to the list of SANs. */
static bool is_host_name(const char *name)
{
        static const char good[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
        return name[0] != '\0' && strspn(name, good) == strlen(name);
}

/* "" when it has none that fits. */
static void read_host_name(char host[HOST_BYTES])
{
        memset(host, 0, HOST_BYTES);
        if (gethostname(host, HOST_BYTES - 1) != 0 || !is_host_name(host))
                host[0] = '\0';
}

static void server_sans(const char *host, struct buf *out)
{
        buf_append_str(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
        if (host[0] && strcmp(host, "localhost") != 0)
                buf_printf(out, ",DNS:%s", host);
}

/* With those above it. */
static int make_dir(const char *dir, struct errbuf *eb)
{
        char path[PATH_BYTES];
        int n = snprintf(path, sizeof(path), "%s", dir);
        if (n <= 0 || n >= PATH_BYTES)
                return errbuf_set(eb, ERR_RANGE, "%s: path too long", dir);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return os_failed(eb, "mkdir", path);
                *slash = '/';
        }
        return mkdir(path, 0755) < 0 && errno != EEXIST ? os_failed(eb, "mkdir", path) : 0;
}

int certgen_dev(const char *dir, struct errbuf *eb)
{
        static const struct mint_spec ca_spec = { .org = ORG,
                .name = "midge development CA",
                .ca = true,
                .from_s = -3600,
                .to_s = CA_DAYS * DAY_S };
        struct tls_pair ca;
        int rc = make_dir(dir, eb);
        if (rc < 0)
                return rc;
        rc = load(dir, "ca", "", &ca) ? 0 : make(dir, "ca", "", &ca_spec, NULL, &ca, eb);
        if (rc < 0)
                return rc;
        struct buf sans = { 0 };
        char host[HOST_BYTES];
        read_host_name(host);
        server_sans(host, &sans);
        char *san = buf_take_str(&sans);
        struct mint_spec spec = { .org = ORG,
                .name = "midge development server",
                .usage = "serverAuth,clientAuth",
                .san = san,
                .from_s = -3600,
                .to_s = LEAF_DAYS * DAY_S };
        rc = ensure_leaf(dir, "server", &spec, host, &ca, eb);
        spec.name = "midge development client";
        spec.usage = "clientAuth";
        spec.san = NULL;
        if (rc == 0)
                rc = ensure_leaf(dir, "client", &spec, "", &ca, eb);
        xfree(san);
        pem_pair_fini(&ca);
        return rc;
}
