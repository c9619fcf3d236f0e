/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/files.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/pem.h"
#include <openssl/evp.h>
#include <string.h>

/* Calls visit for each file that is named. */
static int each(
        const struct tls_options *opts, void (*visit)(const char *path, void *ctx), void *ctx)
{
        int n = 0;
        for (int i = 0; i <= opts->pair_n; i++) {
                bool pair = i < opts->pair_n;
                const char *paths[2] = { pair ? opts->pairs[i].cert_file : opts->ca_file,
                        pair ? opts->pairs[i].key_file : NULL };
                for (size_t j = 0; j < ARRAY_N(paths); j++) {
                        if (paths[j] == NULL || paths[j][0] == '\0')
                                continue;
                        visit(paths[j], ctx);
                        n++;
                }
        }
        return n;
}

struct listing {
        const char **at;
        int n, max;
};

static void list_one(const char *path, void *ctx)
{
        struct listing *listing = ctx;
        if (listing->n < listing->max)
                listing->at[listing->n++] = path;
}

int tls_files_list(const struct tls_options *opts, const char **paths, int max)
{
        struct listing listing = { paths, 0, max };
        return each(opts, list_one, &listing);
}

/* Each part with its length in front, so that bytes cannot wander from one file to the next. */
static void hash(EVP_MD_CTX *md, struct slice bytes)
{
        uint64_t len = bytes.len;
        ASSERT(EVP_DigestUpdate(md, &len, sizeof len));
        if (bytes.len > 0)
                ASSERT(EVP_DigestUpdate(md, bytes.ptr, bytes.len));
}

static void hash_file(const char *path, void *ctx)
{
        struct buf bytes = { 0 };
        struct errbuf eb = { "" };
        int rc = pem_read_file(path, &bytes, &eb);
        hash(ctx, slice_str(path));
        hash(ctx, rc == 0 ? buf_slice(&bytes) : slice_str(eb.text));
        pem_wipe(&bytes);
}

void tls_files_digest(const struct tls_options *opts, uint8_t digest[TLS_FILES_DIGEST_BYTES])
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        ASSERT(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL));
        each(opts, hash_file, md);
        ASSERT(EVP_DigestFinal_ex(md, digest, NULL));
        EVP_MD_CTX_free(md);
}
