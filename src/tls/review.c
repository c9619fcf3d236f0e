/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/review.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tls/facts.h"
#include "tls/name.h"
#include "tls/tls_internal.h"
#include "tls/verify.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum flaw {
        FLAW_EXPIRED = 1,
        FLAW_EARLY = 2,
        FLAW_KEY_USAGE = 4,
        FLAW_CHAIN = 8,
        FLAW_CHAIN_DATES = 16,
};

static const struct {
        enum flaw flaw;
        const char *words;
} flaws[] = {
        { FLAW_EXPIRED, "has expired" },
        { FLAW_EARLY, "is not valid yet" },
        { FLAW_KEY_USAGE, "is not for servers (extended key usage without serverAuth)" },
        { FLAW_CHAIN, "is not issued by the certificate that follows it in the file" },
        { FLAW_CHAIN_DATES, "has an intermediate that is out of its dates" },
};

static unsigned date_flaws(const X509 *cert, int64_t now_s)
{
        return (name_time(X509_get0_notAfter(cert)) <= now_s ? FLAW_EXPIRED : 0U) |
               (name_time(X509_get0_notBefore(cert)) > now_s ? FLAW_EARLY : 0U);
}

/* Intermediates may stand in any order for many clients; the first must have issued the leaf. */
static unsigned flaws_of(const struct tls_pair *pair, int64_t now_s)
{
        unsigned found = date_flaws(pair->leaf, now_s);
        if (X509_get_extension_flags(pair->leaf) & EXFLAG_XKUSAGE &&
                !(X509_get_extended_key_usage(pair->leaf) & (XKU_SSL_SERVER | XKU_ANYEKU)))
                found |= FLAW_KEY_USAGE;
        if (sk_X509_num(pair->chain) > 0 &&
                X509_check_issued(sk_X509_value(pair->chain, 0), pair->leaf) != X509_V_OK)
                found |= FLAW_CHAIN;
        for (int i = 0; i < sk_X509_num(pair->chain); i++)
                if (date_flaws(sk_X509_value(pair->chain, i), now_s))
                        found |= FLAW_CHAIN_DATES;
        ERR_clear_error();
        return found;
}

static char *subject_of(const X509 *cert)
{
        struct buf text = { 0 };
        name_text(&text, X509_get_subject_name(cert));
        return buf_take_str(&text);
}

static void judge_pair(struct tls_review *review, const struct tls_pair *was,
        const struct tls_pair *now, int64_t now_s)
{
        unsigned found = flaws_of(now, now_s), known = was ? flaws_of(was, now_s) : 0;
        char *subject = subject_of(now->leaf);
        for (size_t i = 0; i < ARRAY_N(flaws); i++) {
                if (!(found & flaws[i].flaw))
                        continue;
                if (known & flaws[i].flaw)
                        buf_printf(&review->warnings, "certificate %s %s, as the one before\n",
                                subject, flaws[i].words);
                else
                        buf_printf(&review->refusals, "%scertificate %s %s",
                                review->refusals.len ? "; " : "", subject, flaws[i].words);
        }
        xfree(subject);
}

/* A wildcard is asked for as it stands: only the same wildcard, or a host name below it, matches. */
static bool covers(X509 *leaf, const char *name)
{
        if (verify_is_ip(name))
                return X509_check_ip_asc(leaf, name, 0) == 1;
        if (strchr(name, '@'))
                return X509_check_email(leaf, name, 0, 0) == 1;
        struct buf host = { 0 };
        if (name[0] == '*')
                buf_append_str(&host, "any-host");
        buf_append_str(&host, name[0] == '*' ? name + 1 : name);
        char *asked = buf_take_str(&host);
        bool found = X509_check_host(leaf, asked, 0, VERIFY_HOST_FLAGS, NULL) == 1;
        xfree(asked);
        return found;
}

static bool any_covers(const struct tls_ctx *ctx, const char *name)
{
        for (int i = 0; i < ctx->pair_n; i++)
                if (covers(ctx->pairs[i].leaf, name))
                        return true;
        return false;
}

static void judge_names(
        struct tls_review *review, const struct tls_facts *was, const struct tls_ctx *now)
{
        for (int i = 0; i < was->cert_n; i++)
                for (int j = 0; j < was->certs[i].name_n; j++)
                        if (!strstr(was->certs[i].names[j], "://") &&
                                !any_covers(now, was->certs[i].names[j]))
                                buf_printf(&review->warnings,
                                        "no certificate covers \"%s\" any more: clients that dial "
                                        "this name will fail\n",
                                        was->certs[i].names[j]);
}

static const struct tls_cert_facts *find(const struct tls_facts *facts, const char *sha256)
{
        for (int i = 0; i < facts->authority_n; i++)
                if (strcmp(facts->authorities[i].sha256, sha256) == 0)
                        return &facts->authorities[i];
        return NULL;
}

static bool all_expired(const struct tls_facts *facts, int64_t now_s)
{
        for (int i = 0; i < facts->authority_n; i++)
                if (facts->authorities[i].not_after_s > now_s)
                        return false;
        return facts->authority_n > 0;
}

static void judge_authorities(struct tls_review *review, const struct tls_facts *was,
        const struct tls_facts *now, int64_t now_s)
{
        if (all_expired(now, now_s) && !all_expired(was, now_s))
                buf_printf(&review->refusals, "%severy authority of ca_file has expired",
                        review->refusals.len ? "; " : "");
        for (int i = 0; i < was->authority_n; i++) {
                const struct tls_cert_facts *old = &was->authorities[i];
                if (find(now, old->sha256) == NULL && old->not_after_s > now_s)
                        buf_printf(&review->warnings,
                                "authority %s is gone from ca_file: certificates that it issued "
                                "are refused from now on\n",
                                old->subject);
        }
}

bool tls_review(const struct tls_ctx *in_service, const struct tls_ctx *next, int64_t now_s,
        struct tls_review *review)
{
        struct tls_facts *was = tls_ctx_facts(in_service), *now = tls_ctx_facts(next);
        for (int i = 0; i < next->pair_n; i++)
                judge_pair(review, i < in_service->pair_n ? &in_service->pairs[i] : NULL,
                        &next->pairs[i], now_s);
        judge_names(review, was, next);
        judge_authorities(review, was, now, now_s);
        tls_facts_free(was);
        tls_facts_free(now);
        return review->refusals.len == 0;
}

void tls_review_fini(struct tls_review *review)
{
        buf_fini(&review->refusals);
        buf_fini(&review->warnings);
}
