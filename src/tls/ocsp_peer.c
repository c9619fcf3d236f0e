/* SPDX-License-Identifier: Apache-2.0 */
/* The order of questions and all texts are the reference's, but for one thing: the library verifies one
 * chain, so one is looked at.
 *
 * Two advisories belong to a system account: LINK.INVALID where link_bad() is, CONN.REJECT where a check
 * is refused. `link` and `reason` of the check hold what they say. */
#include "tls/ocsp_peer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tls/name.h"
#include "tls/verdict.h"
#include "tls/verify.h"
#include <openssl/evp.h>
#include <openssl/ssl.h>

/* ---- policies and answers ------------------------------------------------------------------ */

struct ocsp_peer *ocsp_peer_new(
        const struct ocsp_peer_options *policy, struct ocsp_cache *cache, struct ocsp_share *share)
{
        struct ocsp_peer *peer = xnew(struct ocsp_peer);
        atomic_init(&peer->refs, 1);
        peer->policy = *policy;
        peer->cache = ocsp_cache_ref(cache);
        peer->share = share;
        return peer;
}

struct ocsp_peer *ocsp_peer_ref(struct ocsp_peer *peer)
{
        atomic_fetch_add_explicit(&peer->refs, 1, memory_order_relaxed);
        return peer;
}

void ocsp_peer_unref(struct ocsp_peer *peer)
{
        if (peer == NULL || atomic_fetch_sub_explicit(&peer->refs, 1, memory_order_acq_rel) != 1)
                return;
        ocsp_cache_unref(peer->cache);
        xfree(peer);
}

struct ocsp_answer *ocsp_answer_new(struct slice response)
{
        struct ocsp_answer *answer = xcalloc(1, sizeof *answer + response.len);
        atomic_init(&answer->refs, 1);
        answer->len = response.len;
        if (response.len > 0)
                memcpy(answer->response, response.ptr, response.len);
        return answer;
}

struct ocsp_answer *ocsp_answer_failed(const char *why)
{
        struct ocsp_answer *answer = ocsp_answer_new(SLICE_NULL);
        snprintf(answer->why, sizeof answer->why, "%s", why);
        return answer;
}

struct ocsp_answer *ocsp_answer_unasked(const char *why)
{
        struct ocsp_answer *answer = ocsp_answer_failed(why);
        answer->unasked = true;
        return answer;
}

struct ocsp_answer *ocsp_answer_ref(struct ocsp_answer *answer)
{
        atomic_fetch_add_explicit(&answer->refs, 1, memory_order_relaxed);
        return answer;
}

void ocsp_answer_unref(struct ocsp_answer *answer)
{
        if (answer && atomic_fetch_sub_explicit(&answer->refs, 1, memory_order_acq_rel) == 1)
                xfree(answer);
}

/* ---- a check ----------------------------------------------------------------------------- */

/* A certificate that names responders, and the one that issued it. */
struct link {
        X509 *cert, *issuer; /* of the chain */
        struct ocsp_urls urls;
        uint8_t digest[OCSP_DIGEST_BYTES], issuer_digest[OCSP_DIGEST_BYTES];
};

struct ocsp_check {
        struct ocsp_peer *peer; /* counted */
        STACK_OF(X509) * chain; /* owned, or NULL */
        bool server, begun;
        struct link *links;
        int link_n, at; /* the link that is looked at; those before are good */
        char *subject;  /* its, for the log; NULL until it is looked at */
        int64_t revoked_s; /* ThisUpdate of the cache's revocation, run out or not, as its signer; 0: none */
        struct ocsp_question *question; /* NULL: none, or taken */
        struct ocsp_answer *answer;     /* counted; NULL: not asked yet */
        enum tls_reason why;            /* refused */
        char reason[128];               /* likewise, in the reference's words */
};

static void digest_of(const X509 *cert, uint8_t digest[OCSP_DIGEST_BYTES])
{
        unsigned len = 0;
        if (!X509_digest(cert, EVP_sha256(), digest, &len) || len != OCSP_DIGEST_BYTES)
                memset(digest, 0, OCSP_DIGEST_BYTES);
}

/* The certificates of a chain but the last, as far as they name responders. */
static int find_links(STACK_OF(X509) * chain, struct link *links)
{
        int n = 0;
        for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
                struct link *link = &links[n];
                link->cert = sk_X509_value(chain, i);
                link->issuer = sk_X509_value(chain, i + 1);
                ocsp_urls_of(link->cert, &link->urls);
                if (link->urls.n == 0)
                        continue;
                digest_of(link->cert, link->digest);
                digest_of(link->issuer, link->issuer_digest);
                n++;
        }
        return n;
}

static struct link *links_of(STACK_OF(X509) * chain, int *n)
{
        int most = sk_X509_num(chain);
        struct link *links = xcalloc((size_t)(most > 0 ? most : 1), sizeof *links);
        *n = find_links(chain, links);
        return links;
}

static void links_free(struct link *links, int n)
{
        for (int i = 0; i < n; i++)
                ocsp_urls_fini(&links[i].urls);
        xfree(links);
}

struct ocsp_check *ocsp_check_new(struct ocsp_peer *peer, STACK_OF(X509) * chain, bool server)
{
        struct ocsp_check *check = xnew(struct ocsp_check);
        check->peer = ocsp_peer_ref(peer);
        check->chain = chain;
        check->server = server;
        check->links = links_of(check->chain, &check->link_n);
        return check;
}

void ocsp_check_free(struct ocsp_check *check)
{
        if (check == NULL)
                return;
        links_free(check->links, check->link_n);
        sk_X509_pop_free(check->chain, X509_free);
        ocsp_answer_unref(check->answer);
        ocsp_peer_unref(check->peer);
        ocsp_question_free(check->question);
        xfree(check->subject);
        xfree(check);
}

/* ---- one link ------------------------------------------------------------------------------ */

static bool link_bad(struct ocsp_check *check, enum tls_reason why, const char *reason)
{
        check->why = why;
        snprintf(check->reason, sizeof check->reason, "%s", reason);
        log_debug(NULL, "%s", check->reason);
        return false;
}

/* Under warn_only everybody passes. */
static bool link_fails(struct ocsp_check *check, enum tls_reason why, const char *reason)
{
        if (!check->peer->policy.warn_only)
                return link_bad(check, why, reason);
        log_warn(
                NULL, "OCSP verify fail for [%s] but WarnOnly is true so allowing", check->subject);
        return true;
}

static bool is_current(const struct ocsp_check *check, const struct ocsp_response *said)
{
        const struct ocsp_peer_options *policy = &check->peer->policy;
        struct errbuf eb = { "" };
        if (ocsp_is_current(
                    said, clock_wall_ns(), policy->clock_skew_ns, policy->default_ttl_ns, &eb))
                return true;
        log_debug(NULL, "%s", eb.text);
        return false;
}

static int64_t now_s(void)
{
        return (int64_t)(clock_wall_ns() / NS_PER_SEC);
}

static bool is_good(const struct ocsp_peer *peer, const struct ocsp_response *said)
{
        return said->status == OCSP_STATUS_GOOD ||
               (said->status == OCSP_STATUS_UNKNOWN && peer->policy.unknown_is_good);
}

/* The response is there: is it a good one? */
static bool judge_status(struct ocsp_check *check, const struct ocsp_response *said)
{
        char reason[64];
        const char *name = ocsp_status_name(said->status);
        if (is_good(check->peer, said)) {
                log_debug(NULL, "OCSP verify pass for [%s]", check->subject);
                return true;
        }
        log_warn(NULL, "OCSP verify fail for [%s] with CA status [%s]", check->subject, name);
        snprintf(reason, sizeof reason, "Invalid OCSP response status: %s", name);
        return link_fails(check,
                said->status == OCSP_STATUS_UNKNOWN ? TLS_REASON_OCSP_UNKNOWN
                                                    : TLS_REASON_OCSP_REVOKED,
                reason);
}

/* What the cache's item says, proved now or before. */
static int read_item(const struct ocsp_check *check, const struct link *link,
        const struct ocsp_item *item, struct ocsp_response *said, struct errbuf *eb)
{
        struct ocsp_cache *cache = check->peer->cache;
        if (ocsp_cache_proved(cache, link->digest, link->issuer_digest, said))
                return 0;
        int rc = ocsp_parse(ocsp_item_response(item), link->cert, link->issuer, now_s(), said, eb);
        if (rc == 0)
                ocsp_cache_prove(cache, item, link->issuer_digest, said);
        return rc;
}

/* True: the cache has a response that counts. */
static bool look_into_cache(
        struct ocsp_check *check, const struct link *link, struct ocsp_response *said)
{
        struct ocsp_cache *cache = check->peer->cache;
        struct errbuf eb = { "" };
        char key[OCSP_KEY_SIZE];
        ocsp_key_text(link->digest, key);
        log_debug(NULL, "Checking OCSP peer cache for [%s], key [%s]", check->subject, key);
        struct ocsp_item *item = ocsp_cache_get(cache, link->digest);
        if (item == NULL)
                return false;
        int rc = read_item(check, link, item, said, &eb);
        bool valid = rc == 0;
        bool current = valid && is_current(check, said);
        if (!valid)
                log_debug(NULL, "Invalid cached OCSP response for [%s] with fingerprint [%s]",
                        check->subject, key);
        else
                log_debug(NULL, "Cached OCSP response is %s, status [%s]",
                        current ? "current" : "expired", ocsp_status_name(said->status));
        if ((rc == 0 || rc == ERR_TLS) && said->status == OCSP_STATUS_REVOKED)
                check->revoked_s = said->this_update_s;
        if (!current)
                ocsp_cache_drop(cache, item);
        ocsp_item_unref(item);
        return current;
}

/* Nobody answered. */
static bool judge_silence(struct ocsp_check *check)
{
        const struct ocsp_peer_options *policy = &check->peer->policy;
        log_warn(NULL, "Attempt to obtain OCSP response from CA responder for [%s] failed: %s",
                check->subject, check->answer->why);
        if (!policy->warn_only && !check->answer->unasked && policy->allow_when_ca_unreachable) {
                log_warn(NULL,
                        "Failed to obtain OCSP CA response for [%s] but AllowWhenCAUnreachable "
                        "set; %s",
                        check->subject,
                        check->revoked_s ? "cached revocation exists so rejecting"
                                         : "no cached revocation so allowing");
                if (!check->revoked_s)
                        return true;
        }
        return link_fails(check, TLS_REASON_OCSP_UNAVAILABLE, "Failed OCSP response fetch");
}

/* The answer cannot be used: why. */
static bool judge_rubbish(struct ocsp_check *check, int rc, const struct errbuf *eb)
{
        char reason[128];
        if (rc == ERR_TLS) {
                log_warn(NULL, "Invalid OCSP response delegation: %s", check->subject);
                snprintf(reason, sizeof reason, "Invalid OCSP response delegation: %s",
                        check->subject);
                return link_fails(check, TLS_REASON_OCSP_UNAVAILABLE, reason);
        }
        log_error(NULL, "Could not parse OCSP CA response for [%s]: %s", check->subject, eb->text);
        return link_fails(check, TLS_REASON_OCSP_UNAVAILABLE, "Failed OCSP response parse");
}

/* Is there a response in the cache that was proved and is current? */
static bool is_settled(const struct ocsp_peer *peer, const uint8_t *digest, const uint8_t *issuer,
        struct ocsp_response *said)
{
        struct errbuf eb;
        return ocsp_cache_proved(peer->cache, digest, issuer, said) &&
               ocsp_is_current(said, clock_wall_ns(), peer->policy.clock_skew_ns,
                       peer->policy.default_ttl_ns, &eb);
}

/* Whoever asked has put a usable answer into the cache (ocsp_question_settle); without a cache, or when it
 * is of no use, it is read here. */
static bool judge_answer(struct ocsp_check *check, const struct link *link)
{
        const struct ocsp_answer *answer = check->answer;
        struct ocsp_response said;
        struct errbuf eb = { "" };
        if (answer->why[0])
                return judge_silence(check);
        if (is_settled(check->peer, link->digest, link->issuer_digest, &said))
                return judge_status(check, &said);
        int rc = ocsp_parse(slice_of(answer->response, answer->len), link->cert, link->issuer,
                now_s(), &said, &eb);
        if (rc < 0)
                return judge_rubbish(check, rc, &eb);
        /* A good word of before a revocation does not lift it: anybody can have kept one. */
        if (is_current(check, &said) && said.this_update_s >= check->revoked_s)
                return judge_status(check, &said);
        log_warn(NULL, "New OCSP CA response obtained for [%s] but not current", check->subject);
        return link_fails(
                check, TLS_REASON_OCSP_UNAVAILABLE, "OCSP response not in effectivity window");
}

/* The question that the link leaves open. */
static enum ocsp_step ask(struct ocsp_check *check, const struct link *link)
{
        struct ocsp_question *question = xnew(struct ocsp_question);
        if (ocsp_request(link->cert, link->issuer, &question->request) < 0) {
                ocsp_question_free(question);
                check->answer = ocsp_answer_unasked("cannot make an OCSP request");
                return OCSP_PASSED; /* go on with that */
        }
        question->peer = ocsp_peer_ref(check->peer);
        memcpy(question->digest, link->digest, OCSP_DIGEST_BYTES);
        memcpy(question->issuer_digest, link->issuer_digest, OCSP_DIGEST_BYTES);
        X509_up_ref(link->cert);
        X509_up_ref(link->issuer);
        question->cert = link->cert;
        question->issuer = link->issuer;
        for (int i = 0; i < link->urls.n; i++)
                question->urls.at[question->urls.n++] = xstrdup(link->urls.at[i]);
        check->question = question;
        return OCSP_ASK;
}

static char *subject_of(const X509 *cert)
{
        struct buf text = { 0 };
        name_flat_text(&text, X509_get_subject_name(cert));
        return buf_take_str(&text);
}

static enum ocsp_step judge(struct ocsp_check *check, const struct link *link)
{
        struct ocsp_response said;
        if (check->answer == NULL) {
                check->subject = subject_of(link->cert);
                if (look_into_cache(check, link, &said))
                        return judge_status(check, &said) ? OCSP_PASSED : OCSP_REFUSED;
                if (ask(check, link) == OCSP_ASK)
                        return OCSP_ASK;
        }
        return judge_answer(check, link) ? OCSP_PASSED : OCSP_REFUSED;
}

static void next_link(struct ocsp_check *check)
{
        xfree(check->subject);
        check->subject = NULL;
        ocsp_answer_unref(check->answer);
        check->answer = NULL;
        check->revoked_s = 0;
        check->at++;
}

/* ---- questions ----------------------------------------------------------------------------- */

void ocsp_question_free(struct ocsp_question *question)
{
        if (question == NULL)
                return;
        ocsp_urls_fini(&question->urls);
        buf_fini(&question->request);
        X509_free(question->cert);
        X509_free(question->issuer);
        ocsp_peer_unref(question->peer);
        xfree(question);
}

bool ocsp_question_is_same(const struct ocsp_question *a, const struct ocsp_question *b)
{
        return a->peer == b->peer && memcmp(a->digest, b->digest, OCSP_DIGEST_BYTES) == 0 &&
               memcmp(a->issuer_digest, b->issuer_digest, OCSP_DIGEST_BYTES) == 0;
}

void ocsp_question_settle(const struct ocsp_question *question, const struct ocsp_answer *answer)
{
        const struct ocsp_peer_options *policy = &question->peer->policy;
        struct slice response = slice_of(answer->response, answer->len);
        struct ocsp_response said;
        struct errbuf eb;
        if (answer->why[0] ||
                ocsp_parse(response, question->cert, question->issuer, now_s(), &said, &eb) < 0)
                return;
        if (!ocsp_is_current(
                    &said, clock_wall_ns(), policy->clock_skew_ns, policy->default_ttl_ns, &eb))
                return;
        char *subject = subject_of(question->cert);
        ocsp_cache_put(question->peer->cache, question->digest, question->issuer_digest, response,
                &said, subject);
        xfree(subject);
}

/* ---- the chain ------------------------------------------------------------------------------ */

/* What there is to do, told once. False: nothing, the peer is valid. */
static bool begin(struct ocsp_check *check)
{
        int n = sk_X509_num(check->chain);
        check->begun = true;
        log_debug(NULL, "Peer OCSP enabled: %d TLS %s chain(s) will be evaluated", n > 0 ? 1 : 0,
                check->server ? "server" : "client");
        if (n <= 0) {
                log_error(NULL, "Peer certificate is nil, rejecting OCSP peer");
                check->why = TLS_REASON_OCSP_UNAVAILABLE;
                return true;
        }
        log_debug(NULL, "Chain [0]: %d total link(s)", n);
        if (n == 1)
                log_debug(NULL, "Chain [0] is self-signed, thus peer is valid");
        else if (check->link_n == 0)
                log_debug(NULL, "Chain [0] has no OCSP eligible links, thus peer is valid");
        else
                log_debug(NULL, "Chain [0] has %d OCSP eligible link(s)", check->link_n);
        return check->link_n > 0;
}

enum ocsp_step ocsp_check_run(struct ocsp_check *check)
{
        ASSERT(thread_role() != THREAD_LOOP);
        if (!check->begun && !begin(check))
                return OCSP_PASSED;
        for (; check->at < check->link_n; next_link(check)) {
                enum ocsp_step step = judge(check, &check->links[check->at]);
                if (step == OCSP_REFUSED)
                        log_debug(NULL, "No OCSP valid chains, thus peer is invalid");
                if (step != OCSP_PASSED)
                        return step;
        }
        if (sk_X509_num(check->chain) <= 0)
                return OCSP_REFUSED;
        log_debug(NULL, "Chain [0] is OCSP valid for all eligible links, thus peer is valid");
        return OCSP_PASSED;
}

struct ocsp_question *ocsp_check_take_question(struct ocsp_check *check)
{
        struct ocsp_question *question = check->question;
        check->question = NULL;
        return question;
}

void ocsp_check_answer(struct ocsp_check *check, struct ocsp_answer *answer)
{
        check->answer = ocsp_answer_ref(answer);
}

void ocsp_check_verdict(const struct ocsp_check *check, struct tls_verdict *verdict)
{
        tls_verdict_set(
                verdict, check->why, "%s not OCSP valid", check->server ? "server" : "client");
        verdict->alert = SSL_AD_BAD_CERTIFICATE;
        if (check->at < check->link_n)
                verify_name_cert(verdict, check->links[check->at].cert);
}

/* ---- tickets ------------------------------------------------------------------------------- */

void ocsp_peer_links(STACK_OF(X509) * chain, struct buf *out)
{
        int n;
        struct link *links = links_of(chain, &n);
        if (sk_X509_num(chain) <= 0)
                buf_append_char(out, 0); /* no chain: nothing that could be good */
        for (int i = 0; i < n; i++) {
                buf_append(out, links[i].digest, OCSP_DIGEST_BYTES);
                buf_append(out, links[i].issuer_digest, OCSP_DIGEST_BYTES);
        }
        links_free(links, n);
}

bool ocsp_peer_links_are_good(const struct ocsp_peer *peer, struct slice links)
{
        const uint8_t *at = (const uint8_t *)links.ptr;
        for (size_t i = 0; i + OCSP_LINK_BYTES <= links.len; i += OCSP_LINK_BYTES) {
                struct ocsp_response said;
                if (!is_settled(peer, at + i, at + i + OCSP_DIGEST_BYTES, &said) ||
                        !is_good(peer, &said))
                        return false;
        }
        return links.len % OCSP_LINK_BYTES == 0;
}
