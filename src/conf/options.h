/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: what the server was told, as one immutable struct of plain groups.
 * Built by options_load() from flags and files; each module is given only its own group.
 * All strings are owned by the struct's arena and never NULL unless said so. */
#pragma once
#include "base/err.h"
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct arena;

struct listen_options {
        const char *host;      /* "0.0.0.0" */
        int port;              /* -1: any free port */
        const char *advertise; /* NULL: none */
        int bound_port;        /* the port in use once the server listens; 0 before */
};

enum { LOOP_N_MAX = 256, CRYPTO_THREAD_N_MAX = 1024 };

enum write_timeout_policy { WRITE_TIMEOUT_DEFAULT, WRITE_TIMEOUT_CLOSE, WRITE_TIMEOUT_RETRY };

struct limit_options {
        int64_t max_connections;   /* <= 0: refuse everybody */
        int64_t max_subscriptions; /* 0: no limit */
        int max_sub_tokens;        /* 0: no limit */
        int max_control_line_bytes;
        int64_t max_payload_bytes; /* -1: no limit */
        int64_t max_pending_bytes;
        int max_closed_clients;
};

struct timing_options {
        int64_t ping_interval_ns;
        int ping_max;
        int64_t write_deadline_ns;
        enum write_timeout_policy write_timeout;
        int64_t auth_timeout_ns; /* effective: 2 s, or TLS timeout + 1 s */
        int64_t lame_duck_duration_ns;
        int64_t lame_duck_grace_ns;
};

struct log_file_options {
        const char *file; /* NULL: standard error */
        int64_t size_limit_bytes;
        int64_t max_files;
        bool debug, trace, trace_verbose, trace_headers;
        int max_traced_msg_len;
        bool time, time_utc;
        bool syslog;
        const char *remote_syslog; /* NULL: local */
};

struct monitor_options {
        const char *host;          /* defaults to the client host */
        int http_port, https_port; /* 0: off; -1: any free port */
        const char *base_path;     /* as configured; "" when not */
};

struct tls_pair_options {
        const char *cert_file, *key_file;
};

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* ocsp_peer of a `tls` map: do the issuers still vouch for what a peer shows (tls.md 11)? */
struct ocsp_peer_options {
        bool verify; /* the check is made */
        bool warn_only, unknown_is_good, allow_when_ca_unreachable;
        int64_t ca_timeout_ns;  /* of one request to a responder */
        int64_t clock_skew_ns;  /* between our clock and a responder's */
        int64_t default_ttl_ns; /* validity of a response without nextUpdate */
};

enum ocsp_cache_type { OCSP_CACHE_LOCAL, OCSP_CACHE_NONE };

struct ocsp_cache_options {
        enum ocsp_cache_type type;
        const char *local_store; /* directory */
        bool preserve_revoked;   /* an expired revocation is kept until a newer response comes */
        int64_t save_interval_ns;
};

/* One `tls` map (tls.md 1). */
struct tls_options {
        bool enabled; /* the map is present, or a flag */
        struct tls_pair_options *pairs;
        int pair_n;          /* 0: none; 1 for cert_file/key_file; more with certs */
        const char *ca_file; /* NULL: the system store */
        bool verify;         /* clients must present a certificate; map implies it */
        bool map;            /* verify_and_map: the certificate names the user */
        enum tls_version min_version;
        const char **suites; /* cipher_suites: names of suite.def in the file's order */
        int suite_n;         /* 0: the default list */
        const char **groups; /* curve_preferences */
        int group_n;         /* 0: the default list */
        const char **pins;   /* pinned_certs: 64 hex digits in lower case, sorted, each once */
        int pin_n;           /* 0: no pinning */
        int64_t timeout_ns;
        bool handshake_first;
        int64_t first_fallback_ns;     /* 0: no fallback */
        int64_t connection_rate_limit; /* handshakes a second; 0: no limit */
        struct ocsp_peer_options ocsp_peer;
        bool watch_off;       /* changed files are taken by a reload only */
        const char *position; /* "file:line:col" of the map, NULL from flags */
};

enum ocsp_mode { OCSP_MODE_AUTO, OCSP_MODE_MUST, OCSP_MODE_ALWAYS, OCSP_MODE_NEVER };

/* Stapling (tls.md 10). Left out, it is auto, but a reload tells the two apart. */
struct ocsp_options {
        bool configured;
        enum ocsp_mode mode;
        const char **urls; /* instead of the certificate's */
        int url_n;         /* 0: the certificate's */
};

/* The --tls* flags as given; they replace the map (tls above is the outcome) and forbid a reload.
 */
struct tls_flag_options {
        bool on, verify;
        const char *cert_file, *key_file, *ca_file; /* NULL: not given */
};

enum connection_type {
#define CONNECTION_TYPE(id) CONNECTION_##id,
#include "conf/connection_type.def"
#undef CONNECTION_TYPE
        CONNECTION_TYPE_COUNT
};

/* "subject" each, or "subject queue" where subscriptions are meant. */
struct subject_list {
        const char **at;
        int n; /* 0: no such list */
};

struct perm_options {
        struct subject_list publish_allow, publish_deny, subscribe_allow, subscribe_deny;
        bool responses; /* allow_responses; then without publish_allow nothing else is published */
        int64_t response_max;        /* < 0: no limit */
        int64_t response_expires_ns; /* < 0: never */
};

struct user_options {
        const char *name;                       /* or the public nkey */
        const char *password;                   /* "": none; clear text or bcrypt */
        const struct perm_options *permissions; /* NULL: everything; users may share it */
        unsigned connection_types;              /* 1 << CONNECTION_*; 0: all */
        bool proxy_required;
};

/* The `authorization` map. */
struct auth_options {
        const char *user, *password, *token; /* the single one; "": none */
        const struct user_options *users, *nkeys;
        int user_n, nkey_n;
        bool proxy_required;
        const char *no_auth_user; /* "": none */
        bool tls_map;             /* certificates name users: verify_and_map of the client port */
        bool given;               /* the file has a map that is not empty */
};

/* Must clients log in? */
static inline bool auth_options_required(const struct auth_options *auth)
{
        return auth->user_n > 0 || auth->nkey_n > 0 || auth->user[0] || auth->token[0];
}

struct options {
        struct arena *arena;
        const char *config_file;   /* NULL: none */
        const char *config_digest; /* "sha256:…" or "" */
        const char *server_name;   /* "" : use the server id */
        struct listen_options client;
        struct limit_options limits;
        struct timing_options timing;
        struct log_file_options log;
        struct monitor_options monitor;
        struct tls_options tls;
        struct tls_flag_options tls_flags;
        struct ocsp_options ocsp;
        struct ocsp_cache_options ocsp_cache;
        struct auth_options auth;
        bool allow_non_tls; /* clients with and without TLS on one port */
        bool no_system_account;
        bool no_header_support;
        bool no_fast_producer_stall;
        bool disable_sublist_cache;
        const char *pid_file;       /* "" : none */
        const char *store_dir;      /* "" : none */
        const char *ports_file_dir; /* "" : none */
        int loop_n;                 /* 0: one per usable core */
        int crypto_thread_n;        /* 0: one per usable core */
        int64_t connect_error_reports, reconnect_error_reports;
        int prof_port;
        struct {
                const char **tags;
                int tag_n;
                const char **keys, **values;
                int metadata_n;
        } about; /* server_tags, server_metadata */
        struct {
                const char **names; /* sorted */
                bool *on;
                int n;
        } features; /* feature_flags */
};

/* What parsing needs from layers above; each may be NULL. */
struct options_hooks {
        /* Load the certificates of a tls map, so that a bad file is a configuration error. */
        int (*check_tls)(const struct tls_options *tls, struct errbuf *eb);
};

/* Zero everywhere but where false is not the default; to be filled, then finished. */
struct options *options_new(void);
/* Give every option that was left alone its default. */
void options_finish(struct options *opts);
void options_free(struct options *opts);

/* The checks that a server makes before it starts, which `-t` does not: 0 or ERR_CONFIG. */
MUST_CHECK int options_validate(const struct options *opts, struct errbuf *eb);
/* What stops the monitoring ports from opening; the sentence is the log's fatal line. */
MUST_CHECK int options_validate_monitor(const struct options *opts, struct errbuf *eb);
