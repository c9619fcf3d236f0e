/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer did wrong, in the reference's words, and the close that follows. The parser only says that
 * something is wrong; which part is worked out here, once per connection at most. */
#include "base/buf.h"
#include "base/fold.h"
#include "base/text.h"
#include "net/loop.h"
#include "peer/peer.h"
#include "peer/roster.h"
#include "proto/redact.h"

enum { WORDS_MAX = 6 };

/* The arguments of the first line: what stands behind the verb, blanks and CR LF cut off. */
static struct slice arguments(struct slice rest)
{
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len, at = 0;
        while (len > 0 && (rest.ptr[len - 1] == '\r' || rest.ptr[len - 1] == ' ' ||
                                  rest.ptr[len - 1] == '\t'))
                len--;
        while (at < len && rest.ptr[at] != ' ' && rest.ptr[at] != '\t')
                at++;
        while (at < len && (rest.ptr[at] == ' ' || rest.ptr[at] == '\t'))
                at++;
        return slice_of(rest.ptr + at, len - at);
}

/* Number of words, WORDS_MAX at most. */
static int split(struct slice args, struct slice word[WORDS_MAX])
{
        int n = 0;
        for (size_t i = 0; i < args.len && n < WORDS_MAX;) {
                size_t start = i;
                while (i < args.len && args.ptr[i] != ' ' && args.ptr[i] != '\t')
                        i++;
                word[n++] = slice_of(args.ptr + start, i - start);
                while (i < args.len && (args.ptr[i] == ' ' || args.ptr[i] == '\t'))
                        i++;
        }
        return n;
}

static const char *what_of_pub(const struct slice *word, int n)
{
        (void)word;
        return n == 2 || n == 3 ? "processPub Bad or Missing Size" : "processPub Parse Error";
}

static const char *what_of_hpub(const struct slice *word, int n)
{
        if (n != 3 && n != 4)
                return "processHeaderPub Parse Error";
        if (proto_parse_size(word[n - 2]) < 0)
                return "processHeaderPub Bad or Missing Header Size";
        if (proto_parse_size(word[n - 1]) < 0)
                return "processHeaderPub Bad or Missing Total Size";
        return "processHeaderPub Header Size larger then TotalSize";
}

static void log_bad_arguments(struct peer *peer, const struct frame *frame, struct slice rest)
{
        struct slice args = arguments(rest), word[WORDS_MAX];
        struct buf quoted = { 0 };
        const char *what;
        int n = split(args, word);
        switch (frame->verb) {
        case VERB_PUB:
                what = what_of_pub(word, n);
                break;
        case VERB_HPUB:
                what = what_of_hpub(word, n);
                if (!peer->own.parser.headers_ok) {
                        log_error(&peer->tag, "message headers not supported");
                        return;
                }
                break;
        case VERB_SUB:
                what = "processSub Parse Error";
                break;
        case VERB_UNSUB:
                what = "processUnsub Parse Error";
                break;
        default:
                what = "Parse Error";
                break;
        }
        text_quote(&quoted, args);
        log_error(&peer->tag, "%s: %.*s", what, SLICE_ARG(buf_slice(&quoted)));
        buf_fini(&quoted);
}

/* ---- clients of other protocols ----------------------------------------------------------- */

/* What they begin with, and what to do about it. */
static const struct {
        struct slice begin;
        const char *words;
} strangers[] = {
        { SLICE_LIT("\x16\x03"), "a TLS handshake on a port without TLS: give the client a nats:// "
                                 "URL, or this server "
                                 "a tls map" },
        { SLICE_LIT("GET /"), "HTTP on the client port: /healthz is on the monitoring port" },
        { SLICE_LIT("HEAD /"), "HTTP on the client port: /healthz is on the monitoring port" },
};

/* A health check that asks every second, or a fleet with the wrong URL, must not fill the log: ten a minute of
 * an address are told, and how many there were. */
static bool log_stranger(struct peer *peer, struct slice rest)
{
        static const struct fold_rule rule = { 60 * NS_PER_SEC, 10 };
        struct slice ip = slice_of((const char *)peer->addr.ip, sizeof peer->addr.ip);
        uint64_t held = 0;
        for (size_t i = 0; i < ARRAY_N(strangers); i++) {
                if (!slice_starts(rest, strangers[i].begin))
                        continue;
                if (!fold_tell(&peer->loop->roster->handshakes, &rule,
                            (slice_hash64(ip) ^ slice_hash64(strangers[i].begin)) | 1,
                            loop_now_ns(peer->loop), &held))
                        return false;
                if (held > 0)
                        log_error(&peer->tag, "%s; %llu more like it before", strangers[i].words,
                                (unsigned long long)held);
                else
                        log_error(&peer->tag, "%s", strangers[i].words);
                return true;
        }
        return true;
}

static void log_unknown(struct peer *peer, struct slice rest)
{
        struct buf snippet = { 0 };
        if (!log_stranger(peer, rest))
                return;
        proto_snippet(rest, 0, &snippet);
        log_error(&peer->tag, "%s parser ERROR: unknown operation in %.*s", peer->ops->name,
                SLICE_ARG(buf_slice(&snippet)));
        buf_fini(&snippet);
}

void peer_parse_error(struct peer *peer, int rc, const struct frame *frame, struct slice rest)
{
        switch (rc) {
        case ERR_PROTO_CONTROL_LINE:
                log_error(&peer->tag, "maximum control line exceeded");
                peer_close(peer, CLOSE_MAX_CONTROL_LINE);
                break;
        case ERR_PROTO_PAYLOAD:
                log_error(&peer->tag, "maximum payload exceeded: %.*s vs %lld",
                        SLICE_ARG(frame->total_size), (long long)peer->own.parser.max_payload);
                peer_close(peer, CLOSE_MAX_PAYLOAD);
                break;
        case ERR_PROTO_ARGS:
                log_bad_arguments(peer, frame, rest);
                peer_close(peer, CLOSE_PROTOCOL);
                break;
        default:
                log_unknown(peer, rest);
                peer_close(peer, CLOSE_PROTOCOL_OP);
                break;
        }
}
