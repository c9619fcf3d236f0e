/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h: one DER object by HTTP or HTTPS. It blocks, so it belongs on a thread of fetch_pool.h, never on
 * a loop nor on the crypto pool. HTTP/1.0 by the TLS library's client; HTTPS servers are verified against
 * the system's authorities. A GET follows 301 and 302, never from https to http. No proxies, no cookies, no
 * user names in URLs. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        FETCH_REDIRECTS_MAX = 10,
        FETCH_URL_MAX_BYTES = 8 * 1024,
};

struct fetch_request {
        const char *url;          /* http:// or https:// */
        bool post;                /* with body, of content_type; else GET */
        struct slice body;        /* borrowed */
        const char *content_type; /* NULL: none */
        const char *accept;       /* NULL: none */
        size_t max_bytes;         /* a longer answer is an error */
        uint64_t
                timeout_ns; /* for all of it, redirects included; only the resolver takes its own time */
};

struct fetch_answer {
        int status;      /* of the last answer */
        struct buf body; /* one ASN.1 object, when status is 200; the caller calls buf_fini() */
};

/* Returns: 0 (there is an answer; its status may be an error's), or a negative code with Go's words in eb:
 * "Post \"http://127.0.0.1:8888\": dial tcp 127.0.0.1:8888: connect: connection refused".
 * stop  set by any thread: end soon, with ERR_CLOSED; NULL: never */
MUST_CHECK int fetch(const struct fetch_request *request, const _Atomic bool *stop,
        struct fetch_answer *answer, struct errbuf *eb);
